"""Turns as text to read: who said what, with those that are meant marked. Knows records only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from textual.content import Content

if TYPE_CHECKING:
    from ...runtime.records import TurnView

_AROUND = 3


def turns_told(turns: Sequence[TurnView], meant: Collection[int]) -> Content:
    """The turns meant, and a few around each."""
    places = [place for place, turn in enumerate(turns) if turn.id in meant]
    near = [turn for place, turn in enumerate(turns) if any(abs(place - one) <= _AROUND for one in places)]
    if not near:
        return Content("The turns it rests on are gone.")
    rows, session = [], None
    for turn in near:
        if turn.session != session:
            session = turn.session
            rows.append(
                Content.styled(f"session {session}, {turn.created_at:%Y-%m-%d %H:%M}", "$foreground-muted")
            )
        who = {"user": "you", "assistant": "it"}.get(turn.role, turn.role)
        mark = "▸ " if turn.id in meant else "  "
        rows.append(
            Content.assemble(
                (f"{mark}{who:<5}", "$primary bold" if turn.id in meant else "$foreground-muted"),
                (turn.content, "bold" if turn.id in meant else ""),
            )
        )
    return Content("\n").join(rows)
