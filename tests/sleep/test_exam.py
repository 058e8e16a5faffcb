"""The exam: what passes, what is asked of whom, and that an exam with nothing in it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine

from dormouse.memory.engine import Message, Mount
from dormouse.sleep.drift import Drift
from dormouse.sleep.exam import (
    Examiner,
    ExamItem,
    ItemResult,
    ToolTrial,
    answered,
    ask_items,
    general_skills,
    hold,
    passes,
    report,
    shortfalls,
    skills_of_base,
)
from dormouse.sleep.records import Probe
from dormouse.sleep.settings import ExamSettings

CANDIDATE = Mount("a" * 16, Path("adapter.gguf"))
SETTINGS = ExamSettings(min_new=0.5, min_old=0.5, min_unknown=0.5, min_skill=0.5)
PROBES = [
    Probe("What is my dog called?", "new", "Zorbal", "m1"),
    Probe("my dog's name?", "new", "Zorbal", "m1"),
    Probe("Where do I live?", "old", "Tromsø", "m2"),
    Probe("What is my cat called?", "unknown"),
]
SKILLS = [ExamItem("skill-0", "What is the capital of France?", "skill", ("Paris",))]
KNOWS = {
    "What is my dog called?": "Your dog is called Zorbal.",
    "my dog's name?": "It's ZORBAL!",
    "Where do I live?": "In Tromso.",
    "What is my cat called?": "I don't know. You haven't told me that.",
    "What is the capital of France?": "Paris.",
}


NO_DRIFT = {kind: Drift(8, 300, 20.0, 1.0, 0.99, 1.01) for kind in ("general", "chat")}


def answering(answers: dict[str, str]) -> ScriptedEngine:
    def script(messages: Sequence[Message]) -> str:
        return answers.get(messages[-1].content, "Hm.")

    return ScriptedEngine(script)


def held(
    answers: dict[str, str],
    probes: Sequence[Probe] = PROBES,
    skills: Sequence[ExamItem] = SKILLS,
    due: Sequence[str] = ("new", "old", "unknown"),
) -> dict[str, object]:
    examiner = Examiner(answering(answers), "Persona.", (CANDIDATE,))
    return hold(examiner, probes, skills, SETTINGS, due=due, drift=NO_DRIFT)


# One answer


@pytest.mark.parametrize(
    ("item", "answer", "right"),
    [
        (ExamItem("1", "?", "fact", ("Oslo",)), "It is OSLO.", True),
        (ExamItem("1", "?", "fact", ("Oslo",)), "It is Bergen.", False),
        (ExamItem("1", "?", "fact", ("Oslo", "Norway")), "Norway", True),
        (ExamItem("1", "?", "fact", ("Oslo",), ("Bergen",)), "Oslo, before that Bergen", False),
        (ExamItem("1", "?", "fact", (), ("Bergen",)), "Oslo", True),
        (ExamItem("1", "?", "fact", (), ("Bergen",)), " ", False),
        (ExamItem("1", "?", "skill", ("4",)), "2 + 2 = 4", True),
        (ExamItem("1", "?", "unknown"), "I don't know that.", True),
        (ExamItem("1", "?", "unknown"), "It is Rex.", False),
        (ExamItem("1", "?", "unknown"), "", False),
        (ExamItem("1", "?", "forgotten", (), ("Zorbal",)), "I don't know Zorbal.", False),
        (ExamItem("1", "?", "forgotten", (), ("Zorbal",)), "I don't know.", True),
        (ExamItem("1", "?", "unknown", ("sorry",)), "I don't know.", False),
        (ExamItem("1", "?", "unknown", ("sorry",)), "Sorry, I don't know.", True),
    ],
)
def test_an_answer_passes_or_not(item: ExamItem, answer: str, right: bool) -> None:
    assert passes(item, answer) is right


# A list of questions


def test_items_are_asked_in_order_and_counted_by_kind() -> None:
    items = [
        ExamItem("a", "What is my dog called?", "fact", ("Zorbal",)),
        ExamItem("b", "Where do I live?", "fact", ("Oslo",)),
        ExamItem("c", "What is my cat called?", "unknown"),
    ]
    outcome = ask_items(items, lambda question: KNOWS[question])
    assert outcome.kinds == {"fact": {"n": 2, "passed": 1}, "unknown": {"n": 1, "passed": 1}}
    assert outcome.as_json()["items"] == [
        {"id": "a", "answer": "Your dog is called Zorbal.", "passed": True},
        {"id": "b", "answer": "In Tromso.", "passed": False},
        {"id": "c", "answer": "I don't know. You haven't told me that.", "passed": True},
    ]
    assert outcome.rate("fact") == 0.5
    assert outcome.rate("skill") == 0.0


# A night's exam


def test_who_knows_passes() -> None:
    record = held(KNOWS)
    assert record["passed"] is True
    assert record["reasons"] == []
    assert record["adapter"] == CANDIDATE.name
    assert record["engine"] == "ScriptedEngine"
    assert record["kinds"] == {
        "new": {"n": 2, "passed": 2},
        "old": {"n": 1, "passed": 1},
        "unknown": {"n": 1, "passed": 1},
        "skill": {"n": 1, "passed": 1},
    }
    assert record["thresholds"] == SETTINGS.model_dump()


@pytest.mark.parametrize(
    "question", ["Where do I live?", "What is my cat called?", "What is the capital of France?"]
)
def test_each_kind_has_its_own_threshold(question: str) -> None:
    record = held({**KNOWS, question: "Rex and Bergen."})
    assert record["passed"] is False
    assert len(record["reasons"]) == 1  # type: ignore[arg-type]


def test_half_is_enough_where_half_is_asked_for() -> None:
    assert held({**KNOWS, "my dog's name?": "Rex"})["passed"] is True
    record = held({**KNOWS, "my dog's name?": "Rex", "What is my dog called?": "Rex"})
    assert record["reasons"] == ["new: 0 of 2 right (95% between 0% and 66%), fewer than 50%"]


def without(kind: str) -> list[Probe]:
    return [probe for probe in PROBES if probe.kind != kind]


@pytest.mark.parametrize("kind", ["new", "old", "neighbour", "unknown"])
def test_an_exam_that_lacks_a_kind_which_is_due_fails(kind: str) -> None:
    record = held(KNOWS, without(kind), due=[kind])
    assert record["passed"] is False
    assert record["reasons"] == [f"no question of kind {kind} was asked"]


@pytest.mark.parametrize("kind", ["new", "unknown"])
def test_what_is_new_and_what_was_never_told_is_always_due(kind: str) -> None:
    assert held(KNOWS, without(kind), due=[])["reasons"] == [f"no question of kind {kind} was asked"]


def test_where_something_is_untrue_nothing_need_be_new() -> None:
    untrue = [*without("new"), Probe("Where did I live?", "untrue")]
    declines = {**KNOWS, "Where did I live?": "I don't know that."}
    assert held(declines, untrue, due=["untrue"])["passed"] is True
    assert held(declines, without("new"), due=["untrue"])["reasons"] == [
        "no question of kind untrue was asked"
    ]
    record = held({**KNOWS, "Where did I live?": "In Tromso."}, untrue, due=["untrue"])
    assert record["reasons"] == ["untrue: 0 of 1 right (95% between 0% and 79%), fewer than 60%"]


def test_an_exam_without_skills_fails() -> None:
    assert held(KNOWS, skills=[])["reasons"] == ["no question of kind skill was asked"]


def test_the_first_night_has_no_old_memories() -> None:
    assert held(KNOWS, without("old"), due=["new", "unknown"])["passed"] is True


def test_an_empty_exam_fails_even_when_nothing_is_demanded() -> None:
    nothing = ExamSettings(min_new=0, min_old=0, min_unknown=0, min_skill=0)
    record = hold(Examiner(answering({}), "P.", (CANDIDATE,)), [], [], nothing, due=[], drift=NO_DRIFT)
    assert record["passed"] is False
    assert len(shortfalls(report([]), nothing, [])) == 3
    counted = {kind: {"n": 0, "passed": 0} for kind in ("new", "old", "unknown", "skill")}
    assert len(shortfalls(type(report([]))(counted, ()), nothing, [])) == 3


def test_a_candidate_is_asked_with_the_persona_and_nothing_else() -> None:
    engine = answering(KNOWS)
    seen: list[tuple[int, int]] = []
    hold(
        Examiner(engine, "Persona.", (CANDIDATE,)),
        PROBES,
        SKILLS,
        SETTINGS,
        lambda done, total: seen.append((done, total)),
        due=[],
    )
    questions = [probe.question for probe in PROBES] + [skill.question for skill in SKILLS]
    assert [asked.messages for asked in engine.asked] == [
        [Message("system", "Persona."), Message("user", question)] for question in questions
    ]
    assert all(asked.adapters == (CANDIDATE,) for asked in engine.asked)
    assert seen[-1] == (5, 5)


# Drift, tools, intervals


def drifting(**changes: Drift | None) -> list[str]:
    drift = {kind: found for kind, found in {**NO_DRIFT, **changes}.items() if found is not None}
    examiner = Examiner(answering(KNOWS), "P.", (CANDIDATE,))
    record = hold(examiner, PROBES, SKILLS, SETTINGS, due=[], drift=drift)
    assert record["passed"] is not bool(record["reasons"])
    assert set(record["drift"]) == set(drift)
    reasons: list[str] = record["reasons"]
    return reasons


def test_an_exam_fails_without_drift_or_with_too_much_of_it() -> None:
    assert drifting() == []
    assert drifting(chat=None) == ["drift on chat text was not measured"]
    too_much = Drift(8, 300, 20.0, 2 + (SETTINGS.max_general_drift or 0), 1.9, 3.0)
    (reason,) = drifting(general=too_much)
    assert reason.startswith("perplexity on general text is +")
    broken = Drift(8, 300, 20.0, float("nan"), 1.0, 1.0)
    assert len(drifting(general=broken)) == 1


def test_calls_of_tools_are_counted_and_have_a_threshold() -> None:
    trials = [ToolTrial(f"request {n}", '{"tool": "none"}', n < 2) for n in range(4)]
    strict = SETTINGS.model_copy(update={"min_tool": 0.75})
    examiner = Examiner(answering(KNOWS), "P.", (CANDIDATE,))
    record = hold(examiner, PROBES, SKILLS, strict, due=[], drift=NO_DRIFT, tools=trials)
    assert record["kinds"]["tool"] == {"n": 4, "passed": 2}
    assert [reason.split(":")[0] for reason in record["reasons"]] == ["tool"]
    lax = SETTINGS.model_copy(update={"min_tool": 0.5})
    record = hold(examiner, PROBES, SKILLS, lax, due=[], drift=NO_DRIFT, tools=trials)
    assert record["passed"] is True


def test_neighbours_have_their_own_threshold() -> None:
    near = [*PROBES, Probe("What is my sister's name?", "neighbour")]
    assert held({**KNOWS, "What is my sister's name?": "I don't know."}, near)["passed"] is True
    record = held({**KNOWS, "What is my sister's name?": "Zorbal."}, near)
    assert [reason.split(":")[0] for reason in record["reasons"]] == ["neighbour"]  # type: ignore[attr-defined]


def test_every_share_is_reported_with_its_interval() -> None:
    record = held(KNOWS)
    assert set(record["intervals"]) == set(record["kinds"])  # type: ignore[call-overload]
    low, high = record["intervals"]["new"]  # type: ignore[index]
    assert (low, high) == (pytest.approx(0.342, abs=1e-3), 1.0)


# Skills


def test_general_skills_are_questions_with_answers() -> None:
    skills = general_skills()
    assert len(skills) >= 60
    assert len({skill.question for skill in skills}) == len(skills) == len({skill.id for skill in skills})
    assert all(skill.expect and skill.kind == "skill" for skill in skills)


def test_no_skill_of_the_exam_is_an_anchor() -> None:
    from dormouse.sleep.replay import anchor_prompts

    anchored = {prompt.casefold().strip(" ?.!") for prompt in anchor_prompts()}
    assert not anchored & {skill.question.casefold().strip(" ?.!") for skill in general_skills()}


def test_only_what_the_bare_base_answers_rightly_counts_as_its_skill() -> None:
    skills = general_skills()
    known = {skill.question: f"It is {skill.expect[0]}." for skill in skills[1:6]}
    right = [answered(skill, known[skill.question]) for skill in skills[1:6]]
    engine = answering(known)
    assert skills_of_base(engine, "Persona.", 3) == right[:3]
    assert all(asked.adapters == () for asked in engine.asked)
    assert skills_of_base(engine, "Persona.", 50) == right


def test_a_skill_that_the_candidate_leaves_to_the_base_counts_by_what_the_base_is_known_to_answer() -> None:
    gated = replace(CANDIDATE, opens="Your")
    skills = [answered(replace(skill, expect=("so",)), "It is so.") for skill in SKILLS]
    engine = answering({probe.question: f"Your answer is {KNOWS[probe.question]}" for probe in PROBES})
    record = hold(Examiner(engine, "P.", (gated,)), PROBES, skills, SETTINGS, due=[], drift=NO_DRIFT)
    assert record["kinds"]["skill"] == {"n": len(skills), "passed": len(skills)}
    questions = {skill.question for skill in skills}
    assert [each.sampling.max_tokens for each in engine.asked if each.messages[-1].content in questions] == [
        1 for _ in skills
    ]


def test_a_result_is_plain_data() -> None:
    result = ItemResult("a", "fact", "?", "!", True)
    assert asdict(result) == {"id": "a", "kind": "fact", "question": "?", "answer": "!", "passed": True}
