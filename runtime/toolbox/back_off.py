"""When to try again what failed: soon, then less and less often.

Promise: whoever asks as often as they like tries no oftener than that. Knows nothing of what is tried.
"""

from __future__ import annotations

from collections.abc import Callable

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


class BackOff:
    """The pauses between tries: a second, then twice as long each time, a minute at most."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pause_s, self._not_before = _FIRST_PAUSE_S, 0.0

    @property
    def left_s(self) -> float:
        """Seconds until the next try; 0 when it may be made."""
        return max(0.0, self._not_before - self._clock())

    def tried(self) -> None:
        """A try is being made."""
        self._not_before = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def succeeded(self) -> None:
        """The next failure is a first one again."""
        self._pause_s, self._not_before = _FIRST_PAUSE_S, 0.0
