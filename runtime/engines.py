"""Engines for base weights: a new one, or the one this process has already. Knows no agent or home."""

from __future__ import annotations

import threading
import weakref
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
_shared: weakref.WeakValueDictionary[tuple[str, int, int | None], WakeEngine] = weakref.WeakValueDictionary()


def opened_engine(base: BaseWeights, settings: ModelSettings, meter: Meter | None = None) -> WakeEngine:
    """A new engine. Raises BaseWeightsError and EngineError."""
    from ..memory.llama_engine import LlamaEngine

    gguf = served_gguf(base, cache_path(), settings.serve_as, meter)
    return LlamaEngine(gguf, context_tokens=settings.context_tokens, threads=settings.threads)


def fusing_engine(base: BaseWeights, settings: ModelSettings, meter: Meter | None = None) -> FusingEngine:
    """A new engine that can be given a fused copy. Raises BaseWeightsError; EngineError when first used."""
    from ..memory.fusing_engine import FusingEngine
    from ..memory.llama_engine import LlamaEngine

    def opened(gguf: Path, answers: FifoLock, holds: tuple[str, ...]) -> LlamaEngine:
        tokens, threads = settings.context_tokens, settings.threads
        return LlamaEngine(gguf, context_tokens=tokens, threads=threads, answers=answers, holds=holds)

    return FusingEngine(served_gguf(base, cache_path(), settings.serve_as, meter), opened)


def shared_engine(base: BaseWeights, settings: ModelSettings) -> WakeEngine:
    """The engine that whoever asks for the same weights in this process is given; freed with the last of
    them.
    """
    key = (base.sha256 + settings.serve_as, settings.context_tokens, settings.threads)
    with _opening:
        engine = _shared.get(key)
        if engine is None:
            engine = _shared[key] = opened_engine(base, settings)
    return engine
