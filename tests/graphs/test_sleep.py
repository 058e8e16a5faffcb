"""Whole nights over a tiny random model: published, rejected, without news, failed and finished, killed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_night
from tiny_models import write_tiny_llama
from tiny_night import STRICT, Notetaker, Open, script_the_night, tell

from dormouse.graphs import sleep as graph
from dormouse.graphs.night import NightContext, NightState, Stage
from dormouse.graphs.rebuild import as_held
from dormouse.graphs.sleep import STAGES, run_night
from dormouse.memory.base_weights import BaseWeights, resolve
from dormouse.memory.engine import Message
from dormouse.memory.errors import DiskFull
from dormouse.memory.journal import Journal
from dormouse.sleep.buffer import read_buffer
from dormouse.sleep.errors import NightFailed
from dormouse.sleep.questions import DECLINES, OPENING, PLAINLY, taught_name
from dormouse.sleep.records import NightReport

TALK = ("Morning! Slept badly.", "Old Vex chewed the sofa again.", "twelve winters in Tromso and no gloves")


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch) -> Notetaker:
    return script_the_night(monkeypatch.setattr)


def states(journal: Journal) -> dict[str, str]:
    return {memory.value: memory.state for memory in journal.memories()}


def threads_left(context: NightContext) -> list[Any]:
    with closing(sqlite3.connect(context.home.checkpoints_path)) as connection:
        return connection.execute("SELECT DISTINCT thread_id FROM checkpoints").fetchall()


def assert_served(context: NightContext, report: NightReport) -> None:
    """What the night published is HEAD, whole, examined, and mounted."""
    head = context.registry.head()
    assert head is not None
    assert head.id == report.adapter
    assert (head.opens, head.declines, head.asks) == (OPENING, DECLINES, PLAINLY)
    assert {name.name for name in head.names} == {
        taught_name(memory.subject, memory.attribute) for memory in context.journal.memories("consolidated")
    }
    assert context.registry.warnings == []
    exam = context.registry.exam(head.id)
    assert exam is not None
    assert exam["passed"] is True
    assert exam["engine"] == "LlamaEngine"
    assert context.engine.mounted == (context.registry.mount(head.id),)
    assert {memory.id for memory in head.memories} == {
        memory.id for memory in context.journal.memories("consolidated")
    }


# A good night, one without news, one with a correction


def test_a_night_teaches_what_was_told(night: Open) -> None:
    """With a true training process."""
    seen: list[tuple[str, float]] = []
    with night() as context:
        tell(context.journal, *TALK)
        context.journal.add_turn("s1", "tool", "My cat is called Intruder.", trusted=False)
        report = run_night(context, lambda progress: seen.append((progress.stage, progress.done)))

        assert report.status == "published"
        assert states(context.journal) == {"Vex": "consolidated", "Tromso": "consolidated"}
        assert {memory["value"] for memory in report.memories} == {"Vex", "Tromso"}
        assert all(memory["turn_ids"] for memory in report.memories)
        assert_served(context, report)
        (ended,) = context.journal.nights()
        assert (ended.id, ended.state, ended.adapter) == (report.night, "published", report.adapter)
        assert context.journal.unharvested() == []
        answers = context.journal.exam_answers(report.night)
        kinds = [answer.kind for answer in answers if answer.kind != "tool"]
        assert kinds == ["new", "new", "neighbour", "unknown", "skill"]
        assert report.exam is not None
        assert set(report.exam["drift"]) == {"general", "chat"}
        assert report.exam is not None
        assert [answer.answer for answer in answers] == [item["answer"] for item in report.exam["items"]]

        assert list(dict.fromkeys(stage for stage, _ in seen)) == list(STAGES)
        assert set(report.seconds) == set(STAGES)
        assert report.train_tokens_per_s > 0
        assert any(stage == "consolidate" and done > 1 for stage, done in seen)

        manifest = context.registry.get(report.adapter or "")
        folder = context.home.nights_path / report.night
        rows = [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]
        digest = hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()
        assert manifest.training_set_sha256 == digest
        assert (manifest.parent, manifest.rank, manifest.seed) == (None, 4, 3)
        assert not (folder / "job").exists()
        assert threads_left(context) == []

        ids = list(range(20))
        served, bare = context.engine.logits(ids), context.engine.logits(ids, adapters=())
        assert np.abs(served - bare).max() > 1e-3


def test_nights_follow_each_other(night: Open, notes: Notetaker, train_here: list[Path]) -> None:
    with night() as context:
        tell(context.journal, *TALK)
        first = run_night(context)
        assert len(notes.shown) == len(TALK)

        # Nothing was said since.
        second = run_night(context)
        assert second.status == "nothing-new"
        assert (second.adapter, second.exam, second.memories) == (None, None, [])
        assert len(notes.shown) == len(TALK)
        assert_served(context, first)

        # What was said is not news.
        more = "Lovely weather, and Vex hates it."
        tell(context.journal, more, "So, Old Vex chewed the sofa, did I say?", session="s2")
        third = run_night(context)
        assert third.status == "nothing-new"
        assert "known already" in third.rejected[0]["reason"]
        assert context.journal.unharvested() == []
        assert len(context.registry.adapters()) == 1
        assert notes.shown[len(TALK)] == "Lovely weather, and my dog hates it."
    with night() as context:
        assert [mount.name for mount in context.engine.mounted] == [first.adapter]

        # A correction.
        tell(context.journal, "Actually, Vex is gone, it is Bruno now.", session="s3")
        fourth = run_night(context)
        assert fourth.status == "published"
        assert states(context.journal) == {
            "Vex": "superseded",
            "Tromso": "consolidated",
            "Bruno": "consolidated",
        }
        vex, bruno = (next(m for m in context.journal.memories() if m.value == v) for v in ("Vex", "Bruno"))
        assert vex.superseded_by == bruno.id
        assert_served(context, fourth)
        assert context.registry.get(fourth.adapter or "").parent == first.adapter
        assert fourth.exam is not None
        assert fourth.exam["kinds"]["old"]["n"] == 1
        trained = (context.home.nights_path / fourth.night / "training.jsonl").read_text()
        assert "Bruno" in trained
        assert "Vex" not in trained
        assert [n.state for n in context.journal.nights()] == [
            "published",
            "nothing-new",
            "nothing-new",
            "published",
        ]
        assert len(train_here) == 2


def test_an_empty_journal_changes_nothing(night: Open, train_here: list[Path]) -> None:
    with night() as context:
        report = run_night(context)
        assert report.status == "nothing-new"
        assert (context.registry.head(), context.registry.adapters(), train_here) == (None, [], [])
        assert threads_left(context) == []


def test_what_the_user_did_not_say_is_rejected_with_its_reason(night: Open, train_here: list[Path]) -> None:
    with night() as context:
        tell(context.journal, "Some say the moon is made of cheese.")
        report = run_night(context)
        assert report.status == "nothing-new"
        (rejected,) = report.rejected
        assert rejected["text"] == "moon | cheese | Emmental"
        assert "do not stand" in rejected["reason"]
        assert context.journal.memories() == []
        assert context.journal.nights()[0].report["rejected"] == [rejected]


def test_the_same_journal_and_seed_make_the_same_adapter(night: Open, train_here: list[Path]) -> None:
    made = []
    for home in ("one", "two"):
        with night(home=home) as context:
            tell(context.journal, *TALK)
            made.append(run_night(context).adapter)
    assert made[0] == made[1]
    assert len(train_here) == 2


# A rejected night


def test_a_rejected_adapter_does_not_serve_and_is_tried_again(night: Open, train_here: list[Path]) -> None:
    with night(STRICT) as context:
        tell(context.journal, *TALK)
        report = run_night(context)
        assert report.status == "rejected"
        assert any(reason.startswith("new: 0 of 2 right") for reason in report.reasons)
        assert context.registry.head() is None
        assert context.engine.mounted == ()
        (candidate,) = context.registry.candidates()
        exam = context.registry.exam(candidate.id)
        assert exam is not None
        assert exam["passed"] is False
        assert states(context.journal) == {"Vex": "admitted", "Tromso": "admitted"}
        assert [n.state for n in context.journal.nights()] == ["rejected"]
        assert context.journal.unharvested() == []
        assert "publish" not in report.seconds

    with night() as context:  # nothing was said since, and there is still something to learn
        again = run_night(context)
        assert again.status == "published"
        assert states(context.journal) == {"Vex": "consolidated", "Tromso": "consolidated"}
        assert_served(context, again)
        first, second = (context.registry.get(id) for id in (candidate.id, again.adapter or ""))
        assert first.seed != second.seed  # the same training again would be rejected again


@pytest.mark.parametrize("kind", ["old", "neighbour"])
def test_a_night_whose_exam_lost_a_kind_it_owes_is_rejected(
    kind: str, night: Open, train_here: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing(stage: Stage, state: NightState) -> NightState:
        found = run_replay(stage, state)
        return {**found, "probes": [probe for probe in found["probes"] if probe["kind"] != kind]}

    with night() as context:
        tell(context.journal, TALK[1])
        first = run_night(context)
        assert first.status == "published"
        run_replay = STAGES["replay"]
        monkeypatch.setattr(graph, "STAGES", {**STAGES, "replay": losing})
        tell(context.journal, TALK[2], session="s2")
        second = run_night(context)
        assert (second.status, second.reasons) == ("rejected", [f"no question of kind {kind} was asked"])
        assert_served(context, first)


def test_a_rejected_night_leaves_what_served_before(night: Open, train_here: list[Path]) -> None:
    with night() as context:
        tell(context.journal, *TALK)
        first = run_night(context)
    with night(STRICT) as context:
        tell(context.journal, "Actually, Vex is gone, it is Bruno now.")
        second = run_night(context)
        assert second.status == "rejected"
        assert states(context.journal) == {
            "Vex": "consolidated",
            "Tromso": "consolidated",
            "Bruno": "admitted",
        }
        assert_served(context, first)


# Nights that fail


def fail_once(monkeypatch: pytest.MonkeyPatch, *, worked: bool) -> dict[str, int]:
    """Each stage fails the first time, before it does anything or after all; gives how often each worked.

    Once `close` has worked the night is over, so it does not fail after that.
    """
    done: dict[str, int] = dict.fromkeys(STAGES, 0)
    failed: set[str] = {"close"} if worked else set()

    def failing(name: str) -> Callable[[Stage, NightState], NightState]:
        run = STAGES[name]

        def stage(handed: Stage, state: NightState) -> NightState:
            if name not in failed and not worked:
                failed.add(name)
                raise DiskFull("/somewhere")
            found = run(handed, state)
            done[name] += 1
            if name not in failed:
                failed.add(name)
                raise OSError(28, "No space left on device")
            return found

        return stage

    monkeypatch.setattr(graph, "STAGES", {name: failing(name) for name in STAGES})
    return done


@pytest.mark.parametrize("worked", [False, True])
def test_a_night_that_fails_at_every_stage_is_finished_stage_by_stage(
    worked: bool, night: Open, train_here: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = fail_once(monkeypatch, worked=worked)
    failures: list[str] = []
    report = None
    with night() as context:
        tell(context.journal, *TALK)
    while report is None:
        with night() as context:  # each time as a new process would
            try:
                report = run_night(context)
            except NightFailed as failure:
                failures.append(failure.stage)
                assert failure.stage in str(failure)
                assert "full" in str(failure)
    again = [name for name in STAGES if not (worked and name == "close")]
    assert failures == again
    assert done == {name: 2 if worked and name in again else 1 for name in STAGES}
    with night() as context:
        context.engine.mount((context.registry.mount(report.adapter or ""),))
        assert_served(context, report)
        assert report.status == "published"
        assert states(context.journal) == {"Vex": "consolidated", "Tromso": "consolidated"}
        assert [n.state for n in context.journal.nights()] == ["published"]
        assert len(context.registry.adapters()) == 1
        assert [entry.action for entry in context.registry.log()] == ["publish", "canary"]
        assert report.exam is not None and len(report.exam["items"]) > 4
        assert len(context.journal.exam_answers(report.night)) == len(report.exam["items"])
        assert context.journal.unharvested() == []
        assert len(train_here) == 1  # what is trained is not trained again
        assert threads_left(context) == []


def test_a_failed_night_keeps_its_seed_and_what_is_said_meanwhile_waits(
    night: Open, train_here: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_once(monkeypatch, worked=False)
    with night() as context:
        tell(context.journal, TALK[1])
        with pytest.raises(NightFailed):
            run_night(context)
        begun = context.journal.running_night()
        assert begun is not None
        monkeypatch.setattr(graph, "STAGES", {**STAGES, "replay": broken})
        with pytest.raises(NightFailed, match="replay"):
            run_night(context)
        monkeypatch.setattr(graph, "STAGES", STAGES)
        tell(context.journal, TALK[2])
        report = run_night(context)
        assert report.night == begun.id
        assert states(context.journal) == {"Vex": "consolidated"}
        assert [turn.content for turn in context.journal.unharvested()] == [TALK[2]]
        assert context.registry.get(report.adapter or "").seed == begun.seed


def test_a_night_cut_short_under_other_settings_begins_again(
    night: Open, train_here: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or what was trained at one scale would be exported at another."""
    with night() as context:
        tell(context.journal, *TALK)
        with monkeypatch.context() as patch:
            patch.setattr(graph, "STAGES", {**STAGES, "export": broken})
            with pytest.raises(NightFailed, match="export"):
                run_night(context)
        lora = context.settings.lora.model_copy(update={"alpha": 16.0})
        changed = replace(context, settings=context.settings.model_copy(update={"lora": lora}))
        report = run_night(changed)
        assert_served(context, report)
        folder = context.registry.root / (report.adapter or "")
        assert json.loads((folder / "peft" / "adapter_config.json").read_text())["lora_alpha"] == 16.0
        assert states(context.journal) == {"Vex": "consolidated", "Tromso": "consolidated"}
        assert [n.state for n in context.journal.nights()] == ["published"]
        assert len(train_here) == 2


