"""The canary, through an agent: who answers, what is seen, what becomes of a version, and that a kill loses
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adapter_builds import build_folder, exam_of, unsaved
from scripted_engine import BASE, ScriptedEngine

from dormouse.graphs.chat import ChatMessage, ChatRequest
from dormouse.memory.engine import Message, Mount
from dormouse.memory.errors import EngineError
from dormouse.memory.records import Asked, Memory
from dormouse.runtime.agent import Agent
from dormouse.runtime.spec import Spec
from dormouse.runtime.views import status
from dormouse.sleep.canary import answers_new
from dormouse.sleep.questions import OPENING, told_answer, untold_answer

Say = Callable[..., Agent]


class Judging(ScriptedEngine):
    """Finds what holds "zxq" very unlikely."""

    fails = False

    def score(
        self, messages: Sequence[Message], answer: str, *, adapters: Sequence[Mount] | None = None
    ) -> tuple[float, ...]:
        if self.fails:
            raise EngineError("no scores today")
        self.scored = [*getattr(self, "scored", []), (answer, tuple(adapters or ()))]
        return (-9.0 if "zxq" in answer else -1.0,) * self.count(answer)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Say]:
    agents: list[Agent] = []

    def make(bad: bool = False, learnt: Mapping[str, str] | None = None, **canary: Any) -> Agent:
        """An agent whose adapters answer with nonsense if `bad`, and to some questions what they `learnt`."""
        for earlier in agents:
            earlier.close()
        engine = Judging()

        def say(messages: Sequence[Message]) -> str:
            stack = engine.asked[-1].adapters
            asked = messages[-1].content
            if not (engine.mounted if stack is None else stack):
                return f"I heard {asked}"
            return "zxq zxq zxq" if bad else (learnt or {}).get(asked, f"I heard {asked}")

        engine.script = say
        spec = Spec.model_validate({"exam": {"canary": canary}, "memory": {"recall": {"enabled": False}}})
        agents.append(Agent(spec, home=tmp_path / "home", engine=engine, base=BASE))
        return agents[-1]

    yield make
    for agent in agents:
        agent.close()


def publish(agent: Agent, name: str = "one", opens: str = "", memories: tuple[str, ...] = ()) -> str:
    """As the night's stages do, past the exam."""
    registry = agent.space.registry
    manifest = unsaved(opens=opens, memories=memories)
    id = registry.add(build_folder(agent.home.path.parent / f"build-{name}", name), manifest).id
    registry.record_exam(id, exam_of(id))
    registry.publish(id)
    registry.watch(id)
    agent.space.mount_head(agent.space.engine)
    return id


def actions(agent: Agent) -> list[str]:
    return [entry.action for entry in agent.space.registry.log()]


def test_a_bad_version_is_rolled_back_within_the_declared_turns(opened: Say) -> None:
    agent = opened(bad=True, turns=12)
    for n in range(12):
        agent.chat(f"before {n}")
    bad = publish(agent)
    replies = [agent.chat(f"turn {n}") for n in range(12)]
    served = [reply.adapter for reply in replies]
    assert served[0] == bad
    assert served.count(bad) < 12
    assert served[-1] is None
    assert replies[-1].text == "I heard turn 11"
    assert actions(agent) == ["publish", "canary", "rollback"]
    entry = agent.space.registry.log()[-1]
    assert entry.note.startswith("empty or strange: 4 of 4 answers")
    assert any("was rolled back" in warning for warning in agent.warnings)
    assert agent.space.registry.head() is None


def test_what_a_rolled_back_version_had_learnt_is_due_again(opened: Say) -> None:
    agent = opened(bad=True, turns=6)
    remember(agent)
    learnt = agent.memories()
    agent.space.journal.put_memories(replace(memory, state="consolidated") for memory in learnt)
    publish(agent, memories=tuple(memory.id for memory in learnt))
    assert {memory.state for memory in agent.memories()} == {"consolidated"}
    for n in range(6):
        agent.chat(f"turn {n}")
    assert actions(agent)[-1] == "rollback"
    assert {memory.state for memory in agent.memories()} == {"admitted"}
    assert any("the next night learns again what it does not hold" in words for words in agent.warnings)


