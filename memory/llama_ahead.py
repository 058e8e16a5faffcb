"""A model that is loaded while the program that will ask for it is still being imported.

Promise: who asks for just what was begun is given that very context, once; what nobody asked for is freed.
Should it fail, it is loaded again by who asks, and the error is theirs. Knows files and contexts; not why one
is wanted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DormouseError

if TYPE_CHECKING:
    from .llama_context import LlamaContext


@dataclass(frozen=True)
class Wanted:
    """What a context is opened with."""

    gguf: Path
    context_tokens: int
    threads: int


class _Ahead:
    """One context being opened in a thread of its own. The process waits for it before it ends: it must not
    end under a library that computes.
    """

    def __init__(self, find: Callable[[], Wanted | None]) -> None:
        self._find = find
        self._wanted: Wanted | None = None
        self._context: LlamaContext | None = None
        self._thread = threading.Thread(target=self._load, name="dormouse-ahead")
        self._thread.start()

    def taken(self, wanted: Wanted) -> LlamaContext | None:
        """The context, if it is this one."""
        self._thread.join()
        if self._wanted == wanted:
            return self._context
        if self._context is not None:
            self._context.free()
        return None

    def _load(self) -> None:
        with suppress(DormouseError, OSError):
            self._wanted = self._find()
            if self._wanted is not None:
                self._context = _opened(self._wanted)


_lock = threading.Lock()
_begun: list[_Ahead] = []


def open_ahead(find: Callable[[], Wanted | None]) -> None:
    """Begin to load what `find` says, asked in the thread that loads; nothing for None."""
    with _lock:
        if not _begun:
            _begun.append(_Ahead(find))


def opened_context(gguf: Path, *, context_tokens: int, threads: int) -> LlamaContext:
    """The context that was begun ahead, else a new one. Raises BaseWeightsError, EngineError."""
    wanted = Wanted(gguf, context_tokens, threads)
    with _lock:
        begun = _begun.pop() if _begun else None
    return (begun.taken(wanted) if begun is not None else None) or _opened(wanted)


def _opened(wanted: Wanted) -> LlamaContext:
    from .llama_context import LlamaContext

    return LlamaContext(wanted.gguf, context_tokens=wanted.context_tokens, threads=wanted.threads)
