"""One engine as one of its users sees it: with adapters of their own.

Promise: what is mounted here is served here alone; closing it leaves the engine to the others. Knows nothing
of users or homes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..memory.engine import Mount, WakeEngine
from ..memory.errors import EngineClosed
from ..memory.forwarding_engine import ForwardingEngine


class ScopedEngine(ForwardingEngine):
    """`opened` gives the engine, which all share; it is called when one is first needed."""

    def __init__(self, opened: Callable[[], WakeEngine]) -> None:
        self._opened = opened
        self._mounts: tuple[Mount, ...] = ()
        self._closed = False

    @property
    def _engine(self) -> WakeEngine:
        if self._closed:
            raise EngineClosed
        return self._opened()

    def _serving(self, adapters: Sequence[Mount] | None) -> tuple[WakeEngine, Sequence[Mount] | None]:
        return self._engine, self._mounts if adapters is None else adapters

    @property
    def mounted(self) -> tuple[Mount, ...]:
        return self._mounts

    def mount(self, mounts: Sequence[Mount]) -> None:
        if mounts:  # loads them, so that one that cannot be served is refused now
            self._engine.logits(self._engine.tokenize("a"), adapters=mounts)
        self._mounts = tuple(mounts)

    def close(self) -> None:
        self._closed = True
