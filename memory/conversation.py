"""The journal's part that is written by day: sessions, turns, tool calls, and a search in what users said.

Knows nothing of memories; of nights, only which one harvested a turn.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session as OrmSession

from .errors import BadInput, JournalError, UnknownRecord
from .records import Session, ToolCall, Turn, TurnState
from .sqlite_store import SqliteStore
from .tables import NightRow, SessionRow, ToolCallRow, TurnRow

if TYPE_CHECKING:
    from .engine import Role

_TITLE_CHARS = 60
_MAX_SESSION_ID_CHARS = 200
_MAX_GIVEN_TITLE_CHARS = 200
_CHANGEABLE = ("content", "state", "adapter", "tokens", "evidence", "reply_to")


_SAID = sa.and_(TurnRow.role == "user", TurnRow.withdrawn_at.is_(None))


class Conversation:
    """Sessions and turns, over a store."""

    _store: SqliteStore

    def open_session(self, id: str | None = None) -> Session:
        """The session `id`, begun if it is new; a new one without `id`. Raises BadInput for a bad name."""
        if id is not None:
            _check_session_id(id)
        name = id or new_session_id()
        with self._store.writing() as rows:
            if rows.get(SessionRow, name) is None:
                rows.add(SessionRow(id=name, created_at=datetime.now(UTC)))
                rows.flush()
            return _sessions(rows, SessionRow.id == name)[0]

    def sessions(self) -> list[Session]:
        """Every session, the oldest first."""
        with self._store.reading() as rows:
            return _sessions(rows, sa.true())

    def last_turn_at(self) -> datetime | None:
        """When the latest turn was begun; None when there is none."""
        with self._store.reading() as rows:
            return rows.scalar(sa.select(sa.func.max(TurnRow.created_at)))

    def rename_session(self, id: str, title: str) -> Session:
        """Give a session a title; "" gives it back its own. Raises UnknownRecord, BadInput for a long one."""
        title = " ".join(title.split())
        if len(title) > _MAX_GIVEN_TITLE_CHARS:
            raise BadInput(
                f"A session's title may have {_MAX_GIVEN_TITLE_CHARS} characters, and this has {len(title)}."
            )
        with self._store.writing() as rows:
            row = rows.get(SessionRow, id)
            if row is None:
                raise UnknownRecord("session", id)
            row.title = title or None
            rows.flush()
            return _sessions(rows, SessionRow.id == id)[0]

    def add_turn(
        self,
        session_id: str,
        role: Role,
        content: str,
        *,
        reply_to: int | None = None,
        state: TurnState = "complete",
        adapter: str | None = None,
        tokens: int = 0,
        trusted: bool = True,
        evidence: bytes | None = None,
        once: str | None = None,
    ) -> Turn:
        """Append one turn, on the disk when this returns. Raises UnknownRecord for a session not opened.

        `once` is an idempotency key: where a turn was written under it already, that one is returned.
        """
        row = TurnRow(
            session_id=session_id,
            role=role,
            content=content,
            created_at=datetime.now(UTC),
            state=state,
            adapter=adapter,
            reply_to=reply_to,
            tokens=tokens,
            trusted=trusted,
            evidence=evidence,
            once=once,
        )
        with self._store.writing() as rows:
            if once is not None and (known := rows.scalar(_under(once))) is not None:
                return _turn(known)
            if rows.get(SessionRow, session_id) is None:
                raise UnknownRecord("session", session_id)
            if reply_to is not None:
                _turn_row(rows, reply_to)
            rows.add(row)
            rows.flush()
            rows.refresh(row)
            return _turn(row)

    def add_exchange(self, session_id: str, content: str, *, once: str | None = None) -> tuple[Turn, Turn]:
        """Append what the user says and, pending, the answer to it: both are on the disk, or neither.

        Words written under the idempotency key `once` already are not written again; the answer is a new one.
        Raises UnknownRecord for a session not opened.
        """
        now = datetime.now(UTC)
        both = {"session_id": session_id, "created_at": now, "tokens": 0, "trusted": True}
        with self._store.writing() as rows:
            if rows.get(SessionRow, session_id) is None:
                raise UnknownRecord("session", session_id)
            said = None if once is None else rows.scalar(_under(once))
            if said is None:
                said = TurnRow(role="user", content=content, state="complete", once=once, **both)
                rows.add(said)
                rows.flush()
            answer = TurnRow(role="assistant", content="", state="pending", reply_to=said.id, **both)
            rows.add(answer)
            rows.flush()
            rows.refresh(said)
            rows.refresh(answer)
            return _turn(said), _turn(answer)

    def update_turn(
        self,
        id: int,
        *,
        content: str | None = None,
        state: TurnState | None = None,
        adapter: str | None = None,
        tokens: int | None = None,
        evidence: bytes | None = None,
        reply_to: int | None = None,
    ) -> Turn:
        """Change what is given and not None. JournalError for the words or the state of a complete turn."""
        given = (content, state, adapter, tokens, evidence, reply_to)
        changes = {name: value for name, value in zip(_CHANGEABLE, given, strict=True) if value is not None}
        with self._store.writing() as rows:
            row = _turn_row(rows, id)
            rewritten = [
                name
                for name in ("content", "state")
                if changes.get(name, getattr(row, name)) != getattr(row, name)
            ]
            if row.state == "complete" and rewritten:
                raise JournalError(
                    self._store.path, f"turn {id} is complete, and its {rewritten[0]} is not rewritten"
                )
            for name, value in changes.items():
                setattr(row, name, value)
            rows.flush()
            rows.refresh(row)
            return _turn(row)

    def turn(self, id: int) -> Turn:
        """One turn. Raises UnknownRecord."""
        with self._store.reading() as rows:
            return _turn(_turn_row(rows, id))

    def written_under(self, once: str) -> list[Turn]:
        """The turn with this idempotency key, and after it those that reply to it; none if it never came."""
        with self._store.reading() as rows:
            found = _turns(rows, _under(once))
            replies = sa.select(TurnRow).where(TurnRow.reply_to.in_([turn.id for turn in found]))
            return found + _answers_last(_turns(rows, replies.order_by(TurnRow.id)))

    def turns_of(self, ids: Sequence[int]) -> list[Turn]:
        """These turns, in the order asked for; one that is gone is left out."""
        with self._store.reading() as rows:
            found = {turn.id: turn for turn in _turns(rows, sa.select(TurnRow).where(TurnRow.id.in_(ids)))}
        return [found[id] for id in ids if id in found]

    def turns(self, session_id: str, *, withdrawn: bool = False) -> list[Turn]:
        """A session's turns in order, an answer after the calls made for it; those taken back only if asked
        for. Raises UnknownRecord for a session that never was.
        """
        asked = sa.select(TurnRow).where(TurnRow.session_id == session_id).order_by(TurnRow.id)
        with self._store.reading() as rows:
            if rows.get(SessionRow, session_id) is None:
                raise UnknownRecord("session", session_id)
            return _answers_last(
                _turns(rows, asked if withdrawn else asked.where(TurnRow.withdrawn_at.is_(None)))
            )

    def withdraw(self, turn_ids: Iterable[int]) -> None:
        """Take turns back: they stay on record, and nothing recalls, shows or learns them any more.

        All of them or none. Raises UnknownRecord, JournalError for a turn that is still being written.
        """
        with self._store.writing() as rows:
            for turn_id in turn_ids:
                row = _turn_row(rows, turn_id)
                if row.state == "pending":
                    raise JournalError(self._store.path, f"turn {turn_id} is still being written")
                row.withdrawn_at = row.withdrawn_at or datetime.now(UTC)

    def context_before(self, turn_id: int, n: int) -> list[Turn]:
        """The last `n` turns before that one in its session, in order; none that is still being written."""
        with self._store.reading() as rows:
            session_id = _turn_row(rows, turn_id).session_id
            earlier = sa.select(TurnRow).where(
                TurnRow.session_id == session_id,
                TurnRow.id < turn_id,
                TurnRow.state != "pending",
                TurnRow.withdrawn_at.is_(None),
            )
            return _turns(rows, earlier.order_by(TurnRow.id.desc()).limit(max(n, 0)))[::-1]

    def answers(self, since: datetime, *, before: bool = False, limit: int = 1000) -> list[Turn]:
        """The complete answers given since then, in order, at most `limit`; or the last ones `before` it."""
        given = TurnRow.created_at < since if before else TurnRow.created_at >= since
        asked = sa.select(TurnRow).where(
            TurnRow.role == "assistant",
            TurnRow.state == "complete",
            TurnRow.reply_to.is_not(None),
            TurnRow.withdrawn_at.is_(None),
            given,
        )
        with self._store.reading() as rows:
            if not before:
                return _turns(rows, asked.order_by(TurnRow.id).limit(limit))
            return _turns(rows, asked.order_by(TurnRow.id.desc()).limit(limit))[::-1]

    def said_after(self, id: int, limit: int) -> list[Turn]:
        """The user's turns with greater ids, whatever their session, in order; at most `limit`. Those taken
        back are not among them.
        """
        asked = sa.select(TurnRow).where(_SAID, TurnRow.id > id)
        with self._store.reading() as rows:
            return _turns(rows, asked.order_by(TurnRow.id).limit(limit))

    def count_said(self, upto: int) -> int:
        """How many turns of the user's there are up to that id."""
        asked = sa.select(sa.func.count()).where(_SAID, TurnRow.id <= upto)
        with self._store.reading() as rows:
            return int(rows.scalar(asked) or 0)

    def said_ids(self, upto: int) -> list[int]:
        """Their ids, in order."""
        asked = sa.select(TurnRow.id).where(_SAID, TurnRow.id <= upto).order_by(TurnRow.id)
        with self._store.reading() as rows:
            return list(rows.scalars(asked))

    def unharvested(self, limit: int | None = None) -> list[Turn]:
        """The user's own complete turns that no night has harvested, in order; at most `limit` of them."""
        waiting = sa.select(TurnRow).where(
            TurnRow.role == "user",
            TurnRow.state == "complete",
            TurnRow.trusted,
            TurnRow.night_id.is_(None),
            TurnRow.withdrawn_at.is_(None),
        )
        with self._store.reading() as rows:
            return _turns(rows, waiting.order_by(TurnRow.id).limit(limit))

    def mark_harvested(self, turn_ids: Iterable[int], night_id: str) -> None:
        """Note that `night_id` has taken these turns in; all of them or none. Raises UnknownRecord."""
        with self._store.writing() as rows:
            if rows.get(NightRow, night_id) is None:
                raise UnknownRecord("night", night_id)
            for turn_id in turn_ids:
                _turn_row(rows, turn_id).night_id = night_id

    def interrupt_pending(self, reply_to: int | None = None) -> int:
        """Call every turn still being written, or those that reply to one, interrupted, and say how many:
        their writer has died.

        The turns of calls that wait for their owner's yes, and of the answers these are for, are left: that
        may still come.
        """
        waiting = sa.select(ToolCallRow.turn_id).where(ToolCallRow.state == "asked")
        asked = sa.select(TurnRow.reply_to).where(TurnRow.id.in_(waiting), TurnRow.reply_to.is_not(None))
        held = sa.or_(
            TurnRow.id.in_(waiting),
            sa.and_(TurnRow.role == "assistant", TurnRow.reply_to.is_not(None), TurnRow.reply_to.in_(asked)),
        )
        pending = (
            sa.update(TurnRow).where(TurnRow.state == "pending", sa.not_(held)).values(state="interrupted")
        )
        if reply_to is not None:
            pending = pending.where(TurnRow.reply_to == reply_to)
        with self._store.writing() as rows:
            return len(rows.scalars(pending.returning(TurnRow.id)).all())

    def add_tool_call(
        self, turn_id: int, name: str, arguments: dict[str, Any], result: str, ok: bool
    ) -> ToolCall:
        """Append one tool call of a turn. `arguments` must be JSON. Raises UnknownRecord."""
        row = ToolCallRow(
            turn_id=turn_id,
            name=name,
            arguments=arguments,
            result=result,
            ok=ok,
            state="done" if ok else "failed",
        )
        with self._store.writing() as rows:
            _turn_row(rows, turn_id)
            rows.add(row)
            rows.flush()
            return _tool_call(row)

    def tool_calls(self, turn_id: int) -> list[ToolCall]:
        """A turn's tool calls in order."""
        asked = sa.select(ToolCallRow).where(ToolCallRow.turn_id == turn_id).order_by(ToolCallRow.id)
        with self._store.reading() as rows:
            return [_tool_call(row) for row in rows.scalars(asked)]

    def search(
        self, text: str, k: int, exclude_session: str | None = None, *, untrusted: bool = False
    ) -> list[tuple[Turn, float]]:
        """The `k` user turns nearest to `text` with their BM25 scores (higher is nearer), the nearest first.

        Words are compared by their stems (Porter), whatever their case and accents. No text is refused:
        quotes and operators in it are words or nothing, and a text without words finds nothing. `untrusted`
        has turns among them that were not trusted when they were added.
        """
        with self._store.reading() as rows:
            scores = dict(self._store.match(rows, text, k, exclude_session, untrusted))
            found = {turn.id: turn for turn in _turns(rows, sa.select(TurnRow).where(TurnRow.id.in_(scores)))}
            return [(found[id], score) for id, score in scores.items()]


