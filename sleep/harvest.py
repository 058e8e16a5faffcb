"""Harvest: the user's turns that no night has worked on yet.

Promise: only complete turns that the user typed; tool output and documents never pass. Changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..memory.journal import Journal


@dataclass(frozen=True, slots=True)
class HarvestedTurn:
    """A user turn, and what the user said just before it in the same session ("" at its start)."""

    id: int
    session_id: str
    content: str
    before: str


def harvest(journal: Journal) -> list[HarvestedTurn]:
    """The turns to work on, oldest first."""
    turns = []
    for turn in journal.unharvested():
        earlier = [
            other for other in journal.context_before(turn.id, 4) if other.role == "user" and other.trusted
        ]
        turns.append(
            HarvestedTurn(turn.id, turn.session_id, turn.content, earlier[-1].content if earlier else "")
        )
    return turns
