"""`bench nights`, `memory` and `frontier`: what is told, asked and counted. Nothing here learns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from sleepy_agent import Nights

from dormouse.memory.errors import BadInput
from dormouse.runtime.bench import frontier, memory, nights
from dormouse.runtime.bench.life import Life, PlainFact, life
from dormouse.runtime.bench.personas import personas
from dormouse.runtime.bench.report import BenchReport, write_report
from dormouse.runtime.spec import Spec
from dormouse.sleep import kinds
from dormouse.sleep.exam import ExamItem, ExamReport, ask_items
from dormouse.sleep.kinds import words
from dormouse.sleep.neighbours import ask_about
from dormouse.sleep.questions import may_mean_the_same
from dormouse.sleep.records import NightReport


def silent(sentence: str) -> None:
    pass


def svg(report: BenchReport, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(report.plots[name])


# --- a made-up life ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_life_has_as_many_facts_as_asked_for_and_none_means_another(seed: int) -> None:
    made = life(180, seed)
    pairs = [(fact.subject, fact.attribute) for fact in made.facts]
    assert len(set(pairs)) == 180 == len({fact.id for fact in made.facts})
    assert made == life(180, seed)
    assert made.facts != life(180, seed + 10).facts
    for place, pair in enumerate([*pairs, *made.untold]):
        assert not may_mean_the_same(pair, [*pairs, *made.untold][:place])
    assert len(made.untold) == 20
    assert all(fact.value in fact.told for fact in made.facts)


def test_no_question_of_a_life_is_one_that_a_night_trains_on() -> None:
    made = life(60, 0)
    pairs = [(fact.subject, fact.attribute) for fact in made.facts]
    pairs += [*made.untold, *(kind.key for kind in kinds.bank())]
    trained = {words(question) for pair in pairs for question in ask_about(pair)}
    asked = {words(fact.asked(way)) for fact in made.facts for way in range(4)}
    asked |= {words(item.question) for item in made.unknown_items()}
    assert not asked & trained


def test_a_life_that_is_too_long_is_bad_input() -> None:
    with pytest.raises(BadInput, match="made-up life"):
        life(5000, 0)


# --- nights ------------------------------------------------------------------------------


@dataclass
class Forgetful:
    """Answers for the facts of its last three days, and knows no skill but the first."""

    told: Life
    known: list[list[str]] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)

    def __enter__(self) -> Forgetful:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def tell(self, turns: Iterable[Any]) -> None:
        self.known.append([turn["content"] for turn in turns])

    def sleep(self) -> NightReport:
        drift = {kind: {"ratio": 1.0 + len(self.known) / 100} for kind in ("general", "chat")}
        return NightReport("published", "a", [{}, {}], [], {"drift": drift}, {"consolidate": 1.0}, 500.0)

    def exam(self, items: Sequence[ExamItem], tiers: str) -> ExamReport:
        assert tiers == "weights"
        self.asked.append([item.id for item in items])
        values = {fact.id: fact for fact in self.told.facts}
        fresh = {said for day in self.known[-3:] for said in day}

        def ask(question: str) -> str:
            item = next(item for item in items if item.question == question)
            fact = values.get(item.id.split(":")[-1])
            if item.kind == "skill":
                return item.expect[0] if item.id == items[-1].id or len(self.known) == 0 else "Hm."
            if fact is not None and fact.told in fresh:
                return f"It is {fact.value}."
            return "I don't know that."

        return ask_items(items, ask)


def test_every_fact_so_far_is_asked_for_after_each_night() -> None:
    told = life(10, 0)
    agent = Forgetful(told)
    mornings = nights.run_life(told, Spec(), 2, 0, silent, lambda spec, home: agent)  # type: ignore[arg-type,return-value]
    assert [morning.night for morning in mornings] == [1, 2, 3, 4, 5]
    assert mornings[-1].recall == (0.0, 0.0, 1.0, 1.0, 1.0)
    assert (mornings[-1].recall_all, mornings[-1].unknown) == (0.6, 1.0)
    assert [sum(id.startswith("night") for id in asked) for asked in agent.asked[1:]] == [2, 4, 6, 8, 10]
    figures = nights.nights_figures([mornings])
    assert figures["recall_all"].mean == 0.6
    assert figures["recall_first_nights"].mean == 0.6
    assert figures["recall_last_night"].mean == 1.0
    assert figures["general_perplexity"].mean == pytest.approx(1.05)
    assert 0 < figures["skill_kept"].mean < 0.1


def test_nights_report_has_its_targets_and_plot(tmp_path: Path) -> None:
    told = life(10, 0)
    report = nights.bench_nights(Spec(), 5, 2, [0], silent, lambda spec, home: Forgetful(told))  # type: ignore[arg-type,return-value]
    assert [each.figure for each in report.targets] == [each[0] for each in nights.TARGETS]
    assert not report.passed
    texts = {element.text for element in svg(report, "nights").iter()}
    assert {"night", "all facts so far", "skills kept"} <= texts
    assert write_report(report, tmp_path).name == "nights.json"
    assert (tmp_path / "nights.svg").read_text() == report.plots["nights"]


# --- memory ------------------------------------------------------------------------------


def test_each_way_is_asked_the_same_and_only_what_slept_recalls() -> None:
    persona = personas("dev")[2]
    slept = Nights(persona)
    runs = {run.way: run for run in memory.run_persona(persona, Spec(), 0, silent, slept.make_agent)}
    assert tuple(runs) == memory.WAYS
    assert {run.recall for way, run in runs.items() if way in ("weights", "both")} == {1.0}
    assert {run.recall for way, run in runs.items() if way in ("base", "prompt")} == {0.0}
    assert runs["weights"].unknown == 1.0
    assert {run.false_memories for run in runs.values()} == {0.0}
    assert runs["prompt"].tokens_read > 3 * runs["base"].tokens_read
    assert {run.skills for run in runs.values()} == {1.0}
    personas_used = {spec.persona for spec in slept.opened}
    assert len(personas_used) == 2  # the plain one, and the one with all that was told


def test_a_told_value_given_for_something_never_told_is_a_false_memory() -> None:
    facts = [PlainFactLike("Zorbal"), PlainFactLike("Oslo")]
    answers = ["It is Zorbal.", "I don't know.", "In Oslo, I think.", "Zorbalina."]
    assert memory.false_memories(answers, facts) == 0.5  # type: ignore[arg-type]
    assert memory.false_memories([], facts) == 0.0  # type: ignore[arg-type]


@dataclass
class PlainFactLike:
    value: str
    expect: tuple[str, ...] = ()


def test_memory_report_has_a_figure_for_each_way() -> None:
    persona = personas("dev")[2]
    report = memory.bench_memory(Spec(), [persona], [0], silent, Nights(persona).make_agent)
    assert report.figures["weights_recall"].mean == 1.0
    assert all(f"{way}_tokens_read" in report.figures for way in memory.WAYS)
    assert {"weights", "false memories"} <= {element.text for element in svg(report, "memory").iter()}


# --- frontier ----------------------------------------------------------------------------


@pytest.mark.parametrize("knob", frontier.KNOBS)
def test_each_knob_changes_its_own_setting(knob: str) -> None:
    path, values = frontier.KNOBS[knob]
    room, name = path.split(".")
    for value in values:
        changed = frontier.changed(Spec(), knob, value).sleep.model_dump()
        assert changed[room][name] == value
        default = Spec().sleep.model_dump()
        different = {
            f"{r}.{n}"
            for r, settings in default.items()
            if isinstance(settings, dict)
            for n in settings
            if settings[n] != changed[r][n]
        }
        floors = {"replay.min_questions", "replay.min_negatives", "replay.neighbours_per_memory"}
        allowed = {path, "lora.alpha", *floors}
        assert different <= (allowed if knob in ("rank", "negatives", "phrasings") else {path})


def test_points_are_two_nights_each_and_are_plotted_by_knob() -> None:
    persona = personas("dev")[2]
    made: list[Nights] = []

    def make_agent(spec: Spec, home: Path) -> Any:
        made.append(Nights(persona, forgets=frozenset({persona.held()[0].id})))
        return made[-1].make_agent(spec, home)

    report = frontier.bench_frontier(Spec(), ["alpha"], [persona], [0], silent, make_agent)
    assert [each.count for each in made] == [2] * 4
    assert report.figures["alpha_0.3_old"].mean == pytest.approx(10 / 11)
    assert report.figures["alpha_1_unknown"].mean == 1.0
    texts = [element.text for element in svg(report, "frontier").iter()]
    assert {"alpha", "0.3", "recall"} <= set(texts)
    assert report.passed


def test_an_unknown_knob_is_bad_input() -> None:
    with pytest.raises(BadInput, match="--vary"):
        frontier.bench_frontier(Spec(), ["colour"], [], [0], silent)


def test_a_fact_is_told_and_asked_for_by_its_owner() -> None:
    fact = PlainFact("f1", "boss", "hobby", "chess")
    assert fact.told == "My boss' hobby is chess."
    assert "my boss' hobby" in fact.asked(0)
