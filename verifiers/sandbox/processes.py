"""The processes below one: how many, how much memory they hold, and their death. Reads Linux's /proc."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_GRACE_S = 0.5


@dataclass(frozen=True, slots=True)
class Use:
    """What the processes below one hold together."""

    processes: int
    memory_bytes: int


class FirstProcess:
    """The first process below a launcher. Where it is the init of a process namespace, it has ended only
    once all of the namespace has; the launcher may end sooner.
    """

    def __init__(self, launcher: int) -> None:
        self.launcher = launcher
        self._descriptor: int | None = None

    def find(self) -> None:
        """Takes hold of it, once it is there."""
        if self._descriptor is None and (found := children(self.launcher)):
            with suppress(ProcessLookupError):
                self._descriptor = os.pidfd_open(found[0])

    def wait(self) -> bool:
        """Waits until it has ended, for half a second at most; whether it has. One never found has."""
        if self._descriptor is None:
            return True
        poller = select.poll()
        poller.register(self._descriptor, select.POLLIN)
        ended = bool(poller.poll(_GRACE_S * 1000))
        os.close(self._descriptor)
        self._descriptor = None
        return ended


def children(pid: int) -> list[int]:
    """The children of every thread of `pid`; none when it is gone."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    return found


def below(pid: int) -> Iterator[int]:
    """All that descend from `pid`, parents first."""
    waiting = children(pid)
    while waiting:
        one = waiting.pop()
        yield one
        waiting += children(one)


def use_of(pid: int, enough_bytes: int) -> Use:
    """What is below `pid`. Memory shared by several counts once if the sum would be over `enough_bytes`."""
    found = list(below(pid))
    memory = sum(map(_resident, found))
    if memory > enough_bytes:
        memory = sum(map(_proportional, found))
    return Use(len(found), memory)


def processor_s(pid: int) -> float:
    """Seconds of processor time of `pid`, of what is below it, and of what these have waited for."""
    return sum(map(_ticks, (pid, *below(pid)))) / _TICKS_PER_S


def kill_tree(pid: int) -> None:
    """Kills all below `pid`, then `pid`. Where its first child is the init of a process namespace, the
    kernel ends all of that namespace before the init can be waited for.
    """
    for one in list(below(pid)):
        _kill(one)
    give_up = time.monotonic() + _GRACE_S
    while not _ended(pid):
        if time.monotonic() > give_up:
            _kill(pid)
            return
        time.sleep(0.002)


def _ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _ticks(pid: int) -> int:
    with suppress(OSError, IndexError), open(f"/proc/{pid}/stat") as file:
        return sum(map(int, file.read().rpartition(")")[2].split()[11:15]))
    return 0


def _resident(pid: int) -> int:
    with suppress(OSError, IndexError), open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * _PAGE
    return 0


def _proportional(pid: int) -> int:
    with suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return _resident(pid)
