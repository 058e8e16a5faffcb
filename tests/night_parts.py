"""Memories and candidates for tests of the night, and short ways to write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dormouse.memory.records import Memory, memory_id
from dormouse.sleep.records import Candidate, statement

EVENING = datetime(2026, 3, 1, 22, tzinfo=UTC)


def a_memory(subject: str, attribute: str, value: str, *, turn: int = 1, **changes: Any) -> Memory:
    """A memory as the filter makes it; `turn` also says when it was made."""
    fields: dict[str, Any] = {
        "id": memory_id(subject, attribute, value, (turn,)),
        "subject": subject,
        "attribute": attribute,
        "value": value,
        "quote": f"It is {value}.",
        "statement": statement(subject, attribute, value),
        "turn_ids": (turn,),
        "created_at": EVENING + timedelta(minutes=turn),
    }
    return Memory(**{**fields, **changes})


def a_candidate(subject: str, attribute: str, value: str, quote: str = "", **changes: Any) -> Candidate:
    """A candidate of turn 1 whose quote supports it unless told otherwise."""
    given: dict[str, Any] = {"turn_id": 1, "writer": "test", **changes}
    return Candidate(subject, attribute, value, quote or f"It is {value}.", **given)
