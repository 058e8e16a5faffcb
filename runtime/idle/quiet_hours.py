"""Signal: the hours declared for nights, in local time. Knows the clock; nothing of who is asleep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time, tzinfo

from .abc import Clock, Reading, Signal


class QuietHours(Signal):
    """Idle within any of `spans` ("23:00-06:30"), or when `owing` says that a night is overdue."""

    name = "quiet hours"

    def __init__(
        self,
        spans: Sequence[str],
        clock: Clock,
        owing: Callable[[], bool] = lambda: False,
        zone: tzinfo | None = None,
    ) -> None:
        self._spans, self._clock, self._owing, self._zone = tuple(spans), clock, owing, zone

    def read(self) -> Reading:
        if not self._spans:
            return self.found("none are declared", None)
        now = self._clock.now().astimezone(self._zone)
        hours = ", ".join(self._spans)
        if any(_within(now, *parsed(span)) for span in self._spans):
            return self.found(f"{now:%H:%M} is within {hours}", True)
        if self._owing():
            return self.found(f"{now:%H:%M} is not within {hours}, but a night is overdue", True)
        return self.found(f"{now:%H:%M} is not within {hours}", False)


def parsed(span: str) -> tuple[time, time]:
    """From and to, of "23:00-06:30"."""
    begin, end = span.split("-")
    return time.fromisoformat(begin), time.fromisoformat(end)


def _within(now: datetime, begin: time, end: time) -> bool:
    at = now.time().replace(tzinfo=None)
    if begin == end:
        return True
    return begin <= at < end if begin < end else at >= begin or at < end
