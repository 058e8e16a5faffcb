"""Backups: whole or refused; restoring never mixes two homes. And what the journal rewrote is rewritten
here.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from hashed_embedder import HashedEmbedder

from dormouse.memory.episodes import keeping
from dormouse.memory.episodes.journal_source import JournalSource
from dormouse.memory.episodes.keeping import back_up, refresh_index, restore
from dormouse.memory.episodes.records import Scope
from dormouse.memory.episodes.store import EpisodicStore
from dormouse.memory.errors import BadInput, HomeError, JournalBusy
from dormouse.memory.journal import Journal


def told(home: Path, *texts: str) -> tuple[Path, Path]:
    """A home's journal and index with these turns."""
    home.mkdir()
    with Journal(home / "journal.db") as journal:
        session = journal.open_session().id
        for text in texts:
            journal.add_turn(session, "user", text)
        with EpisodicStore(home / "store", HashedEmbedder) as store:
            store.of(Scope(), JournalSource(journal)).catch_up()
    return home / "journal.db", home / "store" / Scope().key / "index.db"


def recalled(home: Path, text: str) -> list[str]:
    with Journal(home / "journal.db") as journal, EpisodicStore(home / "store", HashedEmbedder) as store:
        return [hit.episode.text for hit in store.of(Scope(), JournalSource(journal)).recall(text, 9)]


def test_what_was_backed_up_is_restored_elsewhere(tmp_path: Path) -> None:
    journal, index = told(tmp_path / "a", "My boat is called Zorbal.", "I like rice.")
    kept = back_up(journal, index, tmp_path / "backup")
    assert kept.turns == 2
    other = tmp_path / "b"
    other.mkdir()
    restore(tmp_path / "backup", other / "journal.db", other / "store" / Scope().key / "index.db")
    assert recalled(other, "Zorbal")[0] == "My boat is called Zorbal."


def test_turns_are_given_up_only_when_asked_to(tmp_path: Path) -> None:
    journal, index = told(tmp_path / "a", "My boat is called Zorbal.")
    back_up(journal, index, tmp_path / "backup")
    mine, my_index = told(tmp_path / "b", "I like rice.")
    with pytest.raises(BadInput, match="--replace"):
        restore(tmp_path / "backup", mine, my_index)
    assert recalled(tmp_path / "b", "rice") == ["I like rice."]
    restore(tmp_path / "backup", mine, my_index, replace=True)
    assert recalled(tmp_path / "b", "rice Zorbal") == ["My boat is called Zorbal."]


@pytest.mark.parametrize("damage", ["cut", "flipped", "other", "foreign"])
def test_a_damaged_backup_changes_nothing(tmp_path: Path, damage: str) -> None:
    journal, index = told(tmp_path / "a", "My boat is called Zorbal.")
    backup = tmp_path / "backup"
    back_up(journal, index, backup)
    whole = backup.read_bytes()
    if damage == "cut":
        backup.write_bytes(whole[: len(whole) // 2])
    elif damage == "flipped":
        backup.write_bytes(whole[:-200] + bytes(byte ^ 255 for byte in whole[-200:-100]) + whole[-100:])
    elif damage == "other":
        backup.write_bytes(b"a letter")
    else:
        with tarfile.open(backup, "w:gz") as archive:
            archive.add(journal, arcname="../../evil")
    with pytest.raises(BadInput, match="backup"):
        restore(backup, journal, index, replace=True)
    assert recalled(tmp_path / "a", "Zorbal") == ["My boat is called Zorbal."]


def test_what_the_journal_rewrote_is_rewritten_here(tmp_path: Path) -> None:
    home = tmp_path / "a"
    told(home, "My boat is called Quixzorbal.", "I like rice.")
    with Journal(home / "journal.db") as journal:
        journal.forget(
            [], lambda text: text.replace("Quixzorbal", "[...]") if isinstance(text, str) else text
        )
        with EpisodicStore(home / "store", HashedEmbedder) as store:
            scoped = store.of(Scope(), JournalSource(journal))
            assert scoped.refresh() == 1 and scoped.refresh() == 0
            scoped.catch_up()
            assert [hit.episode.text for hit in scoped.recall("boat", 1)] == ["My boat is called [...]."]
            assert not any(b"uixzorbal" in path.read_bytes() for path in (home / "store").rglob("*.db*"))


def test_a_restore_that_fails_late_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, index = told(tmp_path / "a", "My boat is called Zorbal.")
    back_up(journal, index, tmp_path / "backup")
    mine, my_index = told(tmp_path / "b", "I like rice.")
    before = {path: path.read_bytes() for path in (mine, my_index)}
    move = os.replace

    def refused(source: Path, target: Path) -> None:
        if target == mine:
            raise OSError(5, "Input/output error")
        move(source, target)

    with monkeypatch.context() as failing:
        failing.setattr(os, "replace", refused)
        with pytest.raises(HomeError):
            restore(tmp_path / "backup", mine, my_index, replace=True)
    assert {path: path.read_bytes() for path in before} == before
    assert not list((tmp_path / "b").glob(".dormouse-*"))


def test_a_restore_that_fails_keeps_what_a_killed_process_left_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, index = told(tmp_path / "a", "My boat is called Zorbal.")
    back_up(journal, index, tmp_path / "backup")
    told(tmp_path / "b", "I like rice.")
    mine = tmp_path / "c" / "journal.db"
    mine.parent.mkdir()
    with Journal(tmp_path / "b" / "journal.db") as open_still:
        open_still.add_turn(open_still.open_session().id, "user", "And beans.")
        for end in ("", "-wal"):  # as a kill leaves it: the last turn stands in the log alone
            shutil.copy(tmp_path / "b" / f"journal.db{end}", f"{mine}{end}")

    def refused(*args: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as failing:
        failing.setattr(keeping, "_swap", refused)
        with pytest.raises(HomeError):
            restore(tmp_path / "backup", mine, tmp_path / "c" / "store" / "k" / "index.db", replace=True)
    with Journal(mine) as found:
        said = [turn.content for session in found.sessions() for turn in found.turns(session.id)]
    assert said == ["I like rice.", "And beans."]


def test_a_journal_that_somebody_reads_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_BUSY_S", 0.05)
    journal, index = told(tmp_path / "a", "My boat is called Zorbal.")
    back_up(journal, index, tmp_path / "backup")
    with closing(sqlite3.connect(journal, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM turns").fetchone()
        with Journal(journal) as writer:
            writer.add_turn(writer.open_session().id, "user", "And beans.")
        with pytest.raises(JournalBusy):
            restore(tmp_path / "backup", journal, index, replace=True)
    assert "And beans." in recalled(tmp_path / "a", "beans")


def test_what_a_killed_restore_left_is_swept_away_and_what_a_live_one_works_with_is_not(
    tmp_path: Path,
) -> None:
    journal, index = told(tmp_path / "a", "My boat is called Zorbal.")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, live = (tmp_path / f".dormouse-{pid}-x" for pid in (dead.pid, os.getpid()))
    for folder in (left, live):
        folder.mkdir()
    back_up(journal, index, tmp_path / "backup")
    assert (left.exists(), live.exists()) == (False, True)


def test_an_index_that_cannot_be_read_is_left_to_be_made_again(tmp_path: Path) -> None:
    journal, index = told(tmp_path / "a", "My boat is called Zorbal.")
    index.write_bytes(b"no index" * 500)
    with Journal(journal) as opened:
        refresh_index(index, JournalSource(opened))
    assert not index.exists()
