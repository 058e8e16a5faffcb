"""Work being done in a thread of its own: its events as they come, then its result.

Promise: the work runs to its end whether or not anyone reads the events; closing early tells it to stop and
waits for it. Knows threads and queues; nothing of what is being done.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

Event = TypeVar("Event")
Result = TypeVar("Result")


class Work(Generic[Event, Result]):
    """`work` is called at once with a way to emit an event and a way to ask whether to stop.

    What it raises is raised to the reader. Its thread holds on to this until it has ended.
    """

    _thread_name = "dormouse-work"

    def __init__(self, work: Callable[[Callable[[Event], None], Callable[[], bool]], Result]) -> None:
        self._events: queue.SimpleQueue[tuple[Event] | None] = queue.SimpleQueue()
        self._cancel = threading.Event()
        self._result: list[Result] = []
        self._error: BaseException | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, args=(work,), name=self._thread_name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Tell the work to stop, and wait until it has ended as it does then. May be called again."""
        self._cancel.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _outcome(self) -> Result:
        """What came of it; waits for it. Raises what the work raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _next(self) -> tuple[Event] | None:
        """What comes next; None at the end. Raises what the work raised, once."""
        if self._ended:
            return None
        event = self._events.get()
        if event is None:
            self._ended = True
            self._outcome()
        return event

    def _run(self, work: Callable[[Callable[[Event], None], Callable[[], bool]], Result]) -> None:
        try:
            self._result.append(work(lambda event: self._events.put((event,)), self._cancel.is_set))
        except BaseException as error:  # noqa: BLE001 (the reader's thread raises it, whatever it is)
            self._error = error
        finally:
            self._events.put(None)


class Running(Work[Event, Result], Iterator[Event]):
    """Work whose events are read one by one. Use it in a `with` block, or read it to its end."""

    @property
    def result(self) -> Result:
        """What came of it; waits for it. Raises what the work raised."""
        return self._outcome()

    def __next__(self) -> Event:
        if (event := self._next()) is None:
            raise StopIteration
        return event[0]