def new_session_id() -> str:
    """A name that no session has."""
    return f"s{secrets.token_hex(5)}"


def _check_session_id(id: str) -> None:
    if not id or not id.isprintable() or id != id.strip():
        raise BadInput(
            f"A session's name must be printable, and not empty or spaced at its ends; it is {id!r}."
        )
    if len(id) > _MAX_SESSION_ID_CHARS:
        raise BadInput(
            f"A session's name may have {_MAX_SESSION_ID_CHARS} characters, and {id[:20]!r}... has {len(id)}."
        )


def _sessions(rows: OrmSession, which: sa.ColumnElement[bool]) -> list[Session]:
    # A title that nobody gave is read from the turn and kept nowhere else, so that what is removed there is
    # gone here too.
    opening = (
        sa.select(sa.func.substr(TurnRow.content, 1, 4 * _TITLE_CHARS))
        .where(TurnRow.session_id == SessionRow.id, TurnRow.role == "user", TurnRow.withdrawn_at.is_(None))
        .order_by(TurnRow.id)
        .limit(1)
        .scalar_subquery()
    )
    asked = sa.select(SessionRow, opening).where(which).order_by(SessionRow.created_at, SessionRow.id)
    return [
        Session(row.id, row.created_at, row.title or _title(words or ""))
        for row, words in rows.execute(asked)
    ]


