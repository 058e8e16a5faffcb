"""Who is served next: one turn at a time, the users in turn.

Promise: a user with many requests delays another's by one turn at most; whoever has a place is served, and
whoever stops waiting is forgotten. Knows names and order; nothing of what is served.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from types import TracebackType
from typing import Self


class QueueFull(Exception):
    """Too many wait already. `own` says whether they are all this user's."""

    def __init__(self, waiting: int, own: bool) -> None:
        self.waiting, self.own = waiting, own
        whose = "of your " if own else ""
        super().__init__(f"{waiting} {whose}turns wait for the engine already; try again later.")


class FairQueue:
    """Beside the turn being served `longest` may have a place in all, `longest_each` of one user. To be used
    from one event loop.
    """

    def __init__(self, longest: int, longest_each: int) -> None:
        self._longest, self._longest_each = longest, longest_each
        self._places: list[Place] = []
        self._waiting: OrderedDict[Place, asyncio.Future[None]] = OrderedDict()
        self._order: OrderedDict[str, deque[Place]] = OrderedDict()
        self._served: Place | None = None

    @property
    def waiting(self) -> int:
        """How many turns wait."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether a turn is being served."""
        return self._served is not None

    def place(self, user: str) -> Place:
        """A place for a turn of this user's, until it is left. Raises QueueFull, at once or never."""
        first = self._served or next(iter(self._places), None)  # who is not counted among those who wait
        behind = [place for place in self._places if place is not first]
        own = sum(place.user == user for place in behind)
        if first is not None and own >= self._longest_each:
            raise QueueFull(own, own=True)
        if first is not None and len(behind) >= self._longest:
            raise QueueFull(len(behind), own=False)
        made = Place(self, user)
        self._places.append(made)
        return made

    async def _begin(self, place: Place) -> None:
        if self._served is not None:
            await self._wait(place)
        self._served = place

    def _end(self, place: Place) -> None:
        """End the turn of `place`, if it has one: the user who has waited longest for one is next."""
        if self._served is not place:
            return
        self._served = None
        while self._order:
            user, own = self._order.popitem(last=False)
            called = own.popleft()
            if own:
                self._order[user] = own
            waiting = self._waiting.pop(called)
            if not waiting.done():
                self._served = called
                waiting.set_result(None)
                return

    def _leave(self, place: Place) -> None:
        self._end(place)
        if place in self._places:
            self._places.remove(place)

    async def _wait(self, place: Place) -> None:
        mine = self._waiting[place] = asyncio.get_running_loop().create_future()
        self._order.setdefault(place.user, deque()).append(place)
        try:
            await mine
        except asyncio.CancelledError:
            self._end(place)  # called, and gone in the same moment
            self._forget(place)
            raise

    def _forget(self, place: Place) -> None:
        if self._waiting.pop(place, None) is not None:
            own = self._order[place.user]
            own.remove(place)
            if not own:
                del self._order[place.user]


class Place:
    """One request's place, made by the queue: it takes turns from there, one at a time. A context manager."""

    def __init__(self, queue: FairQueue, user: str) -> None:
        self.user, self._queue = user, queue

    async def begin(self) -> None:
        """Wait for one's turn, which `end` ends. Cancelled, it has none."""
        await self._queue._begin(self)

    def end(self) -> None:
        """End the turn, and keep the place. Nothing where there is none."""
        self._queue._end(self)

    def leave(self) -> None:
        """Give up the place, and the turn with it. Safe to call twice."""
        self._queue._leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
