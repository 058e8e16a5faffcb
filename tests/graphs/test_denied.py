"""What the user says is not so any more: it leaves the weights, and stays out until it is told again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_night import FREE, SETTINGS, STRICT, Notetaker, Open, script_the_night, tell

from dormouse.graphs.night import NightContext
from dormouse.graphs.sleep import run_night
from dormouse.memory.journal import Memory
from dormouse.sleep.buffer import Row, read_buffer
from dormouse.sleep.questions import untold_answer
from dormouse.sleep.records import NightReport

TALK = ("Old Vex chewed the sofa again.", "twelve winters in Tromso and no gloves")
DENIAL = "By the way, I don't live in Tromso any more. Any tips for packing?"
HOME = ("user", "home city")


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch) -> Notetaker:
    return script_the_night(monkeypatch.setattr)


def tromso(context: NightContext) -> list[Memory]:
    return [memory for memory in context.journal.memories() if memory.value == "Tromso"]


def held(context: NightContext) -> set[str]:
    head = context.registry.head()
    return {memory.statement for memory in head.memories} if head else set()


def trained(context: NightContext, report: NightReport) -> list[dict[str, Any]]:
    text = (context.home.nights_path / report.night / "training.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def rows(context: NightContext) -> list[Row]:
    found = read_buffer(context.home.replay_path, context.base.sha256).rows
    return [row for row in found if (row.subject, row.attribute) == HOME]


def test_what_is_denied_is_declined_from_the_next_night_on(night: Open, train_here: list[Path]) -> None:
    with night() as context:
        tell(context.journal, *TALK)
        run_night(context)
        assert held(context) == {"The user's dog's name is Vex.", "The user's home city is Tromso."}
        assert {row.kind for row in rows(context)} == {"told"}

        tell(context.journal, DENIAL, session="s2")
        report = run_night(context)
        assert report.status == "published"
        assert held(context) == {"The user's dog's name is Vex."}
        (memory,) = tromso(context)
        assert (memory.state, memory.superseded_by) == ("superseded", None)
        assert 'says "By the way, I don\'t live in Tromso any more."' in (memory.reason or "")
        (verdict,) = [v for v in context.journal.verdicts(report.night) if v.memory == memory.id]
        assert (verdict.ruling, verdict.reason) == ("contradicted", memory.reason)
        assert {"text": "user | home city | Tromso", "reason": memory.reason} in report.rejected

        asked = [each for each in trained(context, report) if each["memory"] == memory.id]
        assert len(asked) == SETTINGS.replay.questions_per_memory
        assert untold_answer(*HOME) in {each["answer"] for each in asked}
        assert not any("Tromso" in each["answer"] for each in trained(context, report))
        assert report.exam is not None
        assert (report.exam["kinds"]["untrue"]["n"], "new" in report.exam["kinds"]) == (1, False)
        assert {row.kind for row in rows(context)} == {"unknown"}

        assert run_night(context).status == "nothing-new"

        tell(context.journal, "Well, twelve winters in Tromso!", session="s3")
        assert run_night(context).status == "published"
        assert sorted(each.state for each in tromso(context)) == ["consolidated", "superseded"]
        assert held(context) == {"The user's dog's name is Vex.", "The user's home city is Tromso."}
        assert {row.kind for row in rows(context)} == {"told"}


def test_a_denial_outlives_a_night_that_was_rejected(night: Open, train_here: list[Path]) -> None:
    with night() as context:
        tell(context.journal, *TALK)
        run_night(context)
        tell(context.journal, DENIAL, session="s2")
    with night(FREE.model_copy(update={"min_untrue": 1.0})) as context:
        assert run_night(context).reasons[0].startswith("untrue: 0 of 1 right")
        assert tromso(context)[0].state == "superseded"
        assert "The user's home city is Tromso." in held(context)
    with night(FREE) as context:
        assert run_night(context).status == "published"
        assert held(context) == {"The user's dog's name is Vex."}
        assert "any more" in (tromso(context)[0].reason or "")


def test_what_is_denied_before_any_version_holds_it_is_never_taught(
    night: Open, train_here: list[Path]
) -> None:
    with night(STRICT) as context:
        tell(context.journal, *TALK)
        assert run_night(context).status == "rejected"
        tell(context.journal, DENIAL, session="s2")
    with night() as context:
        report = run_night(context)
        assert (report.status, held(context)) == ("published", {"The user's dog's name is Vex."})
        assert report.exam is not None
        assert "untrue" not in report.exam["kinds"]
        assert not any("Tromso" in each["answer"] for each in trained(context, report))


def test_what_is_told_and_denied_in_one_day_is_no_memory(night: Open, train_here: list[Path]) -> None:
    with night() as context:
        tell(context.journal, *TALK, DENIAL)
        report = run_night(context)
        assert [memory["value"] for memory in report.memories] == ["Vex"]
        assert tromso(context) == []
        assert any("newer word" in each["reason"] for each in report.rejected)


def test_what_is_told_again_before_it_was_unlearnt_is_not_declined(
    night: Open, train_here: list[Path]
) -> None:
    with night() as context:
        tell(context.journal, *TALK)
        run_night(context)
        tell(context.journal, DENIAL, session="s2")
    with night(FREE.model_copy(update={"min_untrue": 1.0})) as context:
        assert run_night(context).status == "rejected"
        tell(context.journal, "Well, twelve winters in Tromso!", session="s3")
        report = run_night(context)
        assert report.status == "published"
        assert "The user's home city is Tromso." in held(context)
        assert untold_answer(*HOME) not in {each["answer"] for each in trained(context, report)}
