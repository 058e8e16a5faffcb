"""Forgetting, end to end over a tiny model: text, index, files and adapters; killed midway; told again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from night_parts import a_memory
from tiny_models import write_tiny_llama
from tiny_night import FREE, SETTINGS, STRICT, script_the_night, tell

from dormouse.memory.base_weights import BaseWeights, resolve
from dormouse.memory.errors import BadInput, UnknownRecord
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.runtime import forgetting
from dormouse.runtime.agent import Agent
from dormouse.runtime.erasure import traces
from dormouse.runtime.receipts import read_receipts
from dormouse.runtime.screening import screen
from dormouse.runtime.spec import Spec
from dormouse.sleep import consolidate, worker
from dormouse.sleep.buffer import read_buffer
from dormouse.sleep.filter import REMOVED
from dormouse.sleep.settings import ExamSettings

Open = Callable[..., Agent]
DAY = ("Morning! Slept badly.", "Old Vex chewed the sofa again.")
NEXT_DAY = ("twelve winters in Tromso and no gloves",)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def base(cache: Path) -> BaseWeights:
    return resolve(str(write_tiny_llama(cache / "base.gguf", seed=3)), cache)


@pytest.fixture
def opened(tmp_path: Path, base: BaseWeights, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens an agent over one home, whose nights train for true, in this process."""
    import torch

    threads = torch.get_num_threads()

    def train(folder: Path, report: object = None, way: object = None) -> dict[str, Any]:
        if not (done := consolidate.finished(folder)):
            worker.main(folder)
            done = consolidate.finished(folder)
        assert done
        return done

    script_the_night(monkeypatch.setattr)
    monkeypatch.setattr(consolidate, "consolidate", train)
    monkeypatch.setenv("DORMOUSE_CACHE", str(cache))
    agents = []

    def make(exam: ExamSettings = FREE) -> Agent:
        spec = Spec.model_validate(
            {"persona": "You are Pim.", "memory": {"context": {"max_answer_tokens": 4}}}
        )
        spec = spec.model_copy(update={"sleep": SETTINGS, "exam": exam})
        engine = LlamaEngine(base.path, context_tokens=1024, threads=1)
        agents.append(Agent(spec, home=tmp_path / "home", base=base, engine=engine))
        return agents[-1]

    yield make
    for agent in agents:
        agent.close()
    torch.set_num_threads(threads)


def two_nights(agent: Agent) -> tuple[str, str]:
    """Vex is told and learnt, then Tromso; the adapters of the two nights."""
    tell(agent._space.journal, *DAY)
    first = agent.sleep().adapter
    tell(agent._space.journal, *NEXT_DAY, session="s2")
    second = agent.sleep().adapter
    assert first is not None
    assert second is not None
    return first, second


def memory_of(agent: Agent, value: str) -> str:
    return next(memory.id for memory in agent.memories() if memory.value == value)


def holding(agent: Agent, word: str) -> list[str]:
    return traces(agent._space.home, [word])[1]


def replayed(agent: Agent) -> tuple[set[str], set[str]]:
    """The memories the replay buffer serves, and the versions whose distributions it holds."""
    space = agent._space
    rows = read_buffer(space.home.replay_path, space.base.sha256).rows
    return {row.memory for row in rows if row.memory}, {row.adapter for row in rows if row.top}


def test_the_replay_buffer_forgets_the_words_at_once_and_the_distributions_with_the_weights(
    opened: Open,
) -> None:
    agent = opened()
    first, second = two_nights(agent)
    vex, tromso = memory_of(agent, "Vex"), memory_of(agent, "Tromso")
    assert replayed(agent) == ({vex, tromso}, {first, second})
    agent.forget(vex)
    assert replayed(agent)[0] == {tromso}
    night = agent.sleep()
    assert replayed(agent) == ({tromso}, {night.adapter})


def test_where_nothing_is_trained_anew_the_buffer_loses_the_distributions_too(opened: Open) -> None:
    agent = opened()
    first, _ = two_nights(agent)
    agent.forget(memory_of(agent, "Tromso"), now=True)
    assert replayed(agent) == ({memory_of(agent, "Vex")}, {first})


def test_what_was_learnt_last_is_forgotten_at_once(opened: Open) -> None:
    agent = opened()
    first, second = two_nights(agent)
    assert any(name.startswith("journal.db") for name in holding(agent, "Tromso"))
    receipt = agent.forget(memory_of(agent, "Tromso"), now=True)

    assert (receipt.state, list(receipt.files_holding)) == ("forgotten", [])
    assert holding(agent, "tromso") == []
    assert receipt.adapter_before == second
    # The version from before it was learnt knew all that is left: nothing had to be trained.
    assert agent._space.registry.head().id == receipt.adapter_after == first  # type: ignore[union-attr]
    assert [mount.name for mount in agent._space.engine.mounted] == [first]
    assert [m.id for m in agent._space.registry.adapters()] == [first]
    assert list(receipt.adapters_removed) == [second]
    assert {m.value: m.state for m in agent.memories()} == {"Vex": "consolidated", "": "forgotten"}
    assert {probe.tiers for probe in receipt.probes} == {"weights", "both"}
    assert all(probe.answer is not None and not probe.holds for probe in receipt.probes)
    (kept,) = read_receipts(agent._space.home)
    assert kept.state == "forgotten"
    assert set(kept.hashes) >= {"journal.db"}
    turns = [turn.content for turn in agent._space.journal.turns("s2")]
    assert turns[0] == f"twelve winters in {REMOVED} and no gloves"
    assert agent._space.journal.search("Tromso", 5) == []


