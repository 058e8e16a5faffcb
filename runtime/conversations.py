"""A home's sessions as records to look at, and what an owner may change in them.

Knows how to gather and join what the journal holds; nothing of how it is shown. Nothing is erased here: what
is taken back or corrected stays on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from ..memory.errors import BadInput, UnknownRecord
from ..memory.journal import Journal, Judgement, Memory, Session, ToolCall, Turn, memory_id
from ..sleep.records import statement
from .records import CallView, SessionView, TurnView, VerdictView

_SPOKEN = ("user", "assistant")
CORRECTIONS = "corrections"
"""The session that holds what the owner said by correcting a memory."""


def session_views(journal: Journal) -> list[SessionView]:
    """Every session that something was said in, the one spoken in last first."""
    views = [_session(session, journal.turns(session.id)) for session in journal.sessions()]
    return sorted((view for view in views if view.turns), key=lambda view: view.last_at, reverse=True)


def transcript(journal: Journal, session: str, withdrawn: bool = False) -> list[TurnView]:
    """A session's turns with their tool calls, in order. Raises UnknownRecord."""
    return [turn_view(journal, turn) for turn in journal.turns(session, withdrawn=withdrawn)]


def turns_by_id(journal: Journal, ids: Iterable[int]) -> list[TurnView]:
    """These turns, in the order asked for; one that is gone is left out."""
    found = []
    for id in ids:
        try:
            found.append(turn_view(journal, journal.turn(id)))
        except UnknownRecord:
            continue
    return found


def turn_view(journal: Journal, turn: Turn) -> TurnView:
    calls = journal.tool_calls(turn.id) if turn.role == "tool" else []
    judged = journal.judgements(turn.id) if turn.role in ("tool", "assistant") else []
    return TurnView(
        id=turn.id,
        session=turn.session_id,
        role=turn.role,
        content=turn.content,
        created_at=turn.created_at,
        state=turn.state,
        adapter=turn.adapter,
        tokens=turn.tokens,
        night=turn.night_id,
        withdrawn=turn.withdrawn_at is not None,
        calls=tuple(_call(call, judged) for call in calls),
        verdicts=_verdicts(judged, None),
    )


def _call(call: ToolCall, judged: Sequence[Judgement]) -> CallView:
    found = _verdicts(judged, call.id)
    return CallView(call.name, call.arguments, call.result, call.ok, call.id, call.state, found)


def _verdicts(judged: Sequence[Judgement], call: int | None) -> tuple[VerdictView, ...]:
    """Those on one call, or on the turn's words."""
    return tuple(
        VerdictView(one.verifier, one.outcome, one.evidence) for one in judged if one.call_id == call
    )


def take_back(journal: Journal, session: str, meant: int | None = None) -> Sequence[Turn]:
    """Withdraw a session's last exchange; returns its turns, what the user had said first. With `meant`, the
    id of that turn, nothing else is withdrawn, and nothing at all when that has been already.

    Raises BadInput when nothing was said, or something since, or while the answer is being written.
    """
    if meant is not None and journal.turn(meant).withdrawn_at is not None:
        return [turn for turn in journal.turns(session, withdrawn=True) if meant in (turn.id, turn.reply_to)]
    turns = journal.turns(session)
    said = [place for place, turn in enumerate(turns) if turn.role == "user"]
    if not said:
        raise BadInput("There is nothing to take back: nothing was said in this session.")
    last = turns[said[-1] :]
    if meant not in (None, last[0].id):
        raise BadInput("That exchange cannot be taken back: something was said in this session since.")
    if any(turn.state == "pending" for turn in last):
        raise BadInput("The last turn cannot be taken back while it is being answered.")
    journal.withdraw(turn.id for turn in last)
    return last


def correct(journal: Journal, id: str, value: str, once: str | None = None) -> Memory:
    """Have the memory `id` (or its beginning) say `value`; returns the memory that takes its place.

    The correction is journaled as something the owner said, which the new memory rests on and the next night
    teaches; the old one is superseded. `once` is an idempotency key. Raises UnknownRecord, BadInput.
    """
    if once is not None and (known := _corrected(journal, once)) is not None:
        return known
    old, value = journal.memory(id), " ".join(value.split()).rstrip(".")
    if not value:
        raise BadInput("A memory cannot be corrected to nothing; forget it instead.")
    if old.state not in ("admitted", "consolidated"):
        raise BadInput(f"Memory {old.id} is {old.state}; only one that holds can be corrected.")
    if value == old.value:
        raise BadInput(f"Memory {old.id} says {value!r} already.")
    owner = "My" if old.subject == "user" else f"My {old.subject}'s"
    said = f"{owner} {old.attribute} is {value}."
    turn = journal.add_turn(journal.open_session(CORRECTIONS).id, "user", said, once=once)
    new = Memory(
        id=memory_id(old.subject, old.attribute, value, [turn.id]),
        subject=old.subject,
        attribute=old.attribute,
        value=value,
        quote=said,
        statement=statement(old.subject, old.attribute, value),
        turn_ids=(turn.id,),
        created_at=datetime.now(UTC),
        reason="corrected by its owner",
    )
    gone = replace(old, state="superseded", superseded_by=new.id, reason="corrected by its owner")
    journal.put_memories([new, gone])
    return new


def _corrected(journal: Journal, once: str) -> Memory | None:
    """The memory that a correction under this key made; None where it did not come so far."""
    said = {turn.id for turn in journal.written_under(once)}
    return next((memory for memory in journal.memories() if said & set(memory.turn_ids)), None)


def _session(session: Session, turns: Sequence[Turn]) -> SessionView:
    spoken = [turn for turn in turns if turn.role in _SPOKEN]
    last = spoken[-1].created_at if spoken else session.created_at
    return SessionView(session.id, session.title, session.created_at, last, len(spoken))
