"""Naps of an agent over a tiny random model: learnt, served, given way to, taken in by the night, refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_models import write_tiny_llama
from tiny_nap import nap_settings
from tiny_night import FREE, SETTINGS, STRICT, Notetaker, script_the_night

from dormouse.memory.base_weights import BaseWeights, resolve
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.memory.manifest import Manifest
from dormouse.runtime.agent import Agent
from dormouse.runtime.spec import Spec
from dormouse.sleep import worker
from dormouse.sleep.consolidate import finished
from dormouse.sleep.right_of_way import RightOfWay
from dormouse.sleep.settings import ExamSettings

CONTEXT = 512
TALK = ("Morning! Old Vex chewed the sofa again.", "twelve winters in Tromso and no gloves")
CHATTER = "and then it rained and it rained, and the day after it rained a little more than before"


def spec(exam: ExamSettings = FREE, **nap: Any) -> Spec:
    sleep = SETTINGS.model_copy(update={"resume_after_s": 0.01, "nap": nap_settings(exam)})
    context = {"max_answer_tokens": 8, "nap": {"passes": 1, **nap}}
    declared = {"persona": "You are Pim.", "memory": {"context": context, "recall": {"enabled": False}}}
    return Spec.model_validate(declared).model_copy(update={"sleep": sleep, "exam": FREE})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def base(cache: Path) -> BaseWeights:
    return resolve(str(write_tiny_llama(cache / "base.gguf", seed=3)), cache)


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Notetaker:
    monkeypatch.setenv("DORMOUSE_CACHE", str(cache))
    return script_the_night(monkeypatch.setattr)


def train_here(folder: Path, *, way: RightOfWay) -> dict[str, Any]:
    """Trains in this process, which spares a child's imports."""
    if not (done := finished(folder)):
        worker.main(folder)
        done = finished(folder)
    assert done
    return done


