"""The wake engines the contract suites run on, and what they ask. Add here how another one is opened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from dormouse.graphs.night_engine import NightEngine
from dormouse.memory.engine import Completion, Message, Mount, Sampling, WakeEngine
from dormouse.memory.fifo_lock import FifoLock
from dormouse.memory.fusing_engine import FusingEngine
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.memory.settings import ModelSettings
from dormouse.runtime.engines import SharedBase
from dormouse.runtime.scoped_engine import ScopedEngine
from dormouse.sleep.right_of_way import RightOfWay

Open = Callable[[Path], WakeEngine]


def llama(gguf: Path) -> WakeEngine:
    return LlamaEngine(gguf, context_tokens=512, threads=1)


def fusing(gguf: Path) -> WakeEngine:
    def opened(file: Path, answers: FifoLock, holds: tuple[str, ...]) -> LlamaEngine:
        return LlamaEngine(file, context_tokens=512, threads=1, answers=answers, holds=holds)

    return FusingEngine(gguf, opened)


def scoped(gguf: Path) -> WakeEngine:
    shared = llama(gguf)
    return ScopedEngine(lambda: shared)


def shared(gguf: Path) -> WakeEngine:
    return SharedBase(lambda: gguf, ModelSettings(context_tokens=512, threads=1)).scoped()


ENGINES: dict[str, Open] = {
    "llama": llama,
    "fusing": fusing,
    "scoped": scoped,
    "shared": shared,
    "night": lambda gguf: NightEngine(llama(gguf), RightOfWay(), nullcontext),
}

HELLO = [Message("user", "hello you")]
SHORT = Sampling(max_tokens=16)


def ids(completion: Completion) -> list[int]:
    """The tokens of an answer."""
    return [token.id for token in completion.tokens]


def fresh(opened: Open, gguf: Path, stack: tuple[Mount, ...], messages: list[Message] = HELLO) -> list[int]:
    """What a new engine that never knew another stack answers."""
    with opened(gguf) as engine:
        return ids(engine.complete(messages, SHORT, adapters=stack))
