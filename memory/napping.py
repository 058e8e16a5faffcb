"""The journal's part that naps write: what left each session's context, and what it was trained into.

Promise: a nap is written once, when it has ended; the newest published one that no night has taken in names
the day adapter, so that one transaction moves from the old to the new. Knows nothing of how a nap works.
"""

from __future__ import annotations

from dataclasses import fields, replace

import sqlalchemy as sa
from sqlalchemy.orm import Session as OrmSession

from .errors import UnknownRecord
from .records import Nap
from .sqlite_store import SqliteStore
from .tables import NapRow, NightRow, SessionRow


class Napping:
    """Naps, over a store."""

    _store: SqliteStore

    def record_nap(self, nap: Nap) -> Nap:
        """Append a nap that has ended; returns it with its id. UnknownRecord if there is no such session."""
        with self._store.writing() as rows:
            if rows.get(SessionRow, nap.session_id) is None:
                raise UnknownRecord("session", nap.session_id)
            count = rows.scalar(sa.select(sa.func.count()).select_from(NapRow)) or 0
            named = replace(nap, id=f"p{count + 1:04d}")
            rows.add(NapRow(**{field.name: getattr(named, field.name) for field in fields(Nap)}))
            return named

    def naps(self, session_id: str | None = None) -> list[Nap]:
        """Every nap, or those of one session, the first one first."""
        asked = sa.select(NapRow).order_by(NapRow.started_at, NapRow.id)
        if session_id is not None:
            asked = asked.where(NapRow.session_id == session_id)
        with self._store.reading() as rows:
            return [_nap(row) for row in rows.scalars(asked)]

    def left_context(self, session_id: str) -> int:
        """The last turn of a session that a nap took out of its context; 0 when none did."""
        asked = sa.select(sa.func.max(NapRow.upto)).where(
            NapRow.session_id == session_id, NapRow.state.in_(("published", "nothing-new"))
        )
        with self._store.reading() as rows:
            return int(rows.scalar(asked) or 0)

    def day_adapter(self) -> str | None:
        """The id of the adapter that naps have made since a night took the last one in."""
        with self._store.reading() as rows:
            asked = _waiting().order_by(NapRow.started_at.desc(), NapRow.id.desc()).limit(1)
            row = rows.scalar(asked)
            return None if row is None else row.adapter

    def absorb_naps(self, night_id: str) -> None:
        """Note that this night has learnt what the naps before it had. Raises UnknownRecord."""
        with self._store.writing() as rows:
            _night(rows, night_id)
            for row in rows.scalars(_waiting()):
                row.night_id = night_id


def _waiting() -> sa.Select[NapRow]:
    return sa.select(NapRow).where(NapRow.state == "published", NapRow.night_id.is_(None))


def _night(rows: OrmSession, id: str) -> NightRow:
    row = rows.get(NightRow, id)
    if row is None:
        raise UnknownRecord("night", id)
    return row


def _nap(row: NapRow) -> Nap:
    return Nap(**{field.name: getattr(row, field.name) for field in fields(Nap)})
