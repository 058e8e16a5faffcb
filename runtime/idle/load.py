"""Signal: cores that other processes keep busy. What this process and its children compute does not count."""

from __future__ import annotations

import os
import time
from contextlib import suppress

import psutil

from .abc import Reading, Signal

_LEAST_S = 0.3  # between two looks, or the kernel's clock ticks are too coarse


class Load(Signal):
    """Measured from one reading to the next; the first takes a moment to have something to compare with.

    No reading comes sooner after another than `least_s`.
    """

    name = "load"

    def __init__(self, most_cores: float, least_s: float = _LEAST_S) -> None:
        self._most_cores, self._least_s = most_cores, least_s
        self._before = _taken()

    def read(self) -> Reading:
        since = time.monotonic() - self._before[0]
        if since < self._least_s:
            time.sleep(self._least_s - since)
        now = _taken()
        passed, busy, own = (after - before for before, after in zip(self._before, now, strict=True))
        self._before = now
        cores = max(0.0, (busy - max(0.0, own)) / max(passed, 1e-6))
        words = f"others use {cores:.2f} cores, at most {self._most_cores:g}"
        return self.found(words, cores <= self._most_cores)


def _taken() -> tuple[float, float, float]:
    """Now, seconds all cores were busy so far, and seconds of those that were ours."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # Guests' time is counted in user time already.
    counted = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    own = os.times()
    spent = own.user + own.system + own.children_user + own.children_system
    with suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                spent += sum(child.cpu_times()[:2])
    return time.monotonic(), counted - idle, spent
