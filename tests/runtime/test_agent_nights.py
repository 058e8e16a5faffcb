"""An agent by night: turns are answered meanwhile, there is one night at a time, and closing ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import BASE, ScriptedEngine

from dormouse.graphs import sleep as graph
from dormouse.graphs.night import NightContext
from dormouse.memory.engine import Message, Mount
from dormouse.runtime.agent import Agent
from dormouse.runtime.spec import Spec
from dormouse.sleep.errors import NightFailed, NightStopped
from dormouse.sleep.records import NightReport, Progress

REPORT = NightReport("nothing-new", None, [], [], None, {}, 0.0)
QUICK = Spec.model_validate({"sleep": {"resume_after_s": 0.01}})


class LongNight:
    """Stands in for a night: it asks the engine again and again until it is told to end."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self.answers, self.nights = 0, 0
        self.fails: Exception | None = None

    def __call__(self, night: NightContext, progress: Callable[[Progress], None]) -> NightReport:
        self.nights += 1
        while not self.may_end.is_set():
            night.engine.complete([Message("user", "a question of the night's")])
            self.answers += 1
            progress(Progress("exam", self.answers, 100))
            self.began.set()
        if self.fails:
            raise self.fails
        night.engine.mount((Mount("new", Path("new.gguf")),))
        return REPORT


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> LongNight:
    slept = LongNight()
    monkeypatch.setattr(graph, "run_night", slept)
    return slept


@pytest.fixture
def agent(tmp_path: Path, night: LongNight) -> Iterator[Agent]:
    with Agent(QUICK, home=tmp_path / "home", engine=ScriptedEngine(), base=BASE) as agent:
        yield agent
        night.may_end.set()


def in_thread(call: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(call())
        except Exception as error:  # noqa: BLE001 (the test looks at it)
            came.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, came


def test_turns_are_answered_during_a_night_and_the_night_goes_on(agent: Agent, night: LongNight) -> None:
    sleeping, came = in_thread(agent.sleep)
    assert night.began.wait(120)
    replies = [agent.chat(f"turn {n}") for n in range(3)]
    assert [reply.text for reply in replies] == [f"You said: turn {n}" for n in range(3)]
    answers = night.answers
    while night.answers < answers + 3:
        assert sleeping.is_alive()
    night.may_end.set()
    sleeping.join(120)
    assert came == [REPORT]
    assert agent.chat("after").adapter == "new"


def test_the_night_computes_nothing_while_a_turn_is_answered(tmp_path: Path, night: LongNight) -> None:
    said = threading.Event()
    during: list[int] = []

    def slow(words: int) -> None:
        if engine.asked[-1].messages[-1].content == "hello" and words:
            during.append(len(engine.asked))
            said.wait(0.05)

    engine = ScriptedEngine(before_token=slow)
    with Agent(QUICK, home=tmp_path / "home", engine=engine, base=BASE) as agent:
        in_thread(agent.sleep)
        assert night.began.wait(120)
        agent.chat("hello")
        night.may_end.set()
    assert len(during) == 2 and len(set(during)) == 1


def test_a_night_gives_way_to_the_turns_of_other_agents_too(tmp_path: Path, agent: Agent) -> None:
    held: list[bool] = []
    engine = ScriptedEngine(before_token=lambda said: held.append(agent.way.held))
    with Agent(QUICK, home=tmp_path / "other", engine=engine, base=BASE) as other:
        other.chat("hello there")
    assert len(held) > 1 and all(held)


def test_a_second_sleeper_is_given_the_night_that_is_running(agent: Agent, night: LongNight) -> None:
    first, one = in_thread(agent.sleep)
    assert night.began.wait(120)
    heard = threading.Event()
    second, two = in_thread(lambda: agent.sleep(lambda progress: heard.set()))
    assert heard.wait(120)
    night.may_end.set()
    first.join(120)
    second.join(120)
    assert (one, two, night.nights) == ([REPORT], [REPORT], 1)
    assert agent.sleep() == REPORT
    assert night.nights == 2


def test_who_watches_hears_the_night_from_its_beginning_and_has_not_asked_for_it(
    agent: Agent, night: LongNight
) -> None:
    assert agent.watch_night(lambda progress: None) is None
    first, one = in_thread(agent.sleep)
    assert night.began.wait(120)
    told: list[Progress] = []
    second, two = in_thread(lambda: agent.watch_night(told.append))
    while len(told) < 3:
        assert second.is_alive()
    assert agent.sleeping is not None and agent.sleeping.joiners == 1
    night.may_end.set()
    first.join(120)
    second.join(120)
    assert (one, two) == ([REPORT], [REPORT])
    assert [progress.done for progress in told[:3]] == [1, 2, 3]


def test_everyone_is_told_of_a_failure(agent: Agent, night: LongNight) -> None:
    night.fails = NightFailed("exam", "the lights went out.")
    first, one = in_thread(agent.sleep)
    second, two = in_thread(agent.sleep)
    assert night.began.wait(120)
    night.may_end.set()
    first.join(120)
    second.join(120)
    assert [type(end[0]) for end in (one, two)] == [NightFailed, NightFailed]


def test_closing_ends_the_night(tmp_path: Path, night: LongNight) -> None:
    agent = Agent(QUICK, home=tmp_path / "home", engine=ScriptedEngine(), base=BASE)
    sleeping, came = in_thread(agent.sleep)
    assert night.began.wait(120)
    agent.close()
    sleeping.join(120)
    assert isinstance(came[0], NightStopped)
