"""The interface of a signal: one way to tell whether somebody needs the machine.

Knows nothing of which signals there are, or of what is done when nobody does.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

# Linux alone has a clock that goes on in a suspend.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Verdict = Literal["idle", "busy", "unknown"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a signal found, in words with units, and its verdict; `unknown` counts for neither side."""

    signal: str
    words: str
    verdict: Verdict


@dataclass(frozen=True)
class Clock:
    """The time of day, and seconds that pass: the second neither jumps nor stands still in a suspend.

    `wait` returns once the event is set, or after so many seconds.
    """

    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    elapsed: Callable[[], float] = field(default=lambda: time.clock_gettime(_STEADY))
    wait: Callable[[threading.Event, float], object] = field(default=threading.Event.wait)


class Signal(ABC):
    """Reads one thing. Made once, read every minute or so from one thread."""

    name: str

    @abstractmethod
    def read(self) -> Reading:
        """Never raises: what this machine cannot tell is `unknown`, with the reason. Under a second."""

    def found(self, words: str, idle: bool | None) -> Reading:
        """A reading of this signal; None is unknown."""
        return Reading(self.name, words, "unknown" if idle is None else "idle" if idle else "busy")


def ago(seconds: float) -> str:
    """A span of time for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
