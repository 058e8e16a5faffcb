"""The journal's part that forgets: tombstones, and texts rewritten wherever they are kept.

Promise: the tombstones, the emptied memories and every rewritten text are one transaction, and `purge` leaves
nothing of what they replaced in the file. Knows nothing of what is to go: it is handed functions that
rewrite a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session as OrmSession

from .errors import UnknownRecord
from .records import Tombstone
from .sqlite_store import SqliteStore
from .tables import Base, MemoryRow, TombstoneRow, VerdictRow

Rewrite = Callable[[Any], Any]
"""Takes a text, or a JSON value, and gives it without what is to go."""

_GONE = "forgotten by its owner"
# Words of the machinery, which are not talk; a rewritten one would break a reference or a constraint.
_MACHINE_WORDS = """
id session_id role state adapter kind ruling name night_id item_id superseded_by memory receipt verifier
outcome version_num model engine once
"""
_NO_TALK = frozenset(_MACHINE_WORDS.split())

_SAYS = frozenset({"subject", "attribute", "value", "statement"})


class Erasing:
    """Tombstones and rewriting, over a store."""

    _store: SqliteStore

    def forget(
        self, tombstones: Iterable[Tombstone], rewrite: Rewrite, answers: Rewrite | None = None
    ) -> dict[str, int]:
        """Set the tombstones, empty the memories of those ids, and rewrite every text there is, what the
        assistant said by `answers`, if given.

        Returns how many rows were changed, by table. All of it or nothing.
        """
        with self._store.writing() as rows:
            changed: dict[str, int] = {}
            for stone in tombstones:
                rows.merge(TombstoneRow(**{f.name: getattr(stone, f.name) for f in fields(Tombstone)}))
                changed["memories"] = changed.get("memories", 0) + _empty(rows, stone.id)
            rows.flush()
            for table in Base.metadata.sorted_tables:
                if table.name != TombstoneRow.__tablename__:
                    count = _rewritten(rows, table, rewrite, answers or rewrite)
                    changed[table.name] = changed.get(table.name, 0) + count
            return {name: count for name, count in changed.items() if count}

    def tombstones(self) -> list[Tombstone]:
        """All of them, the oldest first."""
        asked = sa.select(TombstoneRow).order_by(TombstoneRow.forgotten_at, TombstoneRow.id)
        with self._store.reading() as rows:
            return [
                Tombstone(**{f.name: getattr(row, f.name) for f in fields(Tombstone)})
                for row in rows.scalars(asked)
            ]

    def mark_rebuilt(self, ids: Iterable[str]) -> None:
        """Note that no weights hold these any more. Again changes nothing."""
        with self._store.writing() as rows:
            for id in ids:
                row = rows.get(TombstoneRow, id)
                if row is not None and row.rebuilt_at is None:
                    row.rebuilt_at = datetime.now(UTC)

    def lift(self, id: str) -> Tombstone:
        """Allow a forgotten thing to be told and learnt again. Raises UnknownRecord."""
        begins = TombstoneRow.id.startswith(id, autoescape=True)
        with self._store.writing() as rows:
            found = rows.scalars(sa.select(TombstoneRow).where(begins)).all()
            if len(found) != 1:
                raise UnknownRecord("forgotten thing", id, len(found))
            found[0].lifted_at = found[0].lifted_at or datetime.now(UTC)
            return Tombstone(**{f.name: getattr(found[0], f.name) for f in fields(Tombstone)})

    def purge(self) -> None:
        """Rebuild the index and rewrite the file, so that nothing deleted or replaced is left in it."""
        self._store.purge()


def _empty(rows: OrmSession, id: str) -> int:
    """A memory without its text, and its verdicts."""
    rows.execute(
        sa.update(VerdictRow).where(VerdictRow.memory == id).values(text=_GONE, reason=_GONE, quote="")
    )
    row = rows.get(MemoryRow, id)
    if row is None:
        return 0
    for column in MemoryRow.__table__.columns:
        if _holds_talk(column):
            emptied: Any = "" if isinstance(getattr(row, column.name), str) else []
            setattr(row, column.name, emptied if getattr(row, column.name) is not None else None)
    row.state, row.reason, row.superseded_by = "forgotten", _GONE, None
    return 1


def _rewritten(rows: OrmSession, table: sa.Table, rewrite: Rewrite, answers: Rewrite) -> int:
    keys = list(table.primary_key.columns)
    talk = [column for column in table.columns if _holds_talk(column)]
    renew = rewrite
    if table.name == MemoryRow.__tablename__:  # what a memory says is emptied, or stays whole
        talk = [column for column in talk if column.name not in _SAYS]
        renew = _without(rewrite)
    blobs = [
        column for column in table.columns if isinstance(column.type, sa.LargeBinary) and column.nullable
    ]
    if not talk:
        return 0
    changes: list[tuple[sa.RowMapping, dict[str, Any]]] = []
    speaker = [column for column in table.columns if column.name == "role"]
    for row in rows.execute(sa.select(*keys, *talk, *speaker)).mappings():
        new = {
            c.name: (answers if c.name == "answer" or row.get("role") == "assistant" else renew)(row[c.name])
            for c in talk
            if row[c.name] is not None
        }
        new = {name: value for name, value in new.items() if value != row[name]}
        if new:
            # What was recorded beside the words, such as their tokens, spells them too.
            changes.append((row, {**new, **{blob.name: None for blob in blobs}}))
    for row, values in changes:
        rows.execute(sa.update(table).where(*(key == row[key.name] for key in keys)).values(**values))
    return len(changes)


def _without(rewrite: Rewrite) -> Rewrite:
    """Texts are rewritten, and of a list only what need not be: half a question is not one to train on."""

    def renew(value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in value if rewrite(item) == item]
        return rewrite(value)

    return renew


def _holds_talk(column: Any) -> bool:
    if column.primary_key or column.foreign_keys or column.name in _NO_TALK:
        return False
    kind = column.type.impl if isinstance(column.type, sa.types.TypeDecorator) else column.type
    return isinstance(kind, sa.String | sa.JSON)
