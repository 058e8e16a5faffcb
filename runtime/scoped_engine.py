"""One engine as one of its users sees it: with adapters of their own.

Promise: what is mounted here is served here alone, and what is cached for this user is used for no other;
closing it ends this user's answers, and leaves the engine to the others. Knows nothing of users or homes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress

from ..memory.engine import (
    GREEDY,
    Completion,
    Message,
    Mount,
    OwnMounts,
    Sampling,
    Stream,
    Token,
    WakeEngine,
)
from ..memory.errors import EngineClosed
from ..memory.forwarding_engine import ForwardingEngine


class ScopedEngine(ForwardingEngine):
    """`opened` gives the engine, which all share; it is called when one is first needed."""

    def __init__(self, opened: Callable[[], WakeEngine]) -> None:
        self._opened = opened
        self._whose = object()
        self._mounts: Sequence[Mount] = ()
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self._closed = False

    @property
    def _engine(self) -> WakeEngine:
        self._must_be_open()
        return self._opened()

    def _serving(self, adapters: Sequence[Mount] | None) -> tuple[WakeEngine, Sequence[Mount] | None]:
        return self._engine, OwnMounts.of(self._mounts if adapters is None else adapters, self._whose)

    @property
    def mounted(self) -> tuple[Mount, ...]:
        return tuple(self._mounts)

    def mount(self, mounts: Sequence[Mount]) -> None:
        self._mounts = self._engine.kept(mounts)

    def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Stream:
        said = super().stream(
            messages, sampling, adapters=adapters, prefill=prefill, cancelled=self._ended(cancelled)
        )
        self._streams.add(said)
        return Stream(self._passed_on(said))

    def complete(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Completion:
        done = super().complete(
            messages, sampling, adapters=adapters, prefill=prefill, cancelled=self._ended(cancelled)
        )
        self._must_be_open()
        return done

    def complete_all(
        self,
        asked: Sequence[tuple[Sequence[Message], Sampling]],
        *,
        adapters: Sequence[Mount] | None = None,
        prefills: Sequence[str] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Completion]:
        done = super().complete_all(
            asked, adapters=adapters, prefills=prefills, cancelled=self._ended(cancelled)
        )
        self._must_be_open()
        return done

    def close(self) -> None:
        self._closed = True
        for stream in list(self._streams):
            with suppress(ValueError):  # it is being read in another thread, and ends before its next token
                stream.close()

    def _passed_on(self, said: Stream) -> Generator[Token, None, Completion]:
        with said:
            for token in said:
                yield token
                self._must_be_open()
            self._must_be_open()
            return said.completion

    def _ended(self, cancelled: Callable[[], bool] | None) -> Callable[[], bool]:
        return lambda: self._closed or (cancelled is not None and cancelled())

    def _must_be_open(self) -> None:
        if self._closed:
            raise EngineClosed
