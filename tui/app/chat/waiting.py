"""Calls of tools that wait for their owner's yes, whichever process made them: which, and where.

Promise: nothing here answers one. Knows what the journal tells of turns and calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..abc import Companion

if TYPE_CHECKING:
    from ....graphs.events import Asked
    from ....runtime.records import TurnView

_TITLE_CHARS = 40


def waiting_call(turns: Sequence[TurnView]) -> Asked | None:
    """The first call of these turns that waits."""
    from ....graphs.events import Asked

    waits = [call for turn in turns for call in turn.calls if call.state == "asked" and call.id is not None]
    return Asked(waits[0].id, waits[0].name, waits[0].arguments) if waits else None


def waiting_words(agent: Companion) -> str:
    """What waits and where to find it, in a sentence; nothing when nothing does. Raises what calls raise."""
    calls = agent.waiting()
    if not calls:
        return ""
    turns = agent.turns_by_id([calls[0].turn_id])
    titles = {view.id: view.title for view in agent.session_views()}
    title = titles.get(turns[0].session, "") if turns else ""
    where = f"the session “{title[:_TITLE_CHARS]}”" if title else "its session"
    more = f", and {len(calls) - 1} more" if len(calls) > 1 else ""
    return f"A call of {calls[0].name} waits for your yes or no{more}: F5, then {where}."