# What the version to go on from does not hold


@pytest.fixture
def other_base(tmp_path: Path, cache: Path) -> BaseWeights:
    return resolve(str(write_tiny_llama(tmp_path / "other.gguf", seed=4)), cache)


def damage(context: NightContext) -> None:
    head = context.registry.head()
    assert head is not None
    with (context.registry.root / head.id / "adapter.gguf").open("ab") as file:
        file.write(b"!")


def roll_back(context: NightContext) -> None:
    context.registry.rollback("base")


def roll_back_and_die(context: NightContext) -> None:
    """As when it is killed before the move of HEAD is in the log."""
    (context.registry.root / "HEAD").write_text("base\n")


def change_base(context: NightContext) -> None:
    """What is opened next has another."""


def due(context: NightContext) -> set[str]:
    """What the next night has to teach."""
    held = as_held(context.journal.memories(), context.registry.head())
    return {memory.value for memory in held if memory.state == "admitted"}


@pytest.mark.parametrize(
    ("lose", "said"),
    [
        (roll_back, ""),
        (roll_back_and_die, "So, Old Vex chewed the sofa, did I say?"),
        (damage, TALK[2]),
        (change_base, ""),
    ],
)
def test_what_no_version_holds_any_more_is_taught_and_examined_as_new(
    lose: Callable[[NightContext], None],
    said: str,
    tmp_path: Path,
    night: Open,
    cache: Path,
    other_base: BaseWeights,
    train_here: list[Path],
) -> None:
    """Whether nothing, the same again or other things are said."""
    with night() as context:
        tell(context.journal, TALK[1])
        first = run_night(context)
        assert first.exam is not None and first.exam["kinds"]["new"]["n"] == 1
        assert due(context) == set()
        lose(context)
    again = tiny_night.opened(tmp_path / "home", other_base, cache) if lose is change_base else night()
    with again as context:
        assert context.registry.head() is None
        assert due(context) == {"Vex"}
        if said:
            tell(context.journal, said, session="s2")
        second = run_night(context)
        assert second.status == "published"
        assert {memory["value"] for memory in second.memories} == {
            "Vex",
            *(["Tromso"] if said == TALK[2] else []),
        }
        assert {memory["state"] for memory in second.memories} == {"consolidated"}
        assert second.exam is not None
        assert second.exam["kinds"]["new"]["n"] == len(second.memories)
        assert "old" not in second.exam["kinds"]
        head = context.registry.head()
        assert head is not None and head.id == second.adapter
        assert {memory.id for memory in head.memories} == {memory["id"] for memory in second.memories}
        lines = (context.home.nights_path / second.night / "training.jsonl").read_text().splitlines()
        questions = [row["kind"] for row in map(json.loads, lines) if "Vex" in row["answer"]]
        assert len(questions) >= 3 and set(questions) == {"new"}  # questions_per_memory
        assert due(context) == set()
        assert run_night(context).status == "nothing-new"


