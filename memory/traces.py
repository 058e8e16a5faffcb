"""The journal's part about what was done for an answer: tool calls, step by step, and verdicts on them.

Promise: a call is on the disk before it is made, so that one whose end was never written is known and is not
made again. Knows nothing of tools or of verifiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session as OrmSession

from .errors import JournalError, UnknownRecord
from .records import CallState, JudgedOutcome, Judgement, ToolCall
from .sqlite_store import SqliteStore
from .tables import JudgementRow, SessionRow, ToolCallRow, TurnRow

_LOST = "It is not known whether this call was carried out, for the program ended meanwhile."


class Traces:
    """Tool calls and verdicts, over a store."""

    _store: SqliteStore

    def begin_tool_call(
        self,
        session_id: str,
        reply_to: int,
        name: str,
        arguments: dict[str, Any],
        *,
        asked: bool = False,
        evidence: bytes | None = None,
    ) -> ToolCall:
        """Write down a call that is about to be made, or, if `asked`, that waits for its owner's yes.

        It gets a turn of its own (role tool, untrusted), which stays pending until the call has ended.
        """
        with self._store.writing() as rows:
            if rows.get(SessionRow, session_id) is None:
                raise UnknownRecord("session", session_id)
            turn = TurnRow(
                session_id=session_id,
                role="tool",
                content="",
                created_at=datetime.now(UTC),
                state="pending",
                reply_to=reply_to,
                tokens=0,
                trusted=False,
            )
            rows.add(turn)
            rows.flush()
            row = ToolCallRow(
                turn_id=turn.id,
                name=name,
                arguments=arguments,
                result="",
                ok=False,
                state="asked" if asked else "running",
                evidence=evidence,
            )
            rows.add(row)
            rows.flush()
            return _call(row)

    def run_tool_call(self, call_id: int) -> ToolCall:
        """Write down that a call that waited is now made. JournalError unless it was waiting."""
        with self._store.writing() as rows:
            row = _call_row(rows, call_id)
            if row.state != "asked":
                raise JournalError(self._store.path, f"call {call_id} is {row.state}, and waits for no one")
            row.state = "running"
            return _call(row)

    def end_tool_call(self, call_id: int, result: str, state: CallState) -> ToolCall:
        """Write down how a call ended; its turn is complete with it. JournalError if it had ended before."""
        with self._store.writing() as rows:
            row = _call_row(rows, call_id)
            if row.state not in ("asked", "running"):
                raise JournalError(self._store.path, f"tool call {call_id} is {row.state}, and has ended")
            row.state, row.result, row.ok = state, result, state == "done"
            turn = rows.get_one(TurnRow, row.turn_id)
            turn.content, turn.state = result, "interrupted" if state == "lost" else "complete"
            return _call(row)

    def tool_call(self, call_id: int) -> ToolCall:
        """One call. Raises UnknownRecord."""
        with self._store.reading() as rows:
            return _call(_call_row(rows, call_id))

    def waiting_calls(self) -> list[ToolCall]:
        """The calls that wait for their owner's yes, the oldest first."""
        asked = sa.select(ToolCallRow).where(ToolCallRow.state == "asked").order_by(ToolCallRow.id)
        with self._store.reading() as rows:
            return [_call(row) for row in rows.scalars(asked)]

    def lose_running_calls(self) -> int:
        """Call every call that was being made lost, and say how many: who made them has died."""
        with self._store.writing() as rows:
            running = rows.scalars(sa.select(ToolCallRow).where(ToolCallRow.state == "running")).all()
            for row in running:
                row.state, row.result = "lost", _LOST
                turn = rows.get_one(TurnRow, row.turn_id)
                turn.content, turn.state = _LOST, "interrupted"
            return len(running)

    def add_judgements(self, judgements: Sequence[Judgement]) -> None:
        """Append what verifiers said; all of it or nothing."""
        if not judgements:
            return
        now = datetime.now(UTC)
        with self._store.writing() as rows:
            for given in judgements:
                if rows.get(TurnRow, given.turn_id) is None:
                    raise UnknownRecord("turn", given.turn_id)
                values = {field.name: getattr(given, field.name) for field in fields(Judgement)}
                rows.add(JudgementRow(**values, created_at=now))

    def judgements(self, turn_id: int | None = None, outcome: JudgedOutcome | None = None) -> list[Judgement]:
        """Verdicts in the order they were given: on one turn or all, of one outcome or any."""
        asked = sa.select(JudgementRow).order_by(JudgementRow.id)
        if turn_id is not None:
            asked = asked.where(JudgementRow.turn_id == turn_id)
        if outcome is not None:
            asked = asked.where(JudgementRow.outcome == outcome)
        with self._store.reading() as rows:
            names = [field.name for field in fields(Judgement)]
            return [Judgement(**{name: getattr(row, name) for name in names}) for row in rows.scalars(asked)]


def _call_row(rows: OrmSession, id: int) -> ToolCallRow:
    row = rows.get(ToolCallRow, id)
    if row is None:
        raise UnknownRecord("tool call", id)
    return row


def _call(row: ToolCallRow) -> ToolCall:
    return ToolCall(**{field.name: getattr(row, field.name) for field in fields(ToolCall)})