def _title(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _TITLE_CHARS else f"{line[: _TITLE_CHARS - 1].rstrip()}…"


def _turn_row(rows: OrmSession, id: int) -> TurnRow:
    row = rows.get(TurnRow, id)
    if row is None:
        raise UnknownRecord("turn", id)
    return row


def _under(once: str) -> sa.Select[TurnRow]:
    return sa.select(TurnRow).where(TurnRow.once == once)


def _turn(row: TurnRow) -> Turn:
    return Turn(**{field.name: getattr(row, field.name) for field in fields(Turn)})


def _answers_last(turns: Sequence[Turn]) -> list[Turn]:
    """The turns in order, but every answer, which is begun with its question, after the calls made for it."""
    calls = {turn.reply_to: turn.id for turn in turns if turn.role == "tool" and turn.reply_to is not None}

    def place(turn: Turn) -> int:
        return max(turn.id, calls.get(turn.reply_to or 0, 0)) if turn.role == "assistant" else turn.id

    return sorted(turns, key=lambda turn: (place(turn), turn.role == "assistant"))


def _turns(rows: OrmSession, asked: sa.Select[TurnRow]) -> list[Turn]:
    return [_turn(row) for row in rows.scalars(asked)]


def _tool_call(row: ToolCallRow) -> ToolCall:
    return ToolCall(**{field.name: getattr(row, field.name) for field in fields(ToolCall)})