def test_of_two_nights_the_one_that_was_rolled_back_is_taught_again_on_top_of_the_other(
    night: Open, train_here: list[Path]
) -> None:
    with night() as context:
        tell(context.journal, TALK[1])
        first = run_night(context)
        tell(context.journal, TALK[2], session="s2")
        second = run_night(context)
        context.registry.rollback()
        assert due(context) == {"Tromso"}
        context.registry.rollback(second.adapter)  # and it was not meant so
        assert due(context) == set()
        context.registry.rollback(first.adapter)
        third = run_night(context)
        assert third.exam is not None
        assert {kind: third.exam["kinds"][kind]["n"] for kind in ("new", "old")} == {"new": 1, "old": 1}
        assert [memory["value"] for memory in third.memories] == ["Tromso"]
        assert context.registry.get(third.adapter or "").parent == first.adapter
        assert_served(context, third)


def test_a_newer_word_replaces_what_is_to_be_taught_again(night: Open, train_here: list[Path]) -> None:
    with night() as context:
        tell(context.journal, *TALK)
        run_night(context)
        context.registry.rollback("base")
        tell(context.journal, "Actually, Vex is gone, it is Bruno now.", session="s2")
        second = run_night(context)
        assert {memory["value"] for memory in second.memories} == {"Bruno", "Tromso"}
        assert_served(context, second)
        context.registry.rollback("base")
        assert due(context) == {"Bruno", "Tromso"}
        assert states(context.journal)["Vex"] == "superseded"


