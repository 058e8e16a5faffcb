"""The agents of one process: a turn of any of them halts the nights and naps of all, as they share its cores.

Promise: what an agent registered is halted while another's turn is answered. Knows rights of way; nothing of
agents.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ..sleep.right_of_way import RightOfWay

_ways: weakref.WeakSet[RightOfWay] = weakref.WeakSet()
_changing = threading.Lock()

ONE_NAP = threading.Lock()
"""Held by the nap that runs: a process with many users trains for one of them at a time."""


def registered(way: RightOfWay) -> RightOfWay:
    """The way itself, which turns of other agents hold from now on, for as long as it is used."""
    with _changing:
        _ways.add(way)
    return way


@contextmanager
def turn(own: RightOfWay) -> Iterator[None]:
    """Around a turn, from before it waits for anything until it has been answered."""
    with _changing:
        ways = [own, *(way for way in _ways if way is not own)]
    with ExitStack() as held:
        for way in ways:
            held.enter_context(way.turn())
        yield
