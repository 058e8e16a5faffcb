"""A lock that serves its callers in the order they came.

Promise: first come, first served, and a caller that would wait for itself gets an error instead of a
deadlock. Knows nothing of what it guards.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_RECHECK_S = 0.5
_tickets = itertools.count(1)  # never given twice, so that a stale one matches no lock
_held: ContextVar[frozenset[int]] = ContextVar("dormouse_fifo_lock_held", default=frozenset())


class WouldWaitForItself(RuntimeError):
    """The caller asked for a lock that the same thread of work already holds."""


class FifoLock:
    """Acquired by one thread of work, and released by any.

    Who holds it is remembered in a context variable, not by thread id: a pool runs unrelated tasks on one
    thread, and these must queue.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[int] = deque()

    def acquire(self) -> int:
        """Waits for every earlier caller; returns the ticket to release with. Raises WouldWaitForItself."""
        ticket = next(_tickets)
        with self._changed:
            if self._queue and self._queue[0] in _held.get():
                raise WouldWaitForItself
            self._queue.append(ticket)
            try:
                while self._queue[0] != ticket:
                    # Rechecked on a clock: garbage collection may release from inside this very thread,
                    # between the test and the wait, and that notice would be missed.
                    self._changed.wait(_RECHECK_S)
            except BaseException:
                self._leave(ticket)
                raise
        _held.set(_held.get() | {ticket})
        return ticket

    @contextmanager
    def at_once(self) -> Iterator[bool]:
        """Holds it if nobody does, and waits for nobody; whether it is held."""
        with self._changed:
            ticket = None if self._queue else self.acquire()
        try:
            yield ticket is not None
        finally:
            if ticket is not None:
                self.release(ticket)

    def release(self, ticket: int) -> None:
        """Lets the next caller in. Called with the same ticket again, does nothing."""
        with self._changed:
            self._leave(ticket)
        _held.set(_held.get() - {ticket})

    def _leave(self, ticket: int) -> None:
        if ticket in self._queue:
            self._queue.remove(ticket)
            self._changed.notify_all()
