"""What can be seen of a home from outside: its status, its memories, its adapters. Writes nothing, opens no
engine.

Knows how to gather and join records; nothing of how they are printed.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from ..memory.adapters import Registry
from ..memory.base_weights import BaseWeights
from ..memory.errors import AdapterError, BadInput, BaseWeightsError, UnknownAdapter
from ..memory.journal import Memory, MemoryState
from .canary import canary_view
from .napping import refusal
from .nights import barren
from .records import AdapterView, MemoryView, Status
from .served import base_at_hand, last_published, memories_now, version_served
from .workspace import Workspace


def status(space: Workspace) -> Status:
    """What the agent holds. A base that cannot be used is a warning here, not an error."""
    journal, warnings = space.journal, []
    base, head, canary = None, None, None
    try:
        base = base_at_hand(space)
    except BaseWeightsError as error:
        warnings.append(str(error))
    if base is not None:
        registry = Registry(space.home.adapters_path, base.sha256)
        served = registry.head()
        head = served.id if served else None
        warnings += registry.warnings
        canary = canary_view(registry, journal, space.spec.exam.canary)
    else:
        head = last_published(space)
    sessions, naps = journal.sessions(), journal.naps()
    running = journal.running_night()
    return Status(
        name=space.spec.name,
        home=str(space.home.path),
        base=_described(base) if base else None,
        adapter=head,
        sessions=len(sessions),
        turns=sum(len(journal.turns(session.id)) for session in sessions),
        to_sleep_on=len(journal.unharvested()),
        memories=dict(Counter(memory.state for memory in memories_now(space))),
        nights=dict(Counter(night.state for night in journal.nights())),
        running_night=running.id if running else None,
        day_adapter=_day_served(space, head),
        naps=dict(Counter(nap.state for nap in naps)),
        nap_refused=refusal(naps[-1]) if naps else None,
        alarms=tuple(filter(None, [barren(journal.nights(), space.spec.sleep.filter.alarm_nights)])),
        warnings=tuple(warnings),
        canary=canary,
    )


def _day_served(space: Workspace, head: str | None) -> str | None:
    """The day adapter, if it stands on what is served."""
    day = space.journal.day_adapter()
    with suppress(AdapterError):
        if day is not None and space.shelf.get(day).parent == head:
            return day
    return None


def _serving(space: Workspace) -> tuple[str | None, str | None]:
    """The version that answers, and the day adapter on top of it."""
    version = version_served(space)
    head = version.id if version else None
    return head, _day_served(space, head)


def memory_views(space: Workspace, state: MemoryState | None = None) -> list[MemoryView]:
    """Every memory (or those in one state), the oldest first."""
    return [_view(space, memory) for memory in memories_now(space, state)]


def show(space: Workspace, id: str | None = None) -> AdapterView | MemoryView:
    """One adapter or one memory, by an id or the start of it; without one, the adapter being served.

    Raises UnknownAdapter, UnknownRecord, BadInput when no adapter is served yet.
    """
    if id is None:
        id = status(space).adapter
        if id is None:
            raise BadInput("No adapter is served yet; `dormouse sleep` makes the first one.")
    try:
        manifest = space.shelf.get(id)
    except UnknownAdapter as error:
        if error.matches:
            raise
        return _view(space, _memory(space, id))
    return AdapterView(
        manifest=manifest.model_dump(mode="json"),
        exam=space.shelf.exam(manifest.id),
        served=manifest.id in _serving(space),
    )


def _memory(space: Workspace, id: str) -> Memory:
    found = [memory for memory in memories_now(space) if memory.id.startswith(id)]
    if len(found) != 1:
        many = f"{len(found)} memories begin like that; give more of it"
        reason = many if found else "no adapter and no memory has that id"
        raise BadInput(f"{id!r} cannot be shown: {reason}.")
    return found[0]


def _view(space: Workspace, memory: Memory) -> MemoryView:
    return MemoryView(
        id=memory.id,
        statement=memory.statement,
        subject=memory.subject,
        attribute=memory.attribute,
        value=memory.value,
        quote=memory.quote,
        turns=memory.turn_ids,
        words={turn: space.journal.turn(turn).content for turn in memory.turn_ids},
        state=memory.state,
        reason=memory.reason,
        night=memory.night_id,
        superseded_by=memory.superseded_by,
        created_at=memory.created_at,
    )


def _described(base: BaseWeights) -> dict[str, str | int]:
    return {
        "source": base.source,
        "name": base.name,
        "architecture": base.architecture,
        "parameters": base.parameters,
        "quantisation": base.quantisation,
        "sha256": base.sha256,
    }
