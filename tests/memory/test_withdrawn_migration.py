"""A journal of the version before titles and withdrawals is migrated with all that is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from dormouse.memory import sqlite_store
from dormouse.memory.journal import Journal


def test_what_the_second_version_kept_is_there_and_can_be_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with pytest.MonkeyPatch.context() as older:
        older.setattr(sqlite_store, "SCHEMA_VERSION", "0002")
        store = sqlite_store.SqliteStore(path)
    with store.writing() as rows:
        rows.execute(sa.text("INSERT INTO sessions VALUES ('s1', '2026-01-01 10:00:00')"))
        rows.execute(
            sa.text(
                "INSERT INTO turns (id, session_id, role, content, created_at, state, tokens, trusted) "
                "VALUES (1, 's1', 'user', 'My dog is Rex.', '2026-01-01 10:00:00', 'complete', 0, 1)"
            )
        )
    store.close()
    with Journal(path) as journal:
        assert [session.title for session in journal.sessions()] == ["My dog is Rex."]
        assert [turn.withdrawn_at for turn in journal.turns("s1")] == [None]
        assert [turn.id for turn, _ in journal.search("Rex", 3)] == [1]
        journal.withdraw([1])
        assert (journal.turns("s1"), journal.search("Rex", 3), journal.unharvested()) == ([], [], [])
        assert journal.rename_session("s1", "Dogs").title == "Dogs"
