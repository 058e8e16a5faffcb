"""`bench nap` with an engine that only repeats: what is told and asked, and what the figures are held to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import BASE, ScriptedEngine

from dormouse.graphs.leaving import Leaving
from dormouse.memory.base_weights import BaseWeights
from dormouse.memory.records import Nap
from dormouse.runtime.bench.loop import Asked, Share
from dormouse.runtime.bench.nap import (
    NapRun,
    bench_nap,
    facts_of,
    nap_figures,
    nap_plot,
    nap_targets,
    napping_spec,
)
from dormouse.runtime.bench.personas import personas
from dormouse.runtime.bench.turn_delays import FirstToken
from dormouse.runtime.spec import Spec

PERSON = next(person for person in personas("dev") if person.style == "plain")


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[Leaving]:
    """Naps that learn nothing; what each was to read."""
    read: list[Leaving] = []

    def run(context: object, found: Leaving, passes: int, folder: Path) -> Nap:
        read.append(found)
        now = datetime.now(UTC)
        report = {"reasons": [], "seconds": {"compact": 0.5}}
        return Nap(found.session_id, "nothing-new", found.upto, passes, now, now, None, report)

    monkeypatch.setattr("dormouse.graphs.nap.run_nap", run)
    monkeypatch.setattr("dormouse.runtime.bench.nap._INTERRUPTED_WITHIN_S", 0.0)  # they end at once
    return read


def engines(spec: Spec) -> tuple[ScriptedEngine, BaseWeights]:
    return ScriptedEngine(context=spec.model.context_tokens), BASE


def test_everything_is_told_leaves_and_is_asked_for(naps: list[Leaving]) -> None:
    said: list[str] = []
    report, plot = bench_nap(Spec(), [PERSON], [0, 2], [0], 512, 3, said.append, engines)
    without, with_naps = report.runs
    assert (without["passes"], with_naps["passes"]) == (0, 2)
    assert without["naps"] == ()
    assert len(with_naps["naps"]) == len(naps) >= 2
    told = [turn.content for turn in PERSON.first.turns("x")]
    read = [turn.content for found in naps for turn in found.turns]
    assert [words for words in read if words in told] == told  # in order, each once
    assert with_naps["tokens"] >= 3 * 512
    asked = with_naps["after"]["shares"]
    assert asked["recall"]["asked"] == sum(len(fact.questions) for fact in facts_of(PERSON))
    assert asked["unknown"]["asked"] == len(PERSON.unknown)
    assert not report.passed
    assert "2 passes" in said[1]
    assert plot.startswith("<svg")


def test_the_talk_is_held_with_retrieval_off_and_as_many_passes_as_asked_for() -> None:
    spec = napping_spec(Spec(), 8, 3, 1024)
    assert (spec.memory.context.nap.passes, spec.model.context_tokens, spec.sleep.seed) == (8, 1024, 3)
    assert not spec.memory.recall.enabled


def first_tokens(*late: float) -> tuple[FirstToken, ...]:
    """Of turns in the midst of naps that were so late, and of others that took a tenth of a second beside."""
    usual = [
        FirstToken(took=2.1, alone=2.0, read=900, mounted=True, disturbed=False),
        FirstToken(0.1, 0.0, 9, True, False),
    ]
    return (*usual, *(FirstToken(1.1 + each, 1.0, 450, True, True) for each in late))


def a_run(passes: int, recalled: int, **changes: Any) -> NapRun:
    shares = {"recall": Share(recalled, 100), "unknown": Share(9, 10), "skill": Share(10, 10)}
    given: dict[str, Any] = {
        "persona": "p",
        "style": "plain",
        "seed": 0,
        "passes": passes,
        "turns": 9,
        "tokens": 99,
        "after": Asked(shares, ()),
        "skills_before": 10,
        "naps": (),
        "first_tokens": first_tokens(0.2, 0.4),
        "wall_s": 1.0,
        **changes,
    }
    return NapRun(**given)


def met(runs: list[NapRun]) -> dict[str, bool]:
    return {target.figure: target.met for target in nap_targets(nap_figures(runs), runs, 4)}


def test_recall_must_rise_and_no_turn_may_wait() -> None:
    good = [a_run(0, 3), a_run(2, 60), a_run(4, 82), a_run(8, 81)]
    assert all(met(good).values())
    assert not met([a_run(0, 3), a_run(2, 85), a_run(4, 80)])["recall_rises"]
    assert not met([a_run(0, 3), a_run(4, 79)])["recall_4"]
    assert not met([a_run(0, 3), a_run(4, 90, first_tokens=first_tokens(0.1, 0.6))])["longest_turn_delay_s"]
    assert not met([a_run(4, 90, first_tokens=first_tokens())])[
        "longest_turn_delay_s"
    ]  # nothing measured is not met
    assert nap_plot(good).count("<circle") == 12
