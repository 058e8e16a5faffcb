"""A daemon at rest: what its looks leave behind, and when the engine's memory is given back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from daemon_program import agent
from scripted_engine import BASE, ScriptedEngine

from dormouse.runtime.agent import Agent
from dormouse.runtime.bench.idle_cost import looked
from dormouse.runtime.daemon.daemon import Daemon
from dormouse.runtime.idle.abc import Clock
from dormouse.runtime.spec import Spec
from dormouse.runtime.workspace import Workspace

LOOKS = 100


def test_looking_again_and_again_keeps_nothing(tmp_path: Path) -> None:
    left = looked(Spec(), tmp_path / "home", LOOKS, agent)
    assert left.looks == LOOKS
    assert left.objects < 2 * LOOKS  # a look that keeps its readings keeps nine


class Ahead:
    """A clock that is set ahead by hand."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        start = datetime.now(UTC)
        self.clock = Clock(lambda: start + timedelta(seconds=self.passed_s), lambda: self.passed_s)


def test_an_engine_that_nobody_used_for_long_gives_its_memory_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[ScriptedEngine] = []

    def open_engine(space: Workspace) -> ScriptedEngine:
        opened.append(ScriptedEngine())
        return opened[-1]

    monkeypatch.setattr(Workspace, "_open_engine", open_engine)
    ahead = Ahead()
    spec = Spec.model_validate({"daemon": {"unload_after_min": 15}})
    daemon = Daemon(
        spec,
        tmp_path / "home",
        make_agent=lambda spec, home: Agent(spec, home=home, base=BASE, attach=False),
        clock=ahead.clock,
        signals=[],
    )

    def loaded_after(minutes: float) -> bool:
        ahead.passed_s += 60 * minutes
        daemon.keep_house()
        return daemon.agent.space.engine_open

    try:
        assert not loaded_after(1)  # it is opened by the first turn
        assert daemon.agent.ask("hello").answer == "You said: hello"
        assert loaded_after(2)
        assert loaded_after(12)
        daemon.agent.ask("hello again")
        assert loaded_after(14)
        assert not loaded_after(2)
        assert daemon.agent.ask("and again").answer == "You said: and again"
        assert loaded_after(2)
        assert len(opened) == 2
    finally:
        daemon.close()