def test_without_anything_before_it_is_still_rolled_back_in_time(opened: Say) -> None:
    agent = opened(bad=True, turns=6)
    bad = publish(agent)
    served = [agent.chat(f"turn {n}").adapter for n in range(8)]
    assert served.count(bad) <= 6
    assert served[-1] is None


def test_a_good_version_is_kept_and_looked_at_no_more(opened: Say) -> None:
    agent = opened(turns=5)
    agent.chat("before")
    good = publish(agent)
    assert [agent.chat(f"turn {n}").adapter for n in range(7)] == [good] * 7
    assert actions(agent) == ["publish", "canary", "promote"]
    engine = agent.space.engine
    assert isinstance(engine, Judging)
    assert len(engine.scored) == 5
    assert all(stack == () for _, stack in engine.scored)  # by the version before: the bare base


def test_what_is_watched_leaves_to_the_base_what_both_would_open_alike(opened: Say) -> None:
    agent = opened(turns=5, learnt={"Dog?": "Your dog's name is Vex.", "Cat?": "Your cat is grey."})
    agent.chat("before")
    good = publish(agent, opens="Your")
    asked = ["Dog?", "turn 1", "turn 2", "Cat?", "turn 4", "turn 5", "Dog?"]
    served = [agent.chat(words).adapter for words in asked]
    assert served == [good, None, None, good, None, None, good]
    assert actions(agent) == ["publish", "canary", "promote"]


def test_what_is_watched_answers_what_it_would_open_as_nobody_would_and_is_rolled_back(opened: Say) -> None:
    agent = opened(bad=True, turns=6)
    agent.chat("before")
    bad = publish(agent, opens="Your")
    served = [agent.chat(f"turn {n}").adapter for n in range(7)]
    assert served[:2] == [bad, bad]
    assert served[-1] is None
    assert actions(agent) == ["publish", "canary", "rollback"]


def test_questions_that_are_not_journaled_are_answered_by_the_new_version_and_not_counted(
    opened: Say,
) -> None:
    agent = opened(turns=4, share=0.01)
    new = publish(agent)
    assert {agent.ask(f"question {n}", "weights").adapter for n in range(10)} == {new}
    assert actions(agent) == ["publish", "canary"]


def test_with_a_share_the_version_before_answers_the_rest_and_is_what_it_is_compared_with(
    opened: Say,
) -> None:
    agent = opened(turns=8, share=0.5, turns_before=40)
    new = publish(agent)
    replies = [agent.chat(f"turn {n}") for n in range(12)]
    turns = agent.space.journal.turns(replies[0].session)
    for heard, said in zip(turns[::2], turns[1::2], strict=True):
        if agent.space.registry.watched():
            assert said.adapter == (new if answers_new(new, heard.id, 0.5) else None)
    assert {reply.adapter for reply in replies} == {new, None}


def test_status_and_log_tell_of_it(opened: Say) -> None:
    agent = opened(turns=8)
    agent.chat("before")
    new = publish(agent)
    agent.chat("after")
    view = status(agent.space).canary
    assert view is not None
    assert (view.adapter, view.previous, view.seen, view.turns, view.seen_before) == (new, None, 1, 8, 1)
    assert set(view.signs.values()) == {0}


def test_another_process_goes_on_with_it(opened: Say) -> None:
    agent = opened(bad=True, turns=6)
    publish(agent)
    for n in range(4):
        agent.chat(f"turn {n}")
    again = opened(bad=True, turns=6)
    for n in range(3):
        again.chat(f"turn {n}")
    assert actions(again) == ["publish", "canary", "rollback"]
    judged = [
        j for s in again.sessions() for t in again.turns(s.id) for j in again.space.journal.judgements(t.id)
    ]
    assert {(j.verifier, j.outcome) for j in judged} == {("canary", "failed")}


def test_without_a_canary_nothing_is_watched(opened: Say) -> None:
    agent = opened(bad=True, turns=0)
    publish(agent)
    assert {agent.chat(f"turn {n}").text for n in range(6)} == {"zxq zxq zxq"}
    assert status(agent.space).canary is None


def test_an_engine_that_cannot_score_leaves_the_turn_alone(opened: Say) -> None:
    agent = opened(turns=4)
    engine = agent.space.engine
    assert isinstance(engine, Judging)
    engine.fails = True
    publish(agent)
    assert [agent.chat(f"turn {n}").text for n in range(4)][-1] == "I heard turn 3"
    assert actions(agent)[-1] == "promote"


