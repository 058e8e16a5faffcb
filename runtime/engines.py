"""Engines for base weights: a new one, or the one this process has already. Knows no agent or home."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..memory.base_weights import BaseWeights, served_gguf
from ..memory.engine import WakeEngine
from ..memory.fifo_lock import FifoLock
from ..memory.gguf_file import Meter
from ..memory.home import cache_path
from ..memory.settings import ModelSettings

if TYPE_CHECKING:
    from ..memory.fusing_engine import FusingEngine
    from ..memory.llama_engine import LlamaEngine

_opening = threading.Lock()
_shared: weakref.WeakValueDictionary[tuple[str, int, int | None], SharedBase] = weakref.WeakValueDictionary()


def fusing_engine(base: BaseWeights, settings: ModelSettings, meter: Meter | None = None) -> FusingEngine:
    """A new engine that can be given a fused copy. Raises BaseWeightsError; EngineError when first used."""
    from ..memory.fusing_engine import FusingEngine
    from ..memory.llama_engine import LlamaEngine

    def opened(gguf: Path, answers: FifoLock, holds: tuple[str, ...]) -> LlamaEngine:
        tokens, threads = settings.context_tokens, settings.threads
        return LlamaEngine(gguf, context_tokens=tokens, threads=threads, answers=answers, holds=holds)

    return FusingEngine(served(base, settings, meter), opened)


class SharedBase:
    """The engine on the base that several users in this process share, opened when it is first needed.

    `find` gives the GGUF. At most `most_copies` of the users' fused copies are served at a time; the adapters
    of the others are mounted. What is not closed is freed with the last who refers to it.
    """

    def __init__(
        self, find: Callable[[], Path], settings: ModelSettings, most_copies: int = sys.maxsize
    ) -> None:
        self._find, self._settings, self._most_copies = find, settings, most_copies
        self._answers, self._lock = FifoLock(), threading.Lock()
        self._engine: WakeEngine | None = None
        self._users: weakref.WeakSet[FusingEngine] = weakref.WeakSet()

    def engine(self) -> WakeEngine:
        """The engine itself. Raises BaseWeightsError and EngineError."""
        with self._lock:
            if self._engine is None:
                self._engine = self._opened(self._find())
            return self._engine

    def scoped(self) -> FusingEngine:
        """An engine for one of the users, with adapters, and a fused copy, of their own."""
        from ..memory.fusing_engine import FusingEngine
        from .scoped_engine import ScopedEngine

        def opened(gguf: Path, answers: FifoLock, holds: tuple[str, ...]) -> WakeEngine:
            return self._opened(gguf, holds) if holds else ScopedEngine(self.engine)

        user = FusingEngine(self._find, opened, self._has_room)
        self._users.add(user)
        return user

    def unload(self) -> None:
        """Give the engine's memory back, unless one of the users has theirs open or opens it now; the next
        opens it again.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._engine is not None and all(user.closed for user in list(self._users)):
                self._engine.close()
                self._engine = None
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the base's engine. Safe to call twice."""
        with self._lock:
            if self._engine is not None:
                self._engine.close()

    def _opened(self, gguf: Path, holds: tuple[str, ...] = ()) -> LlamaEngine:
        from ..memory.llama_engine import LlamaEngine

        tokens, threads = self._settings.context_tokens, self._settings.threads
        return LlamaEngine(gguf, context_tokens=tokens, threads=threads, answers=self._answers, holds=holds)

    def _has_room(self) -> bool:
        return sum(user.fused is not None for user in list(self._users)) < self._most_copies


def shared_base(base: BaseWeights, settings: ModelSettings) -> SharedBase:
    """What whoever asks for the same weights in this process is given; freed with the last of them."""
    key = (base.sha256 + settings.serve_as, settings.context_tokens, settings.threads)
    with _opening:
        shared = _shared.get(key)
        if shared is None:
            shared = _shared[key] = SharedBase(served(base, settings), settings)
    return shared


def served(base: BaseWeights, settings: ModelSettings, meter: Meter | None = None) -> Callable[[], Path]:
    """Finds the GGUF that is served for the base, which may have to be made."""
    return lambda: served_gguf(base, cache_path(), settings.serve_as, meter)