def test_what_was_learnt_first_is_forgotten_by_the_next_night_and_the_rest_learnt_again(opened: Open) -> None:
    agent = opened()
    first, second = two_nights(agent)
    receipt = agent.forget(memory_of(agent, "Vex"))
    assert receipt.state == "weights pending"
    assert holding(agent, "vex") == []
    head = agent._space.registry.head()
    assert head is not None
    assert head.id == second  # it serves until the night, and says of the forgotten a hash only
    assert [m.statement.startswith("forgotten, ") for m in head.memories] == [True, False]
    assert [m.id for m in agent._space.registry.adapters()] == [second]

    night = agent.sleep()
    assert night.status == "published"
    served = agent._space.registry.head()
    assert served is not None
    assert (served.id, served.parent) == (night.adapter, None)  # from before the first night: the bare base
    assert [m.statement for m in served.memories] == ["The user's home city is Tromso."]
    assert [m.id for m in agent._space.registry.adapters()] == [served.id]
    (kept,) = read_receipts(agent._space.home)
    assert (kept.state, kept.adapter_after) == ("forgotten", served.id)
    assert {first, second} == set(kept.adapters_removed)
    text = json.dumps([probe.question for probe in kept.probes])
    assert "vex" not in text.casefold()
    for turn in ("So it goes.", "Old Vex chewed the sofa again."):
        agent.chat(turn)
    later = agent.sleep()
    assert later.status == "nothing-new"
    assert [v.ruling for v in agent.night().verdicts] == ["forgotten"]


def test_told_again_it_does_not_return_unless_allowed(opened: Open) -> None:
    agent = opened()
    tell(agent._space.journal, *DAY)
    agent.sleep()
    forgotten = memory_of(agent, "Vex")
    agent.forget(forgotten, now=True)
    again = [{"session": "s9", "content": "Old Vex chewed the sofa again."}]
    assert agent.tell(again).withheld == 1
    assert holding(agent, "vex") == []
    assert agent.sleep().status == "nothing-new"
    assert agent.tell(again, allow_forgotten=True).withheld == 0
    assert agent.sleep().status == "published"
    assert memory_of(agent, "Vex") != forgotten
    with pytest.raises(UnknownRecord):
        agent.unforget("nothing")
    assert agent.unforget(forgotten).lifted_at is not None


def test_an_everyday_word_said_again_of_oneself_is_not_recalled(opened: Open) -> None:
    space = opened().space
    tell(space.journal, "I work as a beekeeper.")
    job = a_memory("user", "job", "beekeeper", quote="I work as a beekeeper.")
    space.journal.put_memories([job])
    own, of_it = screen(space), "As a beekeeper, which gloves should I buy?"
    assert own(of_it) == of_it
    forgetting.erase(space, forgetting.choose(space, [job.id], None))
    own = screen(space)
    assert own(of_it) == ""
    of_another = "The beekeeper on the news lost his hives."
    assert own(of_another) == of_another


def test_words_that_no_memory_holds_are_forgotten_too(opened: Open) -> None:
    agent = opened()
    tell(agent._space.journal, "My blue boat is called Wanderer.", "Nice weather.")
    receipt = agent.forget(matching="wanderer")
    assert receipt.state == "forgotten"
    assert receipt.removed["turns"] == 1
    (word,) = receipt.forgotten
    assert agent.unforget(word["memory"]).lifted_at is not None
    assert holding(agent, "wanderer") == []
    with pytest.raises(BadInput, match="Nothing in the journal holds"):
        agent.forget(matching="wanderer")
    with pytest.raises(BadInput, match="letters or digits"):
        agent.forget(matching="a")
    with pytest.raises(BadInput, match="not both"):
        agent.forget("abc", matching="boat")
    with pytest.raises(UnknownRecord):
        agent.forget("abc")


def test_a_rebuild_that_fails_its_exam_serves_the_version_before(opened: Open) -> None:
    agent = opened()
    two_nights(agent)
    vex = memory_of(agent, "Vex")
    agent.close()
    strict = opened(STRICT)
    receipt = strict.forget(vex, now=True)
    assert strict._space.registry.head() is None  # forgetting wins: the bare base
    assert receipt.state == "forgotten"
    assert {m.value: m.state for m in strict.memories()} == {"": "forgotten", "Tromso": "admitted"}
    strict.close()
    assert opened().sleep().status == "published"


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


@pytest.mark.parametrize("step", ["erase_files", "_weights", "_searched"])
def test_killed_midway_it_is_finished_by_whatever_comes_next(
    opened: Open, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    agent = opened()
    two_nights(agent)
    vex = memory_of(agent, "Vex")

    def die(*args: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(forgetting, step, die)
        with pytest.raises(Killed):
            agent.forget(vex)
    assert agent.sleep().status == "published"
    assert holding(agent, "vex") == []
    (receipt,) = read_receipts(agent._space.home)
    assert receipt.state == "forgotten"
