"""A turn being answered: its pieces as they come, then its reply.

Promise: the turn runs to its end whether or not anyone reads the pieces; closing early stops it, and it is
journaled as interrupted. Knows threads and queues; nothing of engines or journals.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from ..graphs.events import Said, WakeEvent
from .records import Reply

Emit = Callable[[str | WakeEvent], None]
"""Given the answer's pieces, and what else happens in the turn."""
Cancelled = Callable[[], bool]


class ReplyStream(Iterator[str]):
    """The pieces of one answer; afterwards `reply` is the whole. Use it in a `with` block, or read it to its
    end. Read it either by its pieces or by its `events`.

    `take` is called at once, in a thread of its own; what it raises is raised to the reader.
    """

    def __init__(self, take: Callable[[Emit, Cancelled], Reply]) -> None:
        self._pieces: queue.SimpleQueue[str | WakeEvent | None] = queue.SimpleQueue()
        self._cancel = threading.Event()
        self._reply: Reply | None = None
        self._error: BaseException | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, args=(take,), name="dormouse-turn", daemon=True)
        self._thread.start()

    @property
    def reply(self) -> Reply:
        """The finished reply; waits for it. Raises what the turn raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._reply is not None
        return self._reply

    def __next__(self) -> str:
        while (piece := self._next()) is not None:
            if isinstance(piece, str) and piece:
                return piece
        raise StopIteration

    def events(self) -> Iterator[WakeEvent]:
        """What happens as it happens: nodes of the graph, tokens, calls, results, questions, verdicts."""
        while (piece := self._next()) is not None:
            if not isinstance(piece, str):
                yield piece
            elif piece:
                yield Said(piece)

    def _next(self) -> str | WakeEvent | None:
        """What comes next; None at the end. Raises what the turn raised."""
        if self._ended:
            return None
        piece = self._pieces.get()
        if piece is None:
            self._ended = True
            self._thread.join()
            if self._error is not None:
                raise self._error
        return piece

    def close(self) -> None:
        """Stop answering, and wait until the turn stands in the journal as it ended. May be called again."""
        self._cancel.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, take: Callable[[Emit, Cancelled], Reply]) -> None:
        try:
            self._reply = take(self._pieces.put, self._cancel.is_set)
        except BaseException as error:  # noqa: BLE001 (the reader's thread raises it, whatever it is)
            self._error = error
        finally:
            self._pieces.put(None)
