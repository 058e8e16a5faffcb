"""Which version answers, and how the memories stand with it. Writes nothing, and opens no engine.

Promise: a memory is called consolidated only while the version that answers holds it, wherever HEAD moved and
whatever became of the adapter.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..graphs.rebuild import as_held
from ..memory.adapters import Manifest
from ..memory.base_weights import BaseWeights
from ..memory.errors import AdapterError, BaseWeightsError
from ..memory.home import cache_path
from ..memory.hub import SCHEME, downloaded, parse
from ..memory.journal import Memory, MemoryState
from .workspace import Workspace


def memories_now(space: Workspace, state: MemoryState | None = None) -> list[Memory]:
    """Every memory, or those in one state, the oldest first, as they stand with the version that answers."""
    found = space.journal.memories()
    if any(memory.state == "consolidated" for memory in found):
        found = as_held(found, version_served(space))
    return [memory for memory in found if state is None or memory.state == state]


def version_served(space: Workspace) -> Manifest | None:
    """The version that answers; where the base is not at hand, the last that was published."""
    if not space.home.adapters_path.exists():
        return None
    with suppress(BaseWeightsError):
        if base_at_hand(space) is not None:
            return space.registry.head()
    id = last_published(space)
    with suppress(AdapterError):
        return space.shelf.get(id) if id is not None else None
    return None


def last_published(space: Workspace) -> str | None:
    """The id that HEAD was last moved to."""
    entries = space.shelf.log()
    return entries[-1].adapter if entries else None


def base_at_hand(space: Workspace) -> BaseWeights | None:
    """The base, unless it is still to be downloaded. Raises BaseWeightsError."""
    source, cache = space.spec.model.source, cache_path()
    if source.startswith(SCHEME) and not Path(downloaded(parse(source), cache)).exists():
        return None
    return space.base
