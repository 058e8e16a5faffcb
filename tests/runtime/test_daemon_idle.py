"""A daemon at rest: what its looks leave behind, and when the engine's memory is given back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from daemon_program import scopes
from scripted_engine import BASE, ScriptedEngine

from dormouse.runtime.bench.idle_cost import looked
from dormouse.runtime.daemon.daemon import Daemon
from dormouse.runtime.daemon.holders import COMMAND
from dormouse.runtime.engines import SharedBase
from dormouse.runtime.idle.abc import Clock
from dormouse.runtime.scopes import OWNER, Scopes
from dormouse.runtime.spec import Spec

LOOKS = 100


def test_looking_again_and_again_keeps_nothing(tmp_path: Path) -> None:
    left = looked(Spec(), tmp_path / "home", LOOKS, scopes)
    assert left.looks == LOOKS
    assert left.objects < 2 * LOOKS  # a look that keeps its readings keeps nine


class Ahead:
    """A clock that is set ahead by hand."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        start = datetime.now(UTC)
        self.clock = Clock(lambda: start + timedelta(seconds=self.passed_s), lambda: self.passed_s)


def test_one_engine_serves_all_users_and_gives_its_memory_back_when_nobody_used_it_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[ScriptedEngine] = []

    def open_engine(shared: SharedBase, gguf: Path, holds: tuple[str, ...] = ()) -> ScriptedEngine:
        opened.append(ScriptedEngine())
        return opened[-1]

    monkeypatch.setattr(SharedBase, "_opened", open_engine)
    monkeypatch.setattr("dormouse.runtime.scopes.served", lambda *_: lambda: tmp_path / "base.gguf")
    ahead = Ahead()
    spec = Spec.model_validate({"daemon": {"unload_after_min": 15}})
    daemon = Daemon(
        spec,
        tmp_path / "home",
        make_scopes=lambda spec, home: Scopes(
            spec, home, owner=OWNER, command=COMMAND, base=BASE, attach=False
        ),
        clock=ahead.clock,
        signals=[],
    )

    def loaded_after(minutes: float) -> bool:
        ahead.passed_s += 60 * minutes
        daemon.keep_house()
        loaded = daemon.scopes.in_use
        assert loaded == (not opened[-1].closed if opened else False)
        return loaded

    def said(user: str, question: str) -> str:
        with daemon.scopes.using(user) as agent:
            return agent.ask(question).answer

    try:
        assert not loaded_after(1)  # it is opened by the first turn
        assert said(OWNER, "hello") == said("ann", "hello") == "You said: hello"
        assert len(opened) == 1
        assert loaded_after(2)
        assert loaded_after(12)
        said("ann", "hello again")
        assert loaded_after(14)
        assert not loaded_after(2)
        assert said("ann", "and again") == said(OWNER, "and again") == "You said: and again"
        assert loaded_after(2)
        assert len(opened) == 2
    finally:
        daemon.close()


def test_between_two_looks_the_schedule_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To ask it at every pulse took 2% of a core."""
    monkeypatch.setattr("dormouse.runtime.daemon.daemon._PULSE_S", 0.01)
    daemon = Daemon(Spec(), tmp_path / "home", make_scopes=scopes, signals=[])
    asked, kept = 0, 0
    run_due, keep_house = daemon.schedule.run_due, daemon.keep_house

    def counted() -> float:
        nonlocal asked
        asked += 1
        return max(30.0, run_due())

    def keeping() -> None:
        nonlocal kept
        kept += 1
        keep_house()
        if kept == 10:
            daemon.stop()

    monkeypatch.setattr(daemon.schedule, "run_due", counted)
    monkeypatch.setattr(daemon, "keep_house", keeping)
    daemon.run()
    assert (asked, kept) == (1, 10)
