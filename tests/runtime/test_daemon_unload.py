"""The engine's memory is given back between two uses, and never waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from scripted_engine import BASE, ScriptedEngine

from dormouse.graphs import sleep as graph
from dormouse.graphs.night import NightContext
from dormouse.memory.errors import BadInput
from dormouse.runtime.agent import Agent
from dormouse.sleep.records import NightReport, Progress

PATIENCE_S = 60.0


class Gate:
    """Something long, which a test ends."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def pass_through(self) -> None:
        self.reached.set()
        assert self.open.wait(2 * PATIENCE_S)


@contextmanager
def during(work: Callable[[], object], gate: Gate) -> Iterator[None]:
    """While `work`, in a thread of its own, stands at the gate."""
    working = threading.Thread(target=work)
    working.start()
    try:
        assert gate.reached.wait(PATIENCE_S)
        yield
    finally:
        gate.open.set()
        working.join()


def unloaded(agent: Agent) -> bool:
    """What `unload` says; fails when it waits for what goes on."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(agent.unload).result(PATIENCE_S / 2)


@pytest.fixture
def gate() -> Gate:
    return Gate()


def test_an_engine_that_answers_a_turn_is_kept_without_waiting_for_the_turn(
    tmp_path: Path, gate: Gate
) -> None:
    engine = ScriptedEngine(before_token=lambda said: gate.pass_through())
    with Agent(home=tmp_path, engine=lambda: engine, base=BASE) as agent:
        with during(lambda: agent.ask("hello"), gate):
            assert not unloaded(agent)
            assert not engine.closed
        assert unloaded(agent)
        assert engine.closed


def test_an_engine_that_is_being_opened_is_not_waited_for(tmp_path: Path, gate: Gate) -> None:
    def opened() -> ScriptedEngine:
        gate.pass_through()
        return ScriptedEngine()

    with Agent(home=tmp_path, engine=opened, base=BASE) as agent:
        with during(agent.warm_up, gate):
            assert not unloaded(agent)
        assert unloaded(agent)


def test_what_waits_for_the_end_of_a_night_is_not_waited_for(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forgetting holds off other nights while it waits for the one that runs."""

    def long_night(night: NightContext, progress: Callable[[Progress], None]) -> NightReport:
        gate.pass_through()
        return NightReport("nothing-new", None, [], [], None, {}, 0.0, "n0001")

    monkeypatch.setattr(graph, "run_night", long_night)
    with Agent(home=tmp_path, engine=ScriptedEngine, base=BASE) as agent:
        agent.warm_up()
        refused = list[BadInput]()

        def forget() -> None:
            try:
                agent.forget(matching="Vex")
            except BadInput as error:
                refused.append(error)

        with during(agent.sleep, gate):
            forgetting = threading.Thread(target=forget)
            forgetting.start()
            while not agent._night_lock.locked():
                assert forgetting.is_alive()
            assert not unloaded(agent)
            gate.open.set()
            forgetting.join()
        assert len(refused) == 1
        assert unloaded(agent)