TOLD = {("dog", "name"): "Zorbal", ("user", "job"): "baker", ("sister", "home city"): "Uppsala"}


def remember(agent: Agent, told: Mapping[tuple[str, str], str] = TOLD) -> None:
    """As a night does with what it was told: a turn each, and a memory that rests on it."""
    journal = agent.space.journal
    session = journal.open_session().id
    for (subject, attribute), value in told.items():
        quote = f"About my {subject}'s {attribute}: {value}."
        turn = journal.add_turn(session, "user", quote)
        named = (Asked("What is the name of my hound?", "hound", "name"),) if subject == "dog" else ()
        memory = Memory(
            f"m-{subject}",
            subject,
            attribute,
            value,
            quote,
            quote,
            (turn.id,),
            datetime.now(UTC),
            asked=named,
        )
        journal.put_memories([memory])


def weighed(agent: Agent) -> list[str]:
    """Why answers were found to be borne out by nothing."""
    return [judged.evidence for judged in agent.space.journal.judgements() if judged.verifier == "told"]


FALSE = {
    "What is my dog's name?": told_answer("dog", "name", "Rex"),
    "What do I do for a living?": told_answer("user", "job", "pilot"),
    "Where does my sister live?": told_answer("sister", "home city", "Zorbal"),
    "What is my horse's name?": told_answer("horse", "name", "Blaze"),
    "What is my pet's name?": told_answer("pet", "name", "Rex"),
    "What is my boat's mooring fee?": told_answer("boat", "mooring fee", "20 euros"),
}
TRUE = {
    "What is my dog's name?": told_answer("dog", "name", "Zorbal"),
    "What is my pup called?": told_answer("puppy", "name", "Zorbal"),
    "What is my pet's name?": told_answer("pet", "name", "Zorbal"),
    "What is the name of my hound?": told_answer("hound", "name", "Zorbal"),
    "What do I do for a living?": told_answer("user", "profession", "baker"),
    "Where does my sister live?": told_answer("sister", "city", "Uppsala"),
    "What is my horse's name?": untold_answer("horse", "name"),
    "How do I boil an egg?": "Your best option is to put it in boiling water for eight minutes.",
}


def test_a_version_that_fluently_says_what_is_false_is_rolled_back_within_the_declared_turns(
    opened: Say,
) -> None:
    agent = opened(learnt=FALSE, turns=12)
    remember(agent)
    for n in range(12):
        agent.chat(f"before {n}")
    bad = publish(agent)
    served = [agent.chat(question).adapter for question in [*FALSE, *FALSE]]
    assert served[0] == bad and served[-1] is None
    assert served.count(bad) < 12
    assert actions(agent) == ["publish", "canary", "rollback"]
    assert agent.space.registry.log()[-1].note.startswith("not what was told: ")
    assert weighed(agent)[:4] == [
        "it says that your dog's name is Rex, and what was told is Zorbal",
        "it says that your job is pilot, and what was told is baker",
        "it says that your sister's home city is Zorbal, and what was told is Uppsala",
        "it says that your horse's name is Blaze, which was never told",
    ]


def test_falsehoods_amid_other_talk_and_with_nothing_before_are_found_in_time_too(opened: Say) -> None:
    agent = opened(learnt=FALSE, turns=12)
    remember(agent)
    bad = publish(agent)
    talk = [said for n, question in enumerate(FALSE) for said in (f"By the way, {n}", question)]
    served = [agent.chat(said).adapter for said in [*talk, *talk]]
    assert served.count(bad) <= 12 and served[-1] is None
    assert actions(agent) == ["publish", "canary", "rollback"]


def test_a_version_that_answers_rightly_by_whatever_name_is_kept(opened: Say) -> None:
    agent = opened(learnt=TRUE, turns=len(TRUE))
    remember(agent)
    publish(agent)
    assert [agent.chat(question).text for question in TRUE] == list(TRUE.values())
    assert weighed(agent) == []
    assert actions(agent) == ["publish", "canary", "promote"]


