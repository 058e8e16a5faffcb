"""Backups and forgetting: what is forgotten leaves the backups there are, and no backup brings it back."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from forgetful import holding, learnt, opened, told

from dormouse.memory.episodes import keeping
from dormouse.memory.episodes.keeping import Announce, amend_backup
from dormouse.memory.errors import BadInput
from dormouse.memory.home import Home
from dormouse.memory.journal import Journal
from dormouse.runtime import backups, forgetting
from dormouse.runtime.backups import CHANGED, GONE, HOLDING, WITHOUT_IT
from dormouse.runtime.receipts import Receipt
from dormouse.runtime.spec import Spec
from dormouse.runtime.workspace import Workspace, restore_home
from dormouse.sleep.filter import REMOVED


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that was told of Zorbal and of rice, and has learnt the first."""
    with opened(tmp_path / "home") as space:
        learnt(space, "My boat is called Zorbal.", "boat", "name", "Zorbal", "consolidated")
        told(space, "I like rice.")
    return tmp_path / "home"


def backed_up(home: Path, target: Path) -> Path:
    with opened(home, read_only=True) as space:
        space.back_up(target)
    return target


def forget(space: Workspace) -> Receipt:
    return forgetting.erase(space, forgetting.choose(space, (), "Zorbal"))


def unpacked(backup: Path, to: Path) -> Path:
    with tarfile.open(backup) as archive:
        archive.extractall(to, filter="data")
    return to


def said(home: Path) -> list[str]:
    with Journal(home / "journal.db") as journal:
        return [turn.content for session in journal.sessions() for turn in journal.turns(session.id)]


def restored(home: Path, backup: Path) -> None:
    restore_home(Spec(), home, backup, replace=True, command="test")


def test_what_is_forgotten_leaves_the_backups_in_text_and_index(home: Path, tmp_path: Path) -> None:
    backup = backed_up(home, tmp_path / "backup")
    assert holding(unpacked(backup, tmp_path / "before"), "zorbal") == ["index.db", "journal.db"]
    with opened(home) as space:
        receipt = forget(space)
        assert receipt.backups == {str(backup): WITHOUT_IT}
        assert list(receipt.files_holding) == []
    assert holding(unpacked(backup, tmp_path / "after"), "zorbal") == []
    assert not list(tmp_path.glob(".dormouse-*"))
    restored(tmp_path / "elsewhere", backup)
    assert said(tmp_path / "elsewhere") == [f"My boat is called {REMOVED}.", "I like rice."]
    with opened(tmp_path / "elsewhere") as space:
        assert [hit.episode.text for hit in space.episodes.recall("rice", 1)] == ["I like rice."]


def test_a_rewritten_backup_is_still_known_and_is_rewritten_again(home: Path, tmp_path: Path) -> None:
    backup = backed_up(home, tmp_path / "backup")
    with opened(home) as space:
        forget(space)
        again = forgetting.erase(space, forgetting.choose(space, (), "rice"))
        assert again.backups == {str(backup): WITHOUT_IT}
    assert holding(unpacked(backup, tmp_path / "after"), "rice") == []


def test_nothing_forgotten_returns_from_a_backup_that_was_out_of_reach(home: Path, tmp_path: Path) -> None:
    kept = shutil.copy(backed_up(home, tmp_path / "backup"), tmp_path / "copy")
    with opened(home) as space:
        forget(space)
        stones = space.journal.tombstones()
    restored(home, Path(kept))
    assert holding(home, "zorbal") == []
    assert said(home) == [f"My boat is called {REMOVED}.", "I like rice."]
    with opened(home) as space:
        assert space.journal.tombstones() == stones
        assert [memory.state for memory in space.journal.memories()] == ["forgotten"]
        assert forgetting.withheld(space, "Zorbal!") == f"{REMOVED}!"


def test_a_memory_of_another_id_that_says_the_forgotten_does_not_return(home: Path, tmp_path: Path) -> None:
    with opened(home) as space:
        learnt(space, "She, Zorbal, is my ship.", "ship", "name", "Zorbal", "superseded")
        learnt(space, "Our cat is Mirl.", "cat", "name", "Mirl", "consolidated")
    kept = shutil.copy(backed_up(home, tmp_path / "backup"), tmp_path / "copy")
    with opened(tmp_path / "second") as space:
        learnt(space, "My boat is called Zorbal.", "boat", "name", "Zorbal", "consolidated")
        forget(space)
    restored(tmp_path / "second", Path(kept))
    assert holding(tmp_path / "second", "zorbal") == []
    with opened(tmp_path / "second") as space:
        found = {memory.value: memory.state for memory in space.journal.memories()}
        assert found == {"": "forgotten", "Mirl": "consolidated"}


