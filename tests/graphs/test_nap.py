"""Naps over a tiny random model, killed at their steps; and what is to leave a context."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest
import tiny_nap
from adapter_builds import BASE, unsaved
from night_parts import a_memory
from scripted_engine import BASE as SCRIPTED
from tiny_nap import napped
from tiny_night import opened, script_the_night, tell

from dormouse.graphs.beneath import mounts_beneath, weights_beneath
from dormouse.graphs.leaving import leaving, opening, summary
from dormouse.graphs.nap import nap_training
from dormouse.memory.adapters import Registry
from dormouse.memory.base_weights import BaseWeights
from dormouse.memory.journal import Journal
from dormouse.memory.records import Nap, NapState
from dormouse.memory.settings import NapSettings
from dormouse.sleep.settings import NapTrainingSettings, TrainingSettings


def words(text: str) -> int:
    return len(text.split())


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.db")


def test_few_passes_take_smaller_steps_and_train_every_block() -> None:
    night, nap = TrainingSettings(), NapTrainingSettings()
    once, twice, often = (nap_training(night, nap, passes, 6000) for passes in (1, 2, 4))
    assert [6000 * each.epochs / each.tokens_per_step for each in (once, twice)] == [24.0, 24.0]
    assert [each.frozen_share for each in (once, twice, often)] == [0.0, 0.0, night.frozen_share]
    assert often.tokens_per_step == night.tokens_per_step
    assert often.learning_rate == nap.learning_rate
    assert nap_training(night, nap, 1, 3).tokens_per_step == 1


def a_nap(session: str, upto: int, state: NapState = "published", adapter: str | None = None) -> Nap:
    now = datetime.now(UTC)
    return Nap(session, state, upto, 1, now, now, adapter)


# Killed


@pytest.mark.parametrize("step", ["replay", "consolidate", "exam"])
def test_a_nap_that_is_killed_leaves_the_day_adapter_before_it_whole(
    step: str, tmp_path: Path, base: BaseWeights, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_the_night(monkeypatch.setattr)
    home = tmp_path / "home"
    with opened(home, base, cache) as context:
        tell(context.journal, "Old Vex chewed the sofa again.", session="one")
        first = napped(context, "one").adapter
        assert first is not None
        tell(context.journal, "twelve winters in Tromso and no gloves", session="two")
    killed = subprocess.Popen(
        [sys.executable, tiny_nap.__file__, str(home), str(base.path), str(cache), "two"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert killed.stdout is not None
    for line in killed.stdout:
        if line.strip() == step:
            os.killpg(killed.pid, signal.SIGKILL)
            break
    assert killed.wait() == -signal.SIGKILL
    killed.stdout.close()
    with opened(home, base, cache) as context:
        assert context.journal.day_adapter() == first
        assert context.registry.day(first).memories[0].statement == "The user's dog's name is Vex."
        again = napped(context, "two")
        assert again.state == "published"
        assert again.adapter is not None
        held = [memory.statement for memory in context.registry.day(again.adapter).memories]
        assert held == ["The user's dog's name is Vex.", "The user's home city is Tromso."]
        named = [name.name for name in context.registry.day(again.adapter).names]
        assert named == ["dog's name", "home city"]
        assert not context.home.nap_path.exists()


def test_whom_an_earlier_nap_named_is_known_by_the_name(
    tmp_path: Path, base: BaseWeights, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = script_the_night(monkeypatch.setattr)
    with opened(tmp_path / "home", base, cache) as context:
        tell(context.journal, "Old Vex chewed the sofa again.", session="one")
        assert napped(context, "one").state == "published"
        tell(context.journal, "Lovely weather, and Vex hates it.", session="two")
        napped(context, "two")
    assert notes.shown[-1] == "Lovely weather, and my dog hates it."


# What leaves, and what stays of it


def test_nothing_leaves_while_there_is_room(journal: Journal) -> None:
    tell(journal, "one two three")
    assert leaving(journal, "s1", 10, 1000, NapSettings(), words) is None


def test_the_oldest_exchanges_leave_and_the_newest_stay(journal: Journal) -> None:
    tell(journal, *[f"turn {n} " + "word " * 18 for n in range(10)])  # 28 + 10 tokens an exchange, as counted
    found = leaving(journal, "s1", 10, 400, NapSettings(begin_at=0.8, keep=0.3), words)
    assert found is not None
    kept = [turn for turn in journal.turns("s1") if turn.id > found.upto]
    assert sum(words(turn.content) + 8 for turn in kept) <= 0.3 * 400
    assert kept[0].role == "user"
    assert [turn.content.split()[1] for turn in found.turns] == [str(n) for n in range(len(found.turns))]
    assert [turn.before for turn in found.turns[:2]] == ["", found.turns[0].content]


def test_what_a_nap_read_is_not_read_again_and_what_it_could_not_use_is_not_tried_at_every_turn(
    journal: Journal,
) -> None:
    settings = NapSettings(begin_at=0.8, keep=0.3)
    tell(journal, *[f"turn {n} " + "word " * 18 for n in range(10)])
    found = leaving(journal, "s1", 10, 400, settings, words)
    assert found is not None
    journal.record_nap(a_nap("s1", found.upto, "rejected"))
    assert leaving(journal, "s1", 10, 400, settings, words) is None
    tell(journal, *[f"more {n} " + "word " * 18 for n in range(6)])
    again = leaving(journal, "s1", 10, 400, settings, words)
    assert again is not None
    assert again.turns[0].id == found.turns[0].id
    journal.record_nap(a_nap("s1", again.upto))
    assert leaving(journal, "s1", 10, 400, settings, words) is None


def test_what_others_put_there_is_not_learnt(journal: Journal) -> None:
    name = journal.open_session("s1").id
    for _ in range(8):
        journal.add_turn(name, "user", "word " * 20, trusted=False)
        journal.add_turn(name, "assistant", "word " * 20)
    found = leaving(journal, "s1", 0, 200, NapSettings(), words)
    assert found is not None
    assert found.turns == ()


def test_the_summary_is_of_what_left_the_newest_of_it_and_nothing_forgotten() -> None:
    told = [
        a_memory("dog", "name", "Vex", turn=1, state="admitted"),
        a_memory("user", "job", "vet", turn=2, state="forgotten"),
        a_memory("user", "home city", "Tromso", turn=3, state="consolidated"),
        a_memory("cat", "name", "Mog", turn=9, state="admitted"),
    ]
    whole = summary(told, {1, 2, 3}, 100, words)
    assert whole == "Earlier in this talk: The user's dog's name is Vex. The user's home city is Tromso."
    assert summary(told, {1, 2, 3}, 11, words) == "Earlier in this talk: The user's home city is Tromso."
    assert summary(told, {1, 2, 3}, 3, words) == summary(told, {7}, 100, words) == ""


def test_a_session_goes_on_with_the_summary_and_the_turns_that_did_not_leave(journal: Journal) -> None:
    tell(journal, "My dog is Vex.", "And now?")
    journal.put_memories([a_memory("dog", "name", "Vex", turn=1)])
    before = opening(journal, "s1", "You are Pim.", NapSettings(), words)
    assert (before.persona, len(before.turns)) == ("You are Pim.", 4)
    journal.record_nap(a_nap("s1", 2))
    after = opening(journal, "s1", "You are Pim.", NapSettings(), words)
    assert after.persona == "You are Pim.\nEarlier in this talk: The user's dog's name is Vex."
    assert [turn.content for turn in after.turns] == ["And now?", "I see."]


def test_the_newest_published_nap_names_the_day_adapter_until_a_night_takes_it_in(journal: Journal) -> None:
    tell(journal, "one", "two", "three")
    assert journal.day_adapter() is None
    journal.record_nap(a_nap("s1", 1, adapter="a" * 16))
    journal.record_nap(a_nap("s1", 3, adapter="b" * 16))
    journal.record_nap(a_nap("s1", 5, "rejected", "c" * 16))
    assert (journal.day_adapter(), journal.left_context("s1")) == ("b" * 16, 3)
    night = journal.begin_night(0).id
    journal.absorb_naps(night)
    assert (journal.day_adapter(), journal.left_context("s1")) == (None, 3)
    assert [nap.night_id for nap in journal.naps("s1")] == [night, night, None]


def test_a_day_adapter_lies_on_the_nights_or_on_the_role_adapter_before_there_is_one(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "adapters", BASE)
    data = Path(str(resources.files("dormouse.sleep") / "data" / "roles"))
    roles = [path.name for path in data.iterdir() if len(path.name) == 16]
    with_role = replace(SCRIPTED, sha256=roles[0] + "0" * 48)
    found = weights_beneath(registry, None, with_role)
    assert found is not None and found.name == roles[0]
    night = unsaved().model_copy(update={"id": "a" * 16})
    assert weights_beneath(registry, night, with_role) == registry.root / night.id / "peft"
    assert weights_beneath(registry, None, SCRIPTED) is None  # a base without one: the bare base
    assert mounts_beneath(registry, None, SCRIPTED, tmp_path) == ()
