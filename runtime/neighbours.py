"""The agents of one process: a turn of any of them halts the nights and naps of all, as they share its cores.

Promise: what an agent registered is halted while another's turn is answered; one of them sleeps at a time.
Knows rights of way; nothing of agents.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ..sleep.right_of_way import RightOfWay

_ways: weakref.WeakSet[RightOfWay] = weakref.WeakSet()
_changing = threading.Lock()

_nights: list[RightOfWay] = []  # the first one's runs, and the others' wait, in the order they came
_one_ended = threading.Condition()
_RECHECK_S = 0.2  # of a night that waits, whether it was told to end

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


@contextmanager
def night(own: RightOfWay) -> Iterator[None]:
    """Around a night, once those that came before it have ended. Raises NightStopped."""
    with _one_ended:
        _nights.append(own)
    try:
        with _one_ended:
            while _nights[0] is not own:
                own.must_go_on()
                _one_ended.wait(_RECHECK_S)
        yield
    finally:
        with _one_ended:
            _nights.remove(own)
            _one_ended.notify_all()


def nights() -> int:
    """How many nights run, which is at most one, or wait for it to end."""
    return len(_nights)
