"""The journal's part that is written by night: memories, nights, and what each exam was answered.

Knows nothing of how memories are found, trained or examined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session as OrmSession

from .errors import BadInput, JournalError, UnknownRecord
from .records import Asked, ExamAnswer, Memory, MemoryState, Night, NightState, Verdict
from .sqlite_store import SqliteStore
from .tables import ExamAnswerRow, MemoryRow, MemoryTurnRow, NightRow, VerdictRow

_MEMORY_COLUMNS = tuple(field.name for field in fields(Memory) if field.name not in ("turn_ids", "asked"))


class Learning:
    """Memories and nights, over a store."""

    _store: SqliteStore

    def put_memories(self, memories: Iterable[Memory]) -> None:
        """Write these memories, each over the one with its id; all of them or none.

        A forgotten memory stays forgotten, whatever is put over it. Raises BadInput for a memory that names
        no turn it rests on, JournalError for one that names a turn, night or memory that is not there.
        """
        with self._store.writing() as rows:
            for memory in memories:
                _put(rows, memory)

    def memories(self, state: MemoryState | None = None, night_id: str | None = None) -> list[Memory]:
        """Memories in the order they were made, of one state or night if given."""
        asked = sa.select(MemoryRow).order_by(MemoryRow.created_at, sa.literal_column("memories.rowid"))
        if state is not None:
            asked = asked.where(MemoryRow.state == state)
        if night_id is not None:
            asked = asked.where(MemoryRow.night_id == night_id)
        with self._store.reading() as rows:
            return _memories(rows, asked)

    def memory(self, id: str) -> Memory:
        """The memory whose id is, or alone begins with, `id`. Raises UnknownRecord."""
        asked = (
            sa.select(MemoryRow).where(MemoryRow.id.startswith(id, autoescape=True)).order_by(MemoryRow.id)
        )
        with self._store.reading() as rows:
            found = _memories(rows, asked)
        exact = [memory for memory in found if memory.id == id] or found
        if len(exact) != 1:
            raise UnknownRecord("memory", id, len(exact))
        return exact[0]

    def begin_night(self, seed: int) -> Night:
        """A new running night. Raises JournalError while another one runs: finish that one first."""
        with self._store.writing() as rows:
            running = rows.scalar(sa.select(NightRow.id).where(NightRow.state == "running"))
            if running is not None:
                raise JournalError(self._store.path, f"night {running} has begun and is not finished")
            count = rows.scalar(sa.select(sa.func.count()).select_from(NightRow)) or 0
            row = NightRow(
                id=f"n{count + 1:04d}", state="running", started_at=datetime.now(UTC), seed=seed, report={}
            )
            rows.add(row)
            rows.flush()
            return _night(row)

    def running_night(self) -> Night | None:
        """The night that has begun and is not finished: running now, or cut short by a crash."""
        with self._store.reading() as rows:
            row = rows.scalar(sa.select(NightRow).where(NightRow.state == "running"))
            return None if row is None else _night(row)

    def nights(self) -> list[Night]:
        """Every night, the first one first."""
        with self._store.reading() as rows:
            return [_night(row) for row in rows.scalars(sa.select(NightRow).order_by(NightRow.id))]

    def finish_night(
        self, id: str, state: NightState, adapter: str | None = None, report: Mapping[str, Any] | None = None
    ) -> Night:
        """End a running night. The same again changes nothing; another end raises JournalError."""
        with self._store.writing() as rows:
            return _night(self._finish(rows, id, state, adapter, report or {}))

    def publish_night(
        self,
        night_id: str,
        adapter: str,
        report: Mapping[str, Any],
        consolidated: Iterable[str],
        superseded: Mapping[str, str],
    ) -> Night:
        """End a night as published, together with what it did to memories: all of it or nothing.

        `consolidated` are memory ids, `superseded` maps a memory's id to that of the one which replaced it.
        Doing it again for the same adapter changes nothing. Raises UnknownRecord, JournalError.
        """
        with self._store.writing() as rows:
            row = self._finish(rows, night_id, "published", adapter, report)
            for id in consolidated:
                _move(rows, id, "consolidated", None)
            for id, successor in superseded.items():
                _move(rows, id, "superseded", _memory_row(rows, successor).id)
            return _night(row)

    def deny_memories(self, reasons: Mapping[str, str]) -> None:
        """Memories that hold no more, with nothing in their place, and why. Raises UnknownRecord."""
        with self._store.writing() as rows:
            for id, reason in reasons.items():
                _move(rows, id, "superseded", None)
                _memory_row(rows, id).reason = reason

    def record_exam_answers(self, night_id: str, adapter: str, items: Iterable[ExamAnswer]) -> None:
        """Write what `adapter` answered in that night's exam, in place of what an earlier try of it wrote."""
        with self._store.writing() as rows:
            _night_row(rows, night_id)
            rows.execute(
                sa.delete(ExamAnswerRow).where(
                    ExamAnswerRow.night_id == night_id, ExamAnswerRow.adapter == adapter
                )
            )
            for position, item in enumerate(items):
                row = ExamAnswerRow(
                    night_id=night_id,
                    adapter=adapter,
                    item_id=item.item_id,
                    position=position,
                    kind=item.kind,
                    question=item.question,
                    answer=item.answer,
                    passed=item.passed,
                )
                rows.add(row)

    def record_verdicts(self, night_id: str, verdicts: Iterable[Verdict]) -> None:
        """Write what a night's filter ruled, in order, in place of what an earlier try of it wrote."""
        with self._store.writing() as rows:
            _night_row(rows, night_id)
            rows.execute(sa.delete(VerdictRow).where(VerdictRow.night_id == night_id))
            rows.add_all(
                VerdictRow(
                    night_id=night_id,
                    position=position,
                    **{f.name: getattr(verdict, f.name) for f in fields(Verdict)},
                )
                for position, verdict in enumerate(verdicts)
            )

    def verdicts(self, night_id: str) -> list[Verdict]:
        """What a night's filter ruled, in order. Raises UnknownRecord for a night that never was."""
        asked = sa.select(VerdictRow).where(VerdictRow.night_id == night_id).order_by(VerdictRow.position)
        with self._store.reading() as rows:
            _night_row(rows, night_id)
            found = rows.scalars(asked)
            return [Verdict(**{f.name: getattr(row, f.name) for f in fields(Verdict)}) for row in found]

    def exam_answers(self, night_id: str) -> list[ExamAnswer]:
        """A night's exam answers, adapter by adapter, in the order they were recorded."""
        asked = sa.select(ExamAnswerRow).where(ExamAnswerRow.night_id == night_id)
        with self._store.reading() as rows:
            found = rows.scalars(asked.order_by(ExamAnswerRow.adapter, ExamAnswerRow.position))
            return [ExamAnswer(**{f.name: getattr(row, f.name) for f in fields(ExamAnswer)}) for row in found]

    def _finish(
        self, rows: OrmSession, id: str, state: NightState, adapter: str | None, report: Mapping[str, Any]
    ) -> NightRow:
        row = _night_row(rows, id)
        if state == "running":
            raise JournalError(self._store.path, f"night {id} cannot be finished and running")
        if row.state == "running":
            row.state, row.adapter, row.report = state, adapter, dict(report)
            row.ended_at = datetime.now(UTC)
        elif (row.state, row.adapter) != (state, adapter):
            raise JournalError(self._store.path, f"night {id} is already finished, as {row.state}")
        return row


