"""The wake engine with a fused copy beside it: the base's weights with the served adapter already in them.

Promise: a stack that begins with the fused adapter is computed by the copy, with the rest of the stack
mounted on it; every other stack by the base itself. Who asks need not know, and answers name the whole stack.
Either file is opened when it is first needed; a copy whose adapter is mounted no more is closed. Knows
nothing of how a copy is made or judged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .engine import Mount, WakeEngine
from .errors import EngineClosed
from .fifo_lock import FifoLock
from .forwarding_engine import ForwardingEngine

Opener = Callable[[Path, FifoLock, tuple[str, ...]], WakeEngine]
"""(GGUF, the lock its answers queue at, names of the adapters whose weights the file holds) -> an engine."""


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Fused:
    """A copy of the base with `mount` in its weights, in the file `gguf`."""

    mount: Mount
    gguf: Path


class FusingEngine(ForwardingEngine):
    """Serves `base`, and the fused copy that `serve` names. One answer at a time, whichever computes it.

    `base` is a GGUF, or finds one when it is first needed. `room` says whether one more copy may be opened to
    be served.
    """

    def __init__(
        self, base: Path | Callable[[], Path], opened: Opener, room: Callable[[], bool] = _always
    ) -> None:
        self._find_base, self._room = base, room
        self._opened, self._answers = opened, FifoLock()
        self._lock = threading.RLock()
        self._base: WakeEngine | None = None
        self._copy: WakeEngine | None = None
        self._fused: Fused | None = None
        self._mounts: tuple[Mount, ...] = ()
        self._closed = False

    @cached_property
    def gguf(self) -> Path:
        """The base's file. Raises BaseWeightsError."""
        return self._find_base if isinstance(self._find_base, Path) else self._find_base()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    def fused(self) -> Fused | None:
        """The copy in use."""
        return self._fused

    def serve(self, mounts: Sequence[Mount], fused: Fused | None) -> None:
        """As `mount`, of a stack that begins with the copy's adapter, which this copy computes from now on;
        without room for one more copy, the base computes the stack.

        To be called between answers. Raises BaseWeightsError when the copy cannot be opened, and what `mount`
        raises; what was served before then goes on.
        """
        self._must_be_open()
        if fused is not None and self._copy is None and not self._room():
            fused = None
        opened = self.open_copy(fused) if fused is not None else None
        with self._lock:
            old, self._copy, self._fused = self._copy, opened, fused
        self.mount(mounts)
        if old is not None:
            old.close()
        with self._lock:
            needed = not self._on_copy(self._mounts) or bool(self._mounts[-1].opens)  # see adapter_gate
            idle = None if needed else self._base
            if idle is not None:
                self._base = None
        if idle is not None:
            idle.close()  # opened again when a stack asks for it

    def open_copy(self, fused: Fused) -> WakeEngine:
        """An engine on a copy alone, which is the caller's to close; its answers queue with those of
        this one. Raises BaseWeightsError.
        """
        return self._opened(fused.gguf, self._answers, (fused.mount.name,))

    @property
    def mounted(self) -> tuple[Mount, ...]:
        return self._mounts

    def mount(self, mounts: Sequence[Mount]) -> None:
        with self._lock:  # and not while waiting for an answer to end: whoever reads it may ask for a count
            engine, rest = self._routed(mounts)
        engine.mount(rest)
        with self._lock:
            self._mounts = tuple(mounts)
            idle = None if self._on_copy(mounts) else self._copy
            if idle is not None:
                self._copy = self._fused = None
        if idle is not None:
            idle.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for engine in (self._copy, self._base):
                if engine is not None:
                    engine.close()

    @property
    def _engine(self) -> WakeEngine:
        """For what both do alike: words are the same in both."""
        with self._lock:
            self._must_be_open()
            return self._copy or self._base_engine()

    def _serving(self, adapters: Sequence[Mount] | None) -> tuple[WakeEngine, Sequence[Mount] | None]:
        """Who computes a stack, and what is left to mount there; None for the default, which is mounted."""
        with self._lock:
            self._must_be_open()
            if adapters is not None:
                return self._routed(adapters)
            return self._routed(self._mounts)[0], None

    def _routed(self, mounts: Sequence[Mount]) -> tuple[WakeEngine, Sequence[Mount]]:
        self._must_be_open()
        if self._copy is not None and self._on_copy(mounts):
            return self._copy, mounts[1:]
        return self._base_engine(), mounts

    def _on_copy(self, mounts: Sequence[Mount]) -> bool:
        return self._fused is not None and tuple(mounts[:1]) == (self._fused.mount,)

    def _base_engine(self) -> WakeEngine:
        if self._base is None:
            self._base = self._opened(self.gguf, self._answers, ())
        return self._base

    def _must_be_open(self) -> None:
        if self._closed:
            raise EngineClosed
