"""The benchmarks' mechanics: who is asked what, what is counted, which faults are seen, what a miss is."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from adapter_builds import BASE
from sleepy_agent import Nights, remembered
from tiny_models import write_tiny_llama

from dormouse.memory.base_weights import resolve
from dormouse.memory.errors import BadInput
from dormouse.memory.journal import Journal
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.runtime.bench import crash, loop, mount
from dormouse.runtime.bench.commands import Commands
from dormouse.runtime.bench.compaction import judge, same_place, same_value
from dormouse.runtime.bench.personas import Fact, Persona, personas
from dormouse.runtime.bench.report import Spread, Surroundings, Target, gathered, spread, write_report
from dormouse.runtime.errors import BenchFailed
from dormouse.runtime.spec import Spec
from dormouse.sleep.replay import anchor_prompts
from dormouse.verifiers.match import holds

FAKE = Path(__file__).parent.parent / "fake_dormouse.py"


def silent(sentence: str) -> None:
    pass


# --- personas ---------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["test", "dev"])
def test_personas_come_two_of_talk_and_one_of_statements(split: Any) -> None:
    everyone = personas(split)
    assert [p.style for p in everyone] == ["natural", "natural", "plain"] * (3 if split == "test" else 2)
    assert personas(split, 4) == everyone[:4]
    assert {p.name.split("_")[0] for p in everyone} == {split}


@pytest.mark.parametrize("count", [0, 10, -1])
def test_more_personas_than_there_are_is_bad_input(count: int) -> None:
    with pytest.raises(BadInput, match="from 1 to 9"):
        personas("test", count)


@pytest.mark.parametrize("persona", [*personas("test"), *personas("dev")], ids=lambda p: p.name)
def test_a_persona_is_as_the_bars_say(persona: Persona) -> None:
    assert persona.later is not None
    assert (len(persona.first.sessions), len(persona.first.facts), len(persona.later.facts)) == (3, 12, 6)
    assert sum(fact.changes is not None for fact in persona.later.facts) == 1
    assert len(persona.held()) == 11
    for day in (persona.first, persona.later):
        told = " ".join(turn.content for turn in day.turns("d"))
        assert [f.id for f in day.facts if not any(holds(told, stem) for stem in (f.value, *f.expect))] == []
    answers = [(stem, q) for f in persona.first.facts for q in f.questions for stem in f.expect]
    assert [pair for pair in answers if pair[0].casefold() in pair[1].casefold()] == []


# --- compaction -------------------------------------------------------------------------

HUSBAND = Fact("f1", "husband", "name", "Vjeko", ("spouse",), ("?",), ("Vjeko",))
TRADE = Fact("f2", "husband", "job", "organ builder", ("work",), ("?",), ("organ",))
HOME = Fact("f3", "user", "home city", "Galway", ("where I live",), ("?",), ("Galway",))
ELDEST = Fact("f4", "elder daughter", "name", "Nusrat", ("first child",), ("?",), ("Nusrat",))
COLOUR = Fact("f5", "user", "favorite color", "teal", (), ("?",), ("teal",))
FACTS = (HUSBAND, TRADE, HOME, ELDEST, COLOUR)


def memory(subject: str, attribute: str, value: str) -> Any:
    return replace(remembered(HOME), subject=subject, attribute=attribute, value=value)


@pytest.mark.parametrize(
    ("fact", "subject", "attribute"),
    [
        (HUSBAND, "husband", "name"),
        (HUSBAND, "partner", "name"),
        (HUSBAND, "user", "husband"),
        (HUSBAND, "my husband", "name"),
        (TRADE, "Vjeko", "occupation"),
        (HOME, "user", "town"),
        (HOME, "I", "where I live"),
        (ELDEST, "daughter", "name"),
        (COLOUR, "user", "favourite colour"),
    ],
)
def test_other_words_for_the_same_place_count(fact: Fact, subject: str, attribute: str) -> None:
    found = judge([memory(subject, attribute, fact.value)], FACTS)
    assert (found.found, found.placed, found.true, found.wrong) == (1, 1, 1, 0)


@pytest.mark.parametrize(
    ("fact", "subject", "attribute"),
    [
        (HUSBAND, "husband", "job"),
        (HOME, "user", "hometown"),
        (HOME, "husband", "home city"),
        (TRADE, "user", "job"),
        (ELDEST, "mother", "name"),
    ],
)
def test_another_subject_or_attribute_does_not_count(fact: Fact, subject: str, attribute: str) -> None:
    assert not same_place(memory(subject, attribute, fact.value), fact, {})


def test_a_value_is_the_same_when_one_holds_the_other_in_whole_words() -> None:
    assert same_value("an organ builder", TRADE)
    assert same_value("organs", TRADE)
    assert not same_value("morgan", TRADE)
    assert not same_value("builder of walls", HOME)


def test_memories_are_true_wrong_or_unlisted() -> None:
    memories = [
        memory("user", "home city", "Galway"),
        memory("husband", "hobby", "organs"),  # the value is told of this subject, elsewhere
        memory("user", "home city", "Dublin"),  # the place of a fact, with another value
        memory("sister", "name", "Vjeko"),  # the value of a fact, of somebody else
        memory("user", "tea", "green"),
    ]
    found = judge(memories, FACTS)
    assert (found.true, found.wrong, found.unlisted, found.memories) == (2, 2, 1, 5)
    assert (found.told, found.found, found.placed) == (5, 3, 1)
    assert found.missing == ("f1", "f2", "f4", "f5")
    assert len(found.mistaken) == 2


# --- figures and targets ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "value", "got", "met"),
    [
        ("at least", 0.75, 0.75, True),
        ("at least", 0.75, 0.74, False),
        ("at most", 50.0, 50.0, True),
        ("at most", 50.0, 50.1, False),
        ("at least", 0.0, None, False),
        ("at most", 9.0, None, False),
    ],
)
def test_a_target_is_met_or_missed(bound: Any, value: float, got: float | None, met: bool) -> None:
    assert Target("figure", bound, value, got).met is met


def test_a_spread_leaves_out_what_was_not_measured() -> None:
    assert spread([1.0, None, 3.0]) == Spread(2.0, 1.0, 3.0, 2)
    assert spread([None]) is None


WHERE = Surroundings({"processor": "p", "load_average": [0.1]}, {"torch": "2"}, None)


def test_a_report_passes_only_with_targets_that_are_all_met(tmp_path: Path) -> None:
    def report(*targets: Target) -> Any:
        return gathered("loop", WHERE, Spec(), [1, 2], 3.0, {"x": Spread(1, 1, 1, 1)}, targets, [{"a": 1}])

    good, bad = Target("x", "at least", 1, 1.0), Target("x", "at least", 2, 1.0)
    assert [report().passed, report(good).passed, report(good, bad).passed] == [False, True, False]
    written = json.loads(write_report(report(good, bad), tmp_path).read_text())
    assert (written["bench"], written["seeds"], written["passed"]) == ("loop", [1, 2], False)
    assert [each["met"] for each in written["targets"]] == [True, False]
    assert written["settings"]["sleep"]["seed"] == 0


# --- bench loop -------------------------------------------------------------------------


@pytest.fixture
def persona() -> Persona:
    return personas("test")[0]


def test_a_persona_is_asked_before_after_and_later(persona: Persona) -> None:
    nights = Nights(persona)
    run = loop.run_persona(persona, Spec(), 7, silent, nights.make_agent)
    assert nights.opened[0].sleep.seed == 7
    general = len(loop.not_anchored(persona.skill_items()))
    assert run.before.shares["recall"] == loop.Share(0, 12)
    assert run.before.shares["unknown"] == loop.Share(0, 15)
    passed = run.before.shares["skill"].passed
    assert 0 < passed < run.before.shares["skill"].asked == general
    assert run.after.shares == {
        "recall": loop.Share(36, 36),
        "unknown": loop.Share(15, 15),
        "skill": loop.Share(passed, passed),
    }
    assert run.later is not None and run.second is not None
    assert run.later.shares["new"] == loop.Share(18, 18)
    assert run.later.shares["old"] == loop.Share(33, 33)
    assert (run.old_kept, run.second.status) == (1.0, "published")
    assert run.talk_kept == 1.0
    told = [item for item in run.talk.items if not item["id"].startswith("skill")]
    assert len(told) == 30
    assert len(run.talk.items) - len(told) == min(15, passed)
    assert {item["id"].split(":")[0] for item in told} == {"new", "old", "unknown"}
    assert (run.compaction.told, run.compaction.placed, run.compaction.true) == (12, 12, 12)
    assert (run.first.stages_s, run.first.train_tokens_per_s) == ({"compact": 1.0, "consolidate": 2.0}, 700.0)


def test_what_a_talk_loses_is_counted_of_what_was_answered_alone(persona: Persona) -> None:
    run = loop.run_persona(persona, Spec(), 0, silent, Nights(persona).make_agent)
    assert run.later is not None
    told = [item for item in run.talk.items if item["id"].split(":")[0] in ("new", "old")]
    wrong = {item["id"] for item in told[:3]}
    never = {told[0]["id"]}  # nor was it alone
    spoilt = [
        replace(asked, items=tuple({**i, "passed": i["passed"] and i["id"] not in lost} for i in asked.items))
        for asked, lost in ((run.talk, wrong), (run.later, never))
    ]
    run = replace(run, talk=spoilt[0], later=spoilt[1])
    assert run.talk_kept == pytest.approx((len(told) - 3) / (len(told) - 1))
    assert loop.night_figures([run])["talk_kept"].mean == run.talk_kept


def test_questions_that_a_night_is_anchored_with_are_not_asked(persona: Persona) -> None:
    anchored = (f"  {anchor_prompts()[0].upper()} ", ("x",))
    items = replace(persona, skills=(persona.skills[0], anchored)).skill_items()
    assert loop.not_anchored(items) == items[:1]


def test_recall_in_new_words_leaves_out_what_the_bank_asks_word_for_word() -> None:
    questions = {"recall:f1:0": "HOW old is my dog", "recall:f2:0": "Which paw does my hound favour?"}
    items = tuple({"id": id, "question": q, "passed": id == "recall:f1:0"} for id, q in questions.items())
    asked = loop.Asked({"recall": loop.Share(1, 2)}, items)
    assert (asked.rate("recall"), asked.rate_in_new_words("recall")) == (0.5, 0.0)
    assert loop.Asked(asked.shares, items[:1]).rate_in_new_words("recall") is None


def test_every_question_is_asked_with_an_empty_context(persona: Persona) -> None:
    nights = Nights(persona)
    run = loop.run_persona(persona, Spec(), 0, silent, nights.make_agent)
    assert run.later is not None
    told = {turn.content for day in (persona.first, persona.later) if day for turn in day.turns("t")}
    asked = [messages for messages in nights.asked if messages[-1].content not in told]
    alone = sum(len(each.items) for each in (run.before, run.after, run.later))
    assert {len(messages) for messages in asked[:alone]} == {2}
    assert len(asked) == alone + len(run.talk.items)
    in_talk = [len(messages) for messages in asked[alone:]]
    assert in_talk[0] == 2 and all(before < after for before, after in pairwise(in_talk))
    asked = asked[:alone]
    assert {messages[0].content for messages in asked} == {Spec().persona}


def test_what_a_later_night_forgets_lowers_what_is_kept(persona: Persona) -> None:
    lost = persona.held()[:4]
    nights = Nights(persona, forgets=frozenset(fact.id for fact in lost))
    run = loop.run_persona(persona, Spec(), 0, silent, nights.make_agent)
    assert run.old_kept == pytest.approx(7 / 11)
    assert loop.night_figures([run])["second_old_kept"].mean == pytest.approx(7 / 11)


def test_a_night_that_fails_counts_with_what_is_answered_then(persona: Persona) -> None:
    said: list[str] = []
    run = loop.run_persona(persona, Spec(), 0, said.append, Nights(persona, fails=True).make_agent)
    figures = loop.night_figures([run])
    assert (run.first.status, run.old_kept) == ("failed", None)
    assert any("lights went out" in sentence for sentence in said)
    assert figures["recall_natural"].mean == 0
    assert figures["published"].mean == 0
    assert "night_s" not in figures and "second_old_kept" not in figures


def test_the_report_states_the_bars_of_what_was_measured(
    persona: Persona, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "surroundings", lambda spec: WHERE)
    plain = personas("test")[2]
    people = {persona.name: persona, plain.name: plain}
    order = iter([*people.values()])

    def make_agent(spec: Spec, home: Path) -> Any:
        return Nights(next(order)).make_agent(spec, home)

    report = loop.bench_loop(Spec(), list(people.values()), [0], silent, ["nights"], make_agent)
    assert {t.figure: t.met for t in report.targets} == dict.fromkeys(
        [t[0] for t in loop.NIGHT_TARGETS], True
    )
    assert report.passed
    assert [row["persona"] for row in report.runs] == list(people)
    json.dumps(report.as_json())
    order = iter([persona])
    alone = loop.bench_loop(Spec(), [persona], [0], silent, ["nights"], make_agent)
    assert "recall_plain" not in {each.figure for each in alone.targets}


# --- mounting ---------------------------------------------------------------------------


def test_mounting_is_measured_on_the_engine_that_serves(tmp_path: Path) -> None:
    gguf = write_tiny_llama(tmp_path / "tiny.gguf")
    base = resolve(str(gguf), tmp_path / "cache")
    run = mount.measure_mount(
        base,
        lambda: LlamaEngine(gguf, context_tokens=256),
        tmp_path,
        silent,
        size_bytes=100_000,
        repeats=3,
        pairs=2,
        tokens=8,
    )
    assert run.rank > 1
    assert run.adapter_bytes == pytest.approx(100_000, rel=0.2)
    assert (len(run.mount_ms), len(run.at_run_time), len(run.at_start)) == (3, 2, 2)
    assert all(value > 0 for value in (*run.mount_ms, *run.at_run_time, *run.at_start))
    assert run.base_reloads == 0
    figures = loop.mount_figures(run)
    assert {each[0] for each in loop.MOUNT_TARGETS} <= set(figures)


def test_decoding_is_compared_between_neighbours_in_time() -> None:
    run = mount.MountRun(1, 1, (1.0,), 0, at_run_time=(100.0, 10.0, 90.0), at_start=(100.0, 11.0, 100.0))
    assert run.decode_ratio == pytest.approx(10 / 11)


# --- bench crash ------------------------------------------------------------------------

Fake = Callable[..., Commands]


@pytest.fixture
def fake() -> Fake:
    """The command line's stand-in, with a fault of its own if one is given."""

    def commands(fault: str = "", nap_s: float = 0.1) -> Commands:
        path = {"PYTHONPATH": ":".join(part for part in sys.path if part)}
        return Commands(
            (sys.executable, str(FAKE)), (), {**path, "FAKE_FAULT": fault, "FAKE_NAP_S": str(nap_s)}
        )

    return commands


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A home with one turn to sleep on."""
    home = tmp_path / "told"
    home.mkdir()
    with Journal(home / "journal.db") as journal:
        journal.open_session("s")
        journal.add_turn("s", "user", "My dog is called Zorbal.")
    return home


def kill(commands: Commands, told: Path, at_s: float = 0.01) -> crash.Kill:
    night = crash.Timeline(2.0, (("compact", 0.5, 1.0),))
    prepared = crash.Prepared("first night", told, night)
    return crash.kill_one(commands, BASE, prepared, told.parent / "copy", 1, at_s)


def test_killed_nights_are_counted_and_their_homes_checked(fake: Fake, tmp_path: Path) -> None:
    said: list[str] = []
    done = crash.run_kills(fake(), BASE, tmp_path, 2, random.Random(1), said.append)
    assert [(each.served, each.kept, each.finished, each.faults) for each in done] == [
        (True, True, True, ())
    ] * 2
    assert len(said) == 4
    assert not list(tmp_path.glob("kill-*"))


@pytest.mark.parametrize(
    ("fault", "failed", "words"),
    [
        ("lose-turn", "kept", "turn 1 is lost"),
        ("other-adapter", "served", "ask was answered by another"),
        ("no-second-sleep", "finished", "the next sleep ended with 1: the night cannot be finished"),
    ],
)
def test_what_a_kill_broke_is_seen(fake: Fake, told: Path, fault: str, failed: str, words: str) -> None:
    if fault == "no-second-sleep":
        with Journal(told / "journal.db") as journal:
            journal.begin_night(0)
    found = kill(fake(fault), told)
    assert not getattr(found, failed)
    assert any(words in each for each in found.faults)


def test_an_adapter_cut_short_is_seen(fake: Fake, told: Path) -> None:
    assert fake(nap_s=0.0).ran("sleep", home=told).code == 0
    whole = crash._served_faults(fake(), BASE, told, had_adapter=True)
    adapter = next((told / "adapters").glob("*/adapter.gguf"))
    adapter.write_bytes(adapter.read_bytes()[:-1])
    broken = crash._served_faults(fake(), BASE, told, had_adapter=True)
    assert whole == []
    assert any("refused" in fault for fault in broken)
    assert "no adapter is served any more" in broken


def test_a_night_that_ends_before_the_kill_is_no_kill(told: Path) -> None:
    tried: list[float] = []

    class Unhurt(Commands):
        def killed_after(self, seconds: float, *arguments: str, home: Path) -> float | None:
            tried.append(seconds)
            return 0.8

    with pytest.raises(BenchFailed, match="ended before it was killed"):
        kill(Unhurt(()), told, at_s=1.0)  # half of the two seconds that were measured
    assert tried == [1.0, *[0.4] * (len(tried) - 1)]
    assert len(tried) > 1


def test_a_night_faster_than_the_one_measured_is_killed_as_far_into_it(fake: Fake, told: Path) -> None:
    prepared = crash.Prepared("first night", told, crash.Timeline(60.0, ()))
    found = crash.kill_one(fake(nap_s=0.5), BASE, prepared, told.parent / "copy", 1, 30.0)
    assert found.at_s < 30.0
    assert found.faults == ()


def test_instants_cover_the_night_and_every_stage() -> None:
    night = crash.Timeline(
        30.0, (("compact", 5.0, 12.0), ("consolidate", 12.0, 29.0), ("publish", 29.0, 29.1))
    )
    for seed in range(20):
        chosen = crash.instants(night, 10, random.Random(seed))
        assert len(chosen) == 10
        assert all(0 <= at <= 30 for at in chosen)
        assert [int(at // 6) for at in sorted(chosen[:5])] == [0, 1, 2, 3, 4]
        assert any(29.0 <= at <= 29.1 for at in chosen)


def test_the_small_night_publishes_whatever_it_made() -> None:
    small = crash.small_night(Spec())
    assert (small.exam.min_new, small.exam.min_old, small.exam.min_unknown, small.exam.min_skill) == (0,) * 4
    assert small.sleep.training.epochs < Spec().sleep.training.epochs
    assert Spec.model_validate(json.loads(json.dumps(small.model_dump(mode="json")))) == small


# --- the command line -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["loop", "--seeds", "0,x"], "whole numbers"),
        (["loop", "--seeds", ""], "whole numbers"),
        (["loop", "--personas", "10"], "from 1 to 9"),
        (["loop", "--only", "lunch"], "lunch"),
        (["crash", "--kills", "0"], "--kills"),
    ],
)
def test_bad_options_are_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from dormouse.tui.cli import run

    assert run(["bench", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("got", "code"), [(0.8, 0), (0.7, 1)])
def test_a_missed_target_is_exit_code_1(
    got: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from dormouse.tui.cli import run

    where = replace(WHERE, machine={**WHERE.machine, "memory_bytes": 1 << 30, "physical_cores": 2})
    figures = {"recall_natural": Spread(got, got, got, 1)}
    target = Target("recall_natural", "at least", 0.75, got)
    seen: list[Any] = []

    def measured(spec: Spec, people: list[Persona], seeds: tuple[int, ...], *rest: Any) -> Any:
        seen.append(([person.name for person in people], seeds, rest[1]))
        return gathered("loop", where, spec, seeds, 1.0, figures, [target], [])

    monkeypatch.setattr(loop, "bench_loop", measured)
    options = ["--personas", "1", "--seeds", "3,4", "--split", "dev", "--only", "nights"]
    assert run(["bench", "loop", *options, "--json", "--out", str(tmp_path / "out")]) == code
    assert json.loads(capfd.readouterr().out)["passed"] is (code == 0)
    assert json.loads((tmp_path / "out" / "loop.json").read_text())["seeds"] == [3, 4]
    assert run(["bench", "loop", *options]) == code
    shown = capfd.readouterr().out
    assert "recall natural" in shown and ("met" if code == 0 else "missed") in shown
    assert seen == [([personas("dev", 1)[0].name], (3, 4), ("nights",))] * 2