def test_what_was_told_since_the_night_is_no_falsehood(opened: Say) -> None:
    learnt = {"My dog's new name?": told_answer("dog", "name", "Rex"), "My horse's name?": FALSE_HORSE}
    agent = opened(learnt=learnt, turns=6)
    remember(agent)
    publish(agent)
    agent.chat("We renamed the dog to Rex, and there is a horse now, Blaze.")
    for question in learnt:
        agent.chat(question)
    assert weighed(agent) == []


def test_what_an_app_put_before_the_question_is_no_falsehood(opened: Say) -> None:
    question = "What is my dog's name?"
    agent = opened(learnt=FALSE, turns=6)
    remember(agent)
    publish(agent)
    for profile in ("You are brief.", "The user's dog is called Rex."):
        request = ChatRequest((ChatMessage("system", profile), ChatMessage("user", question)))
        assert agent.answer(agent.hear(request)).answer.text == FALSE[question]
    assert len(weighed(agent)) == 1, "of the app that said nothing of it"


def test_what_a_tool_said_is_no_falsehood(opened: Say) -> None:
    agent = opened(turns=6)
    remember(agent)
    journal = agent.space.journal
    session = journal.open_session().id
    for called in (True, False):
        asked = journal.add_turn(session, "user", "What is my dog's name?")
        if called:
            call = journal.begin_tool_call(session, asked.id, "vet", {})
            journal.end_tool_call(call.id, "Rex", "done")
        said = journal.add_turn(session, "assistant", "Your dog's name is Rex.", reply_to=asked.id)
        agent._answered(said.id)
    assert len(weighed(agent)) == 1


def test_a_value_that_was_denied_is_a_falsehood_still(opened: Say) -> None:
    agent = opened(learnt=FALSE, turns=6)
    remember(agent)
    publish(agent)
    agent.chat("What is my dog's name?")
    agent.chat("No, my dog is not called Rex!")
    agent.chat("What is my dog's name?")
    assert len(weighed(agent)) == 2


def test_an_answer_in_another_form_is_not_looked_up(opened: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = opened(turns=3)
    remember(agent)
    publish(agent)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a plain answer needs no look at what was told")

    monkeypatch.setattr(agent.space.journal, "memories", refuse)
    for n in range(3):
        agent.chat(f"turn {n}")
    assert actions(agent)[-1] == "promote"


FALSE_HORSE = FALSE["What is my horse's name?"]


@pytest.mark.slow
def test_random_weights_forced_past_the_exam_are_rolled_back(tmp_path: Path) -> None:
    """The embedded model; an adapter with the role adapter's shapes and random numbers."""
    from safetensors.numpy import load_file, save_file

    from dormouse.memory.gguf_file import read_header
    from dormouse.sleep.export import geometry_of, write_adapter
    from dormouse.sleep.roles import role_folder

    random = np.random.default_rng(1)
    spec = Spec.model_validate({"memory": {"context": {"max_answer_tokens": 24}}})
    with Agent(spec, home=tmp_path / "home") as agent:
        base = agent.space.base
        folder = role_folder(base)
        assert folder is not None
        shapes = load_file(str(folder / "adapter_model.safetensors"))
        noise = {name: random.normal(0, 0.08, t.shape).astype(np.float32) for name, t in shapes.items()}
        build = tmp_path / "build"
        (build / "peft").mkdir(parents=True)
        save_file(noise, str(build / "peft" / "adapter_model.safetensors"))
        config = (folder / "adapter_config.json").read_text()
        (build / "peft" / "adapter_config.json").write_text(config)
        geometry = geometry_of(read_header(base.path, base.source).metadata)
        write_adapter(noise, geometry, json.loads(config)["lora_alpha"], build / "adapter.gguf")
        talk = [
            f"My {thing} is in the {place}." for thing in ("cat", "hat", "key") for place in ("car", "hall")
        ]
        for said in talk:
            agent.chat(said)
        registry = agent.space.registry
        id = registry.add(build, unsaved(base_sha256=base.sha256, opens=OPENING)).id
        registry.record_exam(id, exam_of(id))
        registry.publish(id)
        registry.watch(id)
        agent.space.mount_head(agent.space.engine)
        served = [agent.chat(said).adapter for said in talk * 3]
        assert served[0] == id
        assert served[-1] is None
        assert served.count(id) <= agent.spec.exam.canary.turns
        assert [entry.action for entry in registry.log()] == ["publish", "canary", "rollback"]
