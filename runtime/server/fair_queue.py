"""Who is served next: one turn at a time, the users in turn.

Promise: a user with many requests delays another's by one turn at most; whoever stops waiting is forgotten.
Knows names and order; nothing of what is served.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque


class QueueFull(Exception):
    """Too many wait already. `own` says whether they are all this user's."""

    def __init__(self, waiting: int, own: bool) -> None:
        self.waiting, self.own = waiting, own
        whose = "of your " if own else ""
        super().__init__(f"{waiting} {whose}turns wait for the engine already; try again later.")


class FairQueue:
    """`longest` turns may wait in all, `longest_each` of one user. To be used from one event loop."""

    def __init__(self, longest: int, longest_each: int) -> None:
        self._longest, self._longest_each = longest, longest_each
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._busy = False

    @property
    def waiting(self) -> int:
        """How many turns wait."""
        return sum(len(own) for own in self._waiting.values())

    @property
    def busy(self) -> bool:
        """Whether a turn is being served."""
        return self._busy

    def check(self, user: str) -> None:
        """Raises QueueFull when a turn of this user's could not wait."""
        own, waiting = len(self._waiting.get(user, ())), self.waiting
        if not self._busy:
            return
        if own >= self._longest_each:
            raise QueueFull(own, own=True)
        if waiting >= self._longest:
            raise QueueFull(waiting, own=False)

    async def acquire(self, user: str) -> None:
        """Wait for one's turn, which `release` ends. Raises QueueFull. Cancelled, it has none."""
        self.check(user)
        if self._busy:
            await self._wait(user)
        self._busy = True

    def release(self) -> None:
        """End the turn: the user who has waited longest for one is next."""
        while self._waiting:
            user, own = self._waiting.popitem(last=False)
            called = own.popleft()
            if own:
                self._waiting[user] = own
            if not called.done():
                called.set_result(None)
                return
        self._busy = False

    async def _wait(self, user: str) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():  # called, and gone in the same moment
                self.release()
            else:
                self._forget(user, mine)
            raise

    def _forget(self, user: str, mine: asyncio.Future[None]) -> None:
        own = self._waiting.get(user)
        if own is not None and mine in own:
            own.remove(mine)
            if not own:
                del self._waiting[user]