@pytest.fixture(autouse=True)
def training(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """All but the first test train here; gives what to undo that with."""
    import torch

    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("dormouse.graphs.nap.consolidate", train_here)
        patched.setattr(
            "dormouse.sleep.consolidate.consolidate", lambda *given: train_here(given[0], way=RightOfWay())
        )
        yield patched
    torch.set_num_threads(threads)


Open = Callable[..., Agent]


@pytest.fixture
def opened(tmp_path: Path, base: BaseWeights) -> Iterator[Open]:
    """Opens the agent of one home, and closes it in the end."""
    agents: list[Agent] = []

    def open_agent(declared: Spec | None = None) -> Agent:
        for agent in agents:
            agent.close()
        engine = LlamaEngine(base.path, context_tokens=CONTEXT, threads=1)
        agents.append(Agent(declared or spec(), home=tmp_path / "home", engine=engine, base=base))
        return agents[-1]

    yield open_agent
    for agent in agents:
        agent.close()


def told(agent: Agent, *turns: str, chatter: int = 8) -> str:
    """Says these, and then so much more that they must leave the context; each nap is waited for."""
    session = agent.new_session()
    for turn in (*turns, *[CHATTER] * chatter):
        agent.chat(turn)
        agent.wait_for_nap()
    return session


def served(agent: Agent) -> list[str]:
    return [mount.name for mount in agent.space.engine.mounted]


def day(agent: Agent) -> Manifest:
    found = agent.space.journal.day_adapter()
    assert found is not None
    return agent.space.registry.get(found)


def test_what_leaves_a_full_context_is_learnt_and_then_left_out(
    opened: Open, training: pytest.MonkeyPatch
) -> None:
    """With a true training process."""
    training.undo()
    agent = opened()
    session = told(agent, *TALK)
    nap = agent.naps()[0]
    assert (nap.state, nap.passes, nap.report["reasons"]) == ("published", 1, [])
    assert served(agent) == [day(agent).id] and agent.space.registry.head() is None
    assert {memory.value for memory in agent.memories("admitted")} == {"Vex", "Tromso"}
    assert len(agent.space.journal.unharvested()) == 10  # the night reads them too
    shown = agent._wake._prompt._opening(session)
    assert min(turn.id for turn in shown.turns) > nap.upto
    assert "The user's dog's name is Vex." in shown.persona
    assert not agent.space.home.nap_path.exists()


def test_a_second_nap_goes_on_from_the_first(opened: Open) -> None:
    agent = opened()
    session = told(agent, TALK[0])
    first = day(agent)
    for turn in (TALK[1], *[CHATTER] * 8):
        agent.chat(turn, session)
        agent.wait_for_nap()
    second = day(agent)
    assert [nap.state for nap in agent.naps()].count("published") == 2
    assert [m.statement for m in second.memories] == [
        "The user's dog's name is Vex.",
        "The user's home city is Tromso.",
    ]
    assert [each.id for each in agent.space.registry.days()] == [second.id] != [first.id]
    assert served(agent) == [second.id]


def test_a_nap_is_served_on_top_of_the_nights_adapter_and_again_after_a_restart(opened: Open) -> None:
    agent = opened()
    agent.chat(TALK[1])
    night = agent.sleep().adapter
    told(agent, TALK[0])
    assert day(agent).parent == night
    assert served(agent) == [night, day(agent).id]
    again = opened()
    again.warm_up()
    assert served(again) == [night, day(again).id]
    assert again.rollback("base") is None
    assert served(again) == []
    assert "trained on top of another adapter" in again.warnings[-1]


def test_the_next_night_takes_the_day_adapter_in(opened: Open) -> None:
    agent = opened()
    told(agent, *TALK)
    taught = day(agent)
    report = agent.sleep()
    assert report.status == "published"
    assert served(agent) == [report.adapter]
    assert {m["id"] for m in report.memories} == {m.id for m in taught.memories}
    assert {memory.state for memory in agent.memories()} == {"consolidated"}
    assert agent.space.registry.days() == []
    assert {nap.night_id for nap in agent.naps() if nap.state == "published"} == {report.night}
    assert agent.overview().day_adapter is None
    assert agent.space.journal.nights()[-1].report["admitted"] == 2  # what naps admitted counts as heard


def test_a_nap_that_fails_its_exam_changes_nothing_but_is_told_of(opened: Open) -> None:
    agent = opened(spec(STRICT))
    session = told(agent, *TALK)
    nap = agent.naps()[0]
    assert nap.state == "rejected"
    assert nap.report["reasons"][0].startswith("new: ")
    assert served(agent) == [] == agent.space.registry.days()
    assert agent.space.journal.left_context(session) == 0
    assert agent.overview().nap_refused == f"Nap {agent.naps()[-1].id} failed its exam: " + "; ".join(
        agent.naps()[-1].report["reasons"]
    )
    assert any(nap.id in warning for warning in agent.warnings)
    assert agent.context(session) is not None
    assert agent.context(session).left_out > 0  # type: ignore[union-attr]
    assert len(agent.naps()) < 5  # not again at every turn


def test_where_nothing_can_train_the_context_is_cut_off_as_before(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dormouse.graphs.nap.util.find_spec", lambda name: None)
    agent = opened()
    session = told(agent, *TALK)
    assert {nap.state for nap in agent.naps()} == {"failed"}
    assert agent.overview().nap_refused == (
        f"Nap {agent.naps()[-1].id} could not be used: torch is not installed; "
        "the oldest turns are cut off instead"
    )
    assert agent.context(session).left_out > 0  # type: ignore[union-attr]


def test_without_passes_nothing_is_napped_on(opened: Open) -> None:
    agent = opened(spec(passes=0))
    session = told(agent, *TALK)
    assert agent.naps() == []
    assert agent.context(session).left_out > 0  # type: ignore[union-attr]


def test_talk_without_news_leaves_the_context_without_training(opened: Open) -> None:
    agent = opened()
    session = told(agent, "Morning! Slept badly.")
    assert [nap.state for nap in agent.naps()] == ["nothing-new"] * len(agent.naps())
    assert agent.space.journal.left_context(session) > 0
    assert served(agent) == []


def test_a_turn_halts_a_nap_and_the_nap_goes_on_after_it(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Halting()

    def halted(folder: Path, *, way: RightOfWay) -> dict[str, Any]:
        with way.pausing(work):
            work.began.set()
            assert work.may_end.wait(120)
        return train_here(folder, way=way)

    monkeypatch.setattr("dormouse.graphs.nap.consolidate", halted)
    agent = opened()
    session = agent.new_session()
    for turn in (*TALK, *[CHATTER] * 8):
        agent.chat(turn)
    assert work.began.wait(120)
    assert not agent.chat("hello there", session).interrupted
    assert work.paused.is_set()
    assert work.resumed.wait(120)
    work.may_end.set()
    agent.wait_for_nap()
    assert agent.naps()[0].state == "published"


def test_a_night_ends_a_nap_and_does_its_work(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    began = threading.Event()

    def endless(folder: Path, *, way: RightOfWay) -> dict[str, Any]:
        began.set()
        while True:
            way.wait()
            time.sleep(0.01)

    monkeypatch.setattr("dormouse.graphs.nap.consolidate", endless)
    agent = opened()
    for turn in (*TALK, *[CHATTER] * 8):
        agent.chat(turn)
    assert began.wait(120)
    report = agent.sleep()
    assert report.status == "published"
    assert agent.naps() == []
    assert served(agent) == [report.adapter]


def test_closing_ends_a_nap_and_the_next_agent_naps_again(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = threading.Event()

    def endless(folder: Path, *, way: RightOfWay) -> dict[str, Any]:
        began.set()
        while True:
            way.wait()
            time.sleep(0.01)

    with monkeypatch.context() as patched:
        patched.setattr("dormouse.graphs.nap.consolidate", endless)
        agent = opened()
        session = agent.new_session()
        for turn in (*TALK, *[CHATTER] * 8):
            agent.chat(turn)
        assert began.wait(120)
        agent.close()
    again = opened()
    again.chat("hello", session)
    again.wait_for_nap()
    assert again.naps()[0].state == "published"
    assert {memory.value for memory in again.memories()} == {"Vex", "Tromso"}


def test_what_is_forgotten_takes_the_day_adapter_with_it(opened: Open) -> None:
    agent = opened()
    told(agent, *TALK)
    assert len(served(agent)) == 1
    agent.forget(matching="Tromso")
    assert served(agent) == [] == agent.space.registry.days()
    assert agent.overview().day_adapter is None
    assert "Tromso" not in agent._wake._prompt._opening(agent.sessions()[0].id).persona


class Halting:
    """Work that notes when it is halted."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self.paused, self.resumed = threading.Event(), threading.Event()

    def pause(self) -> None:
        self.paused.set()

    def resume(self, held_s: float) -> None:
        self.resumed.set()

    def stop(self) -> None:
        self.may_end.set()
