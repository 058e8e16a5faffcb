"""Which weights hold what: who holds what was forgotten, where to begin again, what is to be taught.

Promise: an adapter that listed a forgotten memory, or that was trained on from one which did, is never begun
from; a memory that the version gone on from does not hold is taught. Knows the registry and tombstones;
training is the night's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..memory.adapters import BARE_BASE, Manifest, Registry
from ..memory.errors import AdapterError
from ..memory.records import Memory, Tombstone
from ..sleep.filter import key_of

_NOT_HELD = "the version served does not hold it"


def holding(registry: Registry, forgotten: Iterable[str]) -> set[str]:
    """Ids of the adapters whose weights learnt any of these memories, or grew from such weights."""
    gone = set(forgotten)
    manifests = registry.adapters()
    tainted = {m.id for m in manifests if any(memory.id in gone for memory in m.memories)}
    while more := {m.id for m in manifests if m.parent in tainted and m.id not in tainted}:
        tainted |= more
    return tainted


def pending(tombstones: Sequence[Tombstone]) -> list[str]:
    """Ids of what some weights may still hold."""
    return [stone.id for stone in tombstones if stone.rebuilt_at is None]


def clean_start(registry: Registry, forgotten: Iterable[str]) -> tuple[bool, Manifest | None]:
    """(whether what is served holds the forgotten, the newest version before it that may serve; None: base).

    The versions are those the served adapter grew from, one from the other.
    """
    tainted = holding(registry, forgotten)
    at = registry.head()
    if at is None or at.id not in tainted:
        return False, at
    while at is not None and (at.id in tainted or not _may_serve(registry, at.id)):
        at = _parent(registry, at)
    return True, at


def lineage(registry: Registry, start: Manifest | None) -> frozenset[str]:
    """Ids of a version and of those it grew from, as far back as they are still there."""
    found: set[str] = set()
    at = start
    while at is not None and at.id not in found:
        found.add(at.id)
        at = _parent(registry, at)
    return frozenset(found)


def _parent(registry: Registry, manifest: Manifest) -> Manifest | None:
    try:
        return registry.get(manifest.parent) if manifest.parent else None
    except AdapterError:
        return None


def _may_serve(registry: Registry, id: str) -> bool:
    try:
        registry.verify(id)
        exam = registry.exam(id)
    except AdapterError:
        return False
    return bool(exam and exam.get("passed") is True)


def as_held(memories: Iterable[Memory], version: Manifest | None) -> list[Memory]:
    """The memories as they stand with this version (None: the bare base): those that a night consolidated
    and that it does not hold, such as after a rollback, are due again, as admitted ones are.

    The journal keeps that they were consolidated, for HEAD may move on to a version that holds them.
    """
    held = {memory.id for memory in version.memories} if version else set()
    return [
        replace(memory, state="admitted", reason=_NOT_HELD)
        if memory.state == "consolidated" and memory.id not in held
        else memory
        for memory in memories
    ]


def holds(version: Manifest | None, memory: str) -> bool:
    """Whether the weights of this version (None: the bare base) were taught a memory, by its id."""
    return version is not None and any(each.id == memory for each in version.memories)


def denied_before(
    memories: Iterable[Memory], kept: Iterable[Memory], version: Manifest | None
) -> dict[str, str]:
    """What this version still says though its owner denied it, and none of those `kept` stands in its place
    (id -> reason).
    """
    told = {key_of(memory.subject, memory.attribute) for memory in kept}
    return {
        memory.id: memory.reason or ""
        for memory in memories
        if memory.state == "superseded" and memory.superseded_by is None and holds(version, memory.id)
        if key_of(memory.subject, memory.attribute) not in told
    }


def fall_back(registry: Registry, start: Manifest | None) -> None:
    """Serve the version before: nothing better came of the night, and the forgotten may not be served."""
    registry.rollback(start.id if start else BARE_BASE)


def remove_holders(registry: Registry, forgotten: Iterable[str]) -> list[str]:
    """Delete the adapters that hold the forgotten, all but the one served; returns their ids."""
    head = registry.head()
    ids = sorted(holding(registry, forgotten) - ({head.id} if head else set()))
    registry.discard(ids)
    return ids