def test_what_was_allowed_again_is_restored(home: Path, tmp_path: Path) -> None:
    kept = shutil.copy(backed_up(home, tmp_path / "backup"), tmp_path / "copy")
    with opened(home) as space:
        forget(space)
        forgetting.lift_told(space, ["Zorbal"])
    restored(home, Path(kept))
    assert said(home) == ["My boat is called Zorbal.", "I like rice."]


def test_what_cannot_be_rewritten_is_named_as_holding_it_and_the_receipt_is_not_clean(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = backed_up(home, tmp_path / "backup")

    def refused(*args: Any) -> None:
        raise OSError(30, "Read-only file system")

    with opened(home) as space:
        with monkeypatch.context() as failing:
            failing.setattr(backups, "amend_backup", refused)
            receipt = forget(space)
        assert receipt.backups[str(backup)].startswith(HOLDING)
        assert list(receipt.files_holding) == [str(backup)]
        (settled,) = forgetting.settle(space, lambda question, tiers: "Hm.")
        assert settled.state == "still there"


def test_files_that_are_not_ours_any_more_are_left_alone(home: Path, tmp_path: Path) -> None:
    gone, changed = (backed_up(home, tmp_path / name) for name in ("gone", "changed"))
    gone.unlink()
    changed.write_bytes(b"a letter about Zorbal")
    with opened(home) as space:
        assert forget(space).backups == {str(gone): GONE, str(changed): CHANGED}
        assert changed.read_bytes() == b"a letter about Zorbal"
        # What is gone is named once; what may come back with its disk, each time.
        again = forgetting.erase(space, forgetting.choose(space, (), "rice"))
        assert again.backups == {str(changed): CHANGED}


def test_a_backup_made_while_it_was_being_forgotten_is_without_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = keeping.back_up

    def slow(*args: Any) -> Any:
        made = pack(*args)
        with opened(home) as space:
            forget(space)
        return made

    monkeypatch.setattr(backups, "back_up", slow)
    monkeypatch.setattr(forgetting, "forget_in_backups", lambda home, journal: {})
    backup = backed_up(home, tmp_path / "backup")
    assert holding(unpacked(backup, tmp_path / "after"), "zorbal") == []


def test_a_kill_between_two_backups_of_one_name_leaves_both_on_record(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = backed_up(home, tmp_path / "backup")

    def killed(journal: Path, index: Path, target: Path, announce: Announce) -> None:
        announce("0" * 64)
        raise KeyboardInterrupt

    with opened(home) as space, monkeypatch.context() as dying:
        dying.setattr(backups, "back_up", killed)
        with pytest.raises(KeyboardInterrupt):
            space.back_up(backup)
    with opened(home) as space:
        assert forget(space).backups == {str(backup): WITHOUT_IT}


def test_a_damaged_journal_whose_tombstones_are_lost_is_not_replaced_unseen(
    home: Path, tmp_path: Path
) -> None:
    kept = shutil.copy(backed_up(home, tmp_path / "backup"), tmp_path / "copy")
    (home / "journal.db").write_bytes(b"no journal" * 1000)
    restored(home, Path(kept))  # nothing was ever forgotten here: a backup is what such a home needs
    with opened(home) as space:
        forget(space)
    (home / "journal.db").write_bytes(b"no journal" * 1000)
    with pytest.raises(BadInput, match="what was forgotten is not known"):
        restored(home, Path(kept))


def test_amending_a_backup_that_fails_leaves_it_whole(home: Path, tmp_path: Path) -> None:
    backup = backed_up(home, tmp_path / "backup")
    before = backup.read_bytes()

    def fails(journal: Path, index: Path) -> None:
        raise BadInput("No.")

    with pytest.raises(BadInput):
        amend_backup(backup, fails)
    assert backup.read_bytes() == before
    with Home.open(home, command="test") as opened_home:
        assert [record.path for record in backups._records(opened_home)] == [str(backup)]
