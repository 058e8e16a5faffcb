"""A journal of the first version is migrated with all that is in it, and then takes what later ones hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from dormouse.memory import sqlite_store
from dormouse.memory.journal import Journal, Verdict
from dormouse.memory.tables import SCHEMA_VERSION


def _first_version(path: Path) -> None:
    """A journal as version 0001 left it: one session, one turn, one night with its memory."""
    with pytest.MonkeyPatch.context() as older:
        older.setattr(sqlite_store, "SCHEMA_VERSION", "0001")
        store = sqlite_store.SqliteStore(path)
    with store.writing() as rows:
        for statement in (
            "INSERT INTO sessions VALUES ('s1', '2026-01-01 10:00:00')",
            (
                "INSERT INTO nights VALUES"
                " ('n0001', 'published', '2026-01-01 22:00:00', '2026-01-01 22:10:00', NULL, 0, '{}')"
            ),
            (
                "INSERT INTO turns (id, session_id, role, content, created_at, state, tokens, trusted, "
                "night_id) VALUES (1, 's1', 'user', 'My dog is Rex.', '2026-01-01 10:00:00', 'complete', "
                "0, 1, 'n0001')"
            ),
            (
                "INSERT INTO memories VALUES ('abc', 'dog', 'name', 'Rex', 'My dog is Rex.', 'It is Rex.',"
                " '2026-01-01 22:00:00', 'consolidated', '', 'n0001', NULL)"
            ),
            "INSERT INTO memory_turns VALUES ('abc', 0, 1)",
        ):
            rows.execute(sa.text(statement))
    store.close()


def test_what_the_first_version_kept_is_there_and_verdicts_can_be_added(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    _first_version(path)
    with Journal(path) as journal:
        assert [turn.content for turn in journal.turns("s1")] == ["My dog is Rex."]
        assert [memory.turn_ids for memory in journal.memories("consolidated")] == [(1,)]
        assert [memory.asked for memory in journal.memories()] == [()]
        assert [turn.id for turn, _ in journal.search("Rex", 3)] == [1]
        assert journal.verdicts("n0001") == []
        ruled = [Verdict("supported", "dog | name | Rex", "because", 1, "My dog is Rex.", "abc")]
        journal.record_verdicts("n0001", ruled)
        journal.record_verdicts("n0001", ruled)
        assert journal.verdicts("n0001") == ruled
    with Journal(path, read_only=True) as journal:
        assert journal.verdicts("n0001") == ruled
    assert SCHEMA_VERSION >= "0003"
