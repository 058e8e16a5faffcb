"""What an agent holds at a glance, gathered in one go for every screen.

Promise: nothing here changes anything. Knows which calls to make; nothing of how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .abc import Companion

if TYPE_CHECKING:
    from ...graphs.context import ContextView
    from ...runtime.records import AdapterView, Status, TurnView


@dataclass(frozen=True)
class Outlook:
    """`context` is of the session talked in, None before the engine is open. `daemon` is what a daemon says
    of itself, None where this program owns the home. `alarms` are everybody's, each once.
    """

    status: Status
    adapter: AdapterView | None
    context: ContextView | None
    leaving: TurnView | None
    daemon: Mapping[str, Any] | None
    alarms: tuple[str, ...]
    warnings: tuple[str, ...]


def look(agent: Companion, session: str | None, last: Outlook | None = None) -> Outlook:
    """What is seen now; of what was seen `last`, nothing is asked for again that is still so.

    Raises what the agent's calls raise.
    """
    status = agent.overview()
    context = agent.context(session) if session is not None else None
    daemon = agent.daemon()
    alarms = [*status.alarms, *(daemon or {}).get("alarms", ())]
    return Outlook(
        status=status,
        adapter=agent.adapter(),
        context=context,
        leaving=_leaving(agent, session, context, last),
        daemon=daemon,
        alarms=tuple(dict.fromkeys(alarms)),
        warnings=tuple(agent.warnings),
    )


def _leaving(
    agent: Companion, session: str | None, context: ContextView | None, last: Outlook | None
) -> TurnView | None:
    """The oldest turn still in view: what leaves the context first."""
    if session is None or context is None or not context.messages:
        return None
    known = None if last is None else last.leaving
    if last is not None and known is not None and (known.session, last.context) == (session, context):
        return known
    said = [turn for turn in agent.transcript(session) if turn.role in ("user", "assistant") and turn.content]
    return said[-context.messages] if len(said) >= context.messages else None
