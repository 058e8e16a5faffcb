"""`bench nights`, `memory` and `frontier`: what is told, asked and counted. Nothing here learns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from night_parts import a_memory
from sleepy_agent import Nights

from dormouse.graphs import training_job
from dormouse.memory.errors import BadInput, HomeError
from dormouse.memory.home import Home
from dormouse.runtime.bench import frontier, loop, memory, nights
from dormouse.runtime.bench.kept_life import KeptLife
from dormouse.runtime.bench.life import Life, PlainFact, life
from dormouse.runtime.bench.loop import NightRun
from dormouse.runtime.bench.personas import personas
from dormouse.runtime.bench.report import BenchReport, write_report
from dormouse.runtime.spec import Spec
from dormouse.sleep import kinds
from dormouse.sleep.exam import ExamItem, ExamReport, ask_items
from dormouse.sleep.kinds import words
from dormouse.sleep.neighbours import ask_about
from dormouse.sleep.questions import may_mean_the_same
from dormouse.sleep.records import NightReport
from dormouse.sleep.replay import anchor_prompts, training_set


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


def test_every_fact_so_far_is_asked_for_after_each_night(tmp_path: Path) -> None:
    told = life(10, 0)
    agent = Forgetful(told)
    kept = KeptLife(tmp_path, told, Spec(), 2, 0)
    mornings = nights.run_life(told, kept, silent, lambda spec, home: agent)  # type: ignore[arg-type,return-value]
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


class Homely(Forgetful):
    """Keeps what it was told in its home; stops in the middle of the day it is to stop on."""

    def __init__(self, told: Life, home: Path, stop_on: int | None) -> None:
        super().__init__(told)
        self.home, self.stop_on = home / "said.json", stop_on
        if self.home.exists():
            self.known = json.loads(self.home.read_text())

    def tell(self, turns: Iterable[Any]) -> None:
        super().tell(turns)
        self.home.write_text(json.dumps(self.known))
        if len(self.known) == self.stop_on:
            raise KeyboardInterrupt


def test_a_kept_life_that_was_stopped_goes_on_from_its_last_morning(tmp_path: Path) -> None:
    told, heard = life(10, 0), list[str]()

    def run(keep: Path, stop_on: int | None) -> list[dict[str, Any]]:
        make = lambda spec, home: Homely(told, home, stop_on)  # noqa: E731
        report = nights.bench_nights(Spec(), 5, 2, [0], heard.append, make, keep)  # type: ignore[arg-type]
        return [{**row, "day_s": 0, "seconds": 0} for row in map(dict, report.runs)]

    straight = run(tmp_path / "straight", None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", 3)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", 4)
    heard.clear()
    assert run(tmp_path / "stopped", None) == straight
    assert heard[0] == "seed 0: goes on after night 3"
    assert len(heard) == 3
    said = json.loads((tmp_path / "stopped" / "seed-0" / "night-5" / "said.json").read_text())
    assert [turn for day in said for turn in day] == [fact.told for fact in told.facts]
    assert run(tmp_path / "stopped", None) == straight
    assert [path.name for path in (tmp_path / "stopped" / "seed-0").glob("night-*")] == ["night-5"]


def test_another_life_is_not_mixed_with_a_kept_one(tmp_path: Path) -> None:
    told = life(4, 0)
    KeptLife(tmp_path, told, Spec(), 2, 0).begun([])
    KeptLife(tmp_path, told, Spec(), 2, 1).begun([])
    KeptLife(tmp_path, told, Spec(), 2, 0)
    with pytest.raises(BadInput, match=r"another life .facts a day differ"):
        KeptLife(tmp_path, told, Spec(), 4, 0)
    with pytest.raises(BadInput, match=r"another life .facts differ"):
        KeptLife(tmp_path, life(6, 0), Spec(), 2, 0)
    with pytest.raises(BadInput, match=r"another life .settings differ"):
        KeptLife(tmp_path, told, Spec.model_validate({"persona": "A pirate."}), 2, 0)
    (tmp_path / "seed-0" / "mornings.json").write_text('[{"night": 1}')
    with pytest.raises(BadInput, match=r"mornings\.json is damaged"):
        KeptLife(tmp_path, told, Spec(), 2, 0).mornings()
    (tmp_path / "seed-0" / "life.json").write_text("[]")
    with pytest.raises(BadInput, match=r"life\.json is damaged"):
        KeptLife(tmp_path, told, Spec(), 2, 0)


def test_a_home_in_use_is_not_emptied(tmp_path: Path) -> None:
    kept = KeptLife(tmp_path, life(4, 0), Spec(), 2, 0)
    with Home.open(kept.first_home(), command="bench"), pytest.raises(HomeError, match="is using it"):
        kept.first_home()
    kept.first_home()


# --- memory ------------------------------------------------------------------------------


def test_each_way_is_asked_the_same_and_only_what_slept_recalls() -> None:
    persona = personas("dev")[2]
    slept = Nights(persona)
    person = memory.run_persona(persona, Spec(), 0, silent, slept.make_agent)
    runs = {run.way: run for run in person.ways}
    assert tuple(runs) == memory.WAYS
    assert {run.recall for way, run in runs.items() if way in ("weights", "both")} == {1.0}
    assert {run.recall for way, run in runs.items() if way in ("base", "prompt")} == {0.0}
    assert runs["weights"].unknown == 1.0
    assert {run.false_memories for run in runs.values()} == {0.0}
    assert {run.false_values for run in runs.values()} == {0.0}
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
    id: str = ""


def test_a_wrong_answer_with_another_facts_value_is_a_false_value() -> None:
    facts: list[Any] = [PlainFactLike("Zorbal", id="dog"), PlainFactLike("Oslo", id="home")]
    answers = {
        "recall:dog:0": "It is Zorbal, and you live in Oslo.",  # right, whatever it adds
        "recall:dog:1": "It is Oslo.",
        "recall:home:0": "Zorbal lives there.",
        "recall:home:1": "In Oslo or so.",  # counted as wrong by the exam, but with its own value
        "unknown:0": "It is Zorbal.",
        "unknown:1": "It is Rex.",
        "unknown:2": "I don't know.",
        "recall:dog:2": "I don't know.",
        "skill:0": "Oslo is a capital.",  # not about the user
    }
    passed = {"recall:dog:0", "unknown:2", "skill:0"}
    assert memory.false_values(answers, passed, facts) == 3 / 8
    assert memory.false_values({}, (), facts) == 0.0


def test_memory_report_has_a_figure_for_each_way_and_every_target() -> None:
    persona = personas("dev")[2]
    report = memory.bench_memory(Spec(), [persona], [0], silent, Nights(persona).make_agent)
    stated = {each.figure: (each.bound, each.value, each.met) for each in report.targets}
    assert stated == {
        "weights_recall": ("at least", 0.90, True),
        "weights_recall_plain": ("at least", 0.98, True),
        "weights_unknown": ("at least", 0.95, True),
        "weights_false_memories": ("at most", 0.02, True),
        "weights_false_values": ("at most", 0.02, True),
        "weights_skills": ("at least", 0.95, True),
        "general_perplexity": ("at most", 1.02, False),  # nobody measured it, so it is missed
        "night_s": ("at most", 120.0, True),
        "compaction_placed": ("at least", 0.92, True),
        "compaction_true": ("at least", 0.95, True),
    }
    assert not report.passed
    assert report.figures["compaction_placed"].mean == report.figures["compaction_true"].mean == 1.0
    assert report.figures["weights_recall"].mean == 1.0
    assert all(f"{way}_tokens_read" in report.figures for way in memory.WAYS)
    assert {"weights", "false memories"} <= {element.text for element in svg(report, "memory").iter()}


def test_the_night_is_judged_by_its_seconds_drift_and_memories(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = personas("dev")[0]
    first = replace(whole.first, facts=whole.first.facts[:2])
    natural = replace(whole, first=first, unknown=whole.unknown[:1], skills=whole.skills[:1])
    fact = first.facts[0]

    def slow_night(agent: Any) -> NightRun:
        slept = loop.sleep(agent)
        agent.space.journal.put_memories([a_memory(fact.subject, fact.attribute, "Atlantis")])
        return replace(slept, wall_s=121.0, drift={"general": 1.03, "chat": 1.5})

    monkeypatch.setattr(memory, "sleep", slow_night)
    report = memory.bench_memory(Spec(), [natural], [0], silent, Nights(natural).make_agent)
    missed = [each.figure for each in report.targets if not each.met]
    assert "weights_recall_plain" not in {each.figure for each in report.targets}
    assert {"general_perplexity", "night_s"} <= set(missed)
    assert report.figures["general_perplexity"].mean == 1.03
    assert report.figures["compaction_true"].mean == pytest.approx(2 / 3)


# --- frontier ----------------------------------------------------------------------------


TELLABLE = [kind.key for kind in kinds.bank() if kind.subject != "user"][::25]
NEW = [a_memory(*pair, f"new{n}", turn=n) for n, pair in enumerate(TELLABLE[:12], 1)]
OLD = [a_memory(*pair, f"old{n}", turn=90 + n) for n, pair in enumerate(TELLABLE[12:24])]


def trained(spec: Spec) -> tuple[Any, ...]:
    """All that a night under these settings trains, and how."""
    settings = spec.sleep
    chosen = training_set(NEW, OLD, settings.replay, spec.exam, settings.seed)
    context: Any = SimpleNamespace(settings=settings, base=None, cache=None, seed=settings.seed)
    return (
        chosen.sha256,
        anchor_prompts()[: settings.replay.anchors],
        training_job.training_job(context, None),
    )


@pytest.fixture
def no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_job, "training_copy", lambda base, cache: Path("copy"))


@pytest.mark.usefixtures("no_copy")
@pytest.mark.parametrize("knob", frontier.KNOBS)
def test_each_point_of_a_knob_trains_something_else_and_one_is_the_spec_itself(knob: str) -> None:
    values = frontier.values(Spec(), knob)
    assert len(values) == 4
    specs = [frontier.changed(Spec(), knob, value) for value in values]
    assert [spec for spec in specs if spec == Spec()] == [Spec()]
    made = [trained(spec) for spec in specs]
    assert all(one != other for place, one in enumerate(made) for other in made[:place])


@pytest.mark.parametrize(("knob", "kind"), [("negatives", "unknown"), ("phrasings", "new")])
def test_a_higher_point_trains_more_of_its_kind_below_the_floor_too(knob: str, kind: str) -> None:
    counts = []
    for value in frontier.values(Spec(), knob):
        replay = frontier.changed(Spec(), knob, value).sleep.replay
        made = training_set(NEW, OLD, replay, Spec().exam, 0)
        counts.append(sum(exchange.kind == kind for exchange in made.exchanges))
    assert counts == sorted(set(counts))
    assert counts[-1] > 1.4 * counts[-2] > 1.4 * 1.4 * counts[-3]


@pytest.mark.parametrize("knob", frontier.KNOBS)
def test_a_knob_changes_its_own_setting_and_what_keeps_pace_with_it(knob: str) -> None:
    path, paced = frontier.KNOBS[knob].path, frontier.KNOBS[knob].paced
    room, name = path.split(".")
    default = Spec().sleep.model_dump()
    for value in frontier.values(Spec(), knob):
        changed = frontier.changed(Spec(), knob, value).sleep.model_dump()
        different = {(r, n) for r in ("lora", "training", "replay") for n in default[r]} - {
            (r, n)
            for r in ("lora", "training", "replay")
            for n in default[r]
            if default[r][n] == changed[r][n]
        }
        assert changed[room][name] == value
        if value != default[room][name]:
            assert different == {(room, each) for each in (name, *paced)}
        for each in paced:
            ratio = value / default[room][name]
            assert changed[room][each] == pytest.approx(default[room][each] * ratio, abs=0.5)


def test_points_lie_around_the_spec_that_is_measured() -> None:
    own = Spec.model_validate({"sleep": {"training": {"alpha": 0.2}, "replay": {"anchors": 10}}})
    assert frontier.values(own, "alpha") == pytest.approx([0, 0.06, 0.2, 0.6])
    assert frontier.values(own, "anchors") == [0, 5, 10, 20]
    without = Spec.model_validate({"sleep": {"replay": {"anchors": 0}}})
    assert frontier.values(without, "anchors") == frontier.values(Spec(), "anchors")


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