def _put(rows: OrmSession, memory: Memory) -> None:
    if not memory.turn_ids:
        raise BadInput(f"Memory {memory.id} names no turn that it rests on.")
    row = rows.get(MemoryRow, memory.id)
    if row is not None and row.state == "forgotten":
        return
    asked = [[each.question, each.subject, each.attribute] for each in memory.asked]
    rows.merge(MemoryRow(**{name: getattr(memory, name) for name in _MEMORY_COLUMNS}, asked=asked))
    rows.flush()
    rows.execute(sa.delete(MemoryTurnRow).where(MemoryTurnRow.memory_id == memory.id))
    for position, turn_id in enumerate(memory.turn_ids):
        rows.add(MemoryTurnRow(memory_id=memory.id, position=position, turn_id=turn_id))
    rows.flush()


def _move(rows: OrmSession, id: str, state: MemoryState, successor: str | None) -> None:
    row = _memory_row(rows, id)
    if row.state != "forgotten":
        row.state, row.superseded_by = state, successor


def _memory_row(rows: OrmSession, id: str) -> MemoryRow:
    row = rows.get(MemoryRow, id)
    if row is None:
        raise UnknownRecord("memory", id)
    return row


def _memories(rows: OrmSession, asked: sa.Select[MemoryRow]) -> list[Memory]:
    found = rows.scalars(asked).all()
    ids = asked.with_only_columns(MemoryRow.id).order_by(None)
    links = sa.select(MemoryTurnRow).where(MemoryTurnRow.memory_id.in_(ids))
    turns: dict[str, list[int]] = {}
    for link in rows.scalars(links.order_by(MemoryTurnRow.memory_id, MemoryTurnRow.position)):
        turns.setdefault(link.memory_id, []).append(link.turn_id)
    return [
        Memory(
            **{name: getattr(row, name) for name in _MEMORY_COLUMNS},
            turn_ids=tuple(turns.get(row.id, ())),
            asked=tuple(Asked(*each) for each in row.asked),
        )
        for row in found
    ]


def _night_row(rows: OrmSession, id: str) -> NightRow:
    row = rows.get(NightRow, id)
    if row is None:
        raise UnknownRecord("night", id)
    return row


def _night(row: NightRow) -> Night:
    return Night(**{field.name: getattr(row, field.name) for field in fields(Night)})