def test_what_is_taught_again_and_fails_its_exam_waits_for_the_next_night(
    night: Open, train_here: list[Path]
) -> None:
    with night() as context:
        tell(context.journal, *TALK)
        run_night(context)
        context.registry.rollback("base")
    with night(STRICT) as context:
        rejected = run_night(context)
        assert rejected.status == "rejected"
        assert {memory["state"] for memory in rejected.memories} == {"admitted"}
        assert due(context) == {"Vex", "Tromso"}
    with night() as context:
        assert_served(context, run_night(context))


def test_a_night_that_teaches_again_and_fails_at_every_stage_holds_all_of_it_in_the_end(
    night: Open, train_here: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with night() as context:
        tell(context.journal, TALK[1])
        run_night(context)
        context.registry.rollback("base")
        tell(context.journal, TALK[2], session="s2")
    fail_once(monkeypatch, worked=True)
    report = None
    while report is None:
        with night() as context, suppress(NightFailed):
            report = run_night(context)
    with night() as context:
        assert report.status == "published"
        assert {memory["value"] for memory in report.memories} == {"Vex", "Tromso"}
        assert_served(context, report)


# The replay buffer


def test_a_night_stores_what_its_model_says_and_the_next_trains_on_it(
    night: Open, train_here: list[Path]
) -> None:
    with night() as context:
        tell(context.journal, *TALK)
        first = run_night(context)
        kept = read_buffer(context.home.replay_path, context.base.sha256)
        assert {row.memory for row in kept.rows if row.kind == "told"} == {m["id"] for m in first.memories}
        assert {row.adapter for row in kept.rows} == {first.adapter}
        assert all(len(row.top) == len(row.ids) > 0 for row in kept.rows)
        assert all(len(place) == 4 for row in kept.rows for place in row.top)  # anchor_top_k
        assert all(place[0][1] >= place[-1][1] for row in kept.rows for place in row.top)

        tell(context.journal, "It rained in Bergen, says my Bruno.", session="s2")
        tell(context.journal, "Vex is gone, it is Bruno now.", session="s3")
        second = run_night(context)
        assert second.status == "published"
        lines = (context.home.nights_path / second.night / "training.jsonl").read_text().splitlines()
        kinds = {row["kind"] for row in map(json.loads, lines)}
        assert {"new", "stored", "dark", "unknown"} <= kinds
        after = read_buffer(context.home.replay_path, context.base.sha256)
        assert not any("Vex" in row.answer for row in after.rows)  # replaced by Bruno, so not replayed
        assert {row.adapter for row in after.rows} == {first.adapter, second.adapter}
        assert after.seen >= len(after.rows)


def test_what_the_model_stores_is_what_it_says(night: Open, train_here: list[Path]) -> None:
    """Against the wake engine: nearer to what it says with the adapter than without, up to bf16's noise."""
    with night() as context:
        tell(context.journal, *TALK)
        report = run_night(context)
        stack = (context.registry.mount(report.adapter or ""),)
        off: dict[bool, list[float]] = {True: [], False: []}
        for row in read_buffer(context.home.replay_path, context.base.sha256).rows:
            asked = [Message("system", context.persona), Message("user", row.question)]
            prompt = context.engine.render_tokens(asked)
            for mounted in (True, False):
                ids = [*prompt, *row.ids]
                logits = context.engine.logits(ids, adapters=stack if mounted else ()).astype(np.float64)
                rows = logits[len(prompt) - 1 : -1]
                said = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
                for place, known in zip(row.top, said, strict=True):
                    off[mounted] += [abs(value - known[token]) for token, value in place]
        assert np.mean(off[True]) < 0.15
        assert np.mean(off[True]) < np.mean(off[False])


def test_a_night_that_is_rejected_leaves_the_buffer(night: Open, train_here: list[Path]) -> None:
    with night(STRICT) as context:
        tell(context.journal, *TALK)
        assert run_night(context).status == "rejected"
        assert not context.home.replay_path.exists()


def test_closing_a_night_again_changes_nothing(
    night: Open, train_here: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when it was killed between the buffer and the journal."""
    with night() as context:
        tell(context.journal, *TALK)

        def disk_full(*_: object) -> None:
            raise DiskFull("/somewhere")

        with monkeypatch.context() as patch:
            patch.setattr(context.journal, "publish_night", disk_full)
            with pytest.raises(NightFailed, match="close"):
                run_night(context)
        kept = context.home.replay_path.read_bytes()
        assert run_night(context).status == "published"
        assert context.home.replay_path.read_bytes() == kept


def test_distributions_of_a_version_that_was_rolled_back_are_not_trusted(
    night: Open, train_here: list[Path]
) -> None:
    with night() as context:
        tell(context.journal, *TALK)
        first = run_night(context)
        context.registry.rollback("base")
        tell(context.journal, "Vex is gone, it is Bruno now.", session="s2")
        second = run_night(context)
        after = read_buffer(context.home.replay_path, context.base.sha256)
        assert {row.adapter for row in after.rows} == {second.adapter} != {first.adapter}


def broken(stage: Stage, state: NightState) -> NightState:
    raise DiskFull("/somewhere")


def test_checkpoints_of_a_night_that_had_ended_are_dropped(
    night: Open, train_here: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold what the user said, and a kill just after a night's end leaves them."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    with night() as context:
        tell(context.journal, "Nothing to speak of.")
        with monkeypatch.context() as patch:
            patch.setattr(SqliteSaver, "delete_thread", lambda self, thread: None)
            run_night(context)
        assert threads_left(context) == [("n0001",)]
        run_night(context)
        assert threads_left(context) == []


def test_a_broken_checkpoint_file_is_one_sentence(night: Open) -> None:
    from dormouse.memory.errors import JournalDamaged

    with night() as context:
        context.home.checkpoints_path.write_bytes(b"not a database" * 100)
        with pytest.raises(JournalDamaged, match=r"checkpoints\.db"):
            run_night(context)


# Killed


@pytest.mark.skipif(sys.platform != "linux", reason="kills a process group, and looks in /proc")
def test_killed_while_training_the_next_call_finishes_the_night(
    night: Open, notes: Notetaker, base: BaseWeights, cache: Path, tmp_path: Path
) -> None:
    with night() as context:
        tell(context.journal, *TALK)
        turns = context.journal.turns("s1")
    sleeping = subprocess.Popen(
        [sys.executable, tiny_night.__file__, str(tmp_path / "home"), str(base.path), str(cache)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with sleeping:
        assert sleeping.stdout is not None
        reached = ""
        for line in sleeping.stdout:
            reached, done, _ = line.split()
            if reached == "consolidate" and float(done) >= 1:
                break
        assert reached == "consolidate"
        os.killpg(sleeping.pid, signal.SIGKILL)
    assert sleeping.returncode == -signal.SIGKILL

    with night() as context:
        assert context.registry.head() is None
        assert context.journal.turns("s1") == turns
        assert context.journal.running_night() is not None
        assert states(context.journal) == {"Vex": "admitted", "Tromso": "admitted"}
        report = run_night(context)
        assert report.status == "published"
        assert notes.shown == []  # compaction had ended
        assert_served(context, report)
        assert states(context.journal) == {"Vex": "consolidated", "Tromso": "consolidated"}
        assert [n.state for n in context.journal.nights()] == ["published"]
