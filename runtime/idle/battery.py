"""Signal: the battery, with what a night may take from it. Knows charge; nothing of what uses it."""

from __future__ import annotations

from collections.abc import Callable

import psutil

from .abc import Reading, Signal


class Battery(Signal):
    """Idle when plugged in; on battery, from `least_percent` charge on, and while a night (from `begin` to
    `end`) has not yet used `most_used` percent.
    """

    name = "battery"

    def __init__(
        self,
        least_percent: float,
        most_used: float,
        sensor: Callable[[], object | None] | None = None,
    ) -> None:
        self._least, self._most_used = least_percent, most_used
        known: Callable[[], object | None] = getattr(psutil, "sensors_battery", _none)
        self._sensor = sensor or known
        self._begun_at: float | None = None

    def begin(self) -> None:
        """A night begins: what is used from now on is its own."""
        state = self._state()
        self._begun_at = None if state is None else state[0]

    def end(self) -> None:
        """It has ended: what is used from now on is no night's."""
        self._begun_at = None

    def read(self) -> Reading:
        state = self._state()
        if state is None:
            return self.found("there is none", None)
        percent, plugged = state
        if plugged:
            self._begun_at = percent if self._begun_at is not None else None
            return self.found(f"plugged in, {percent:.0f}%", True)
        if self._begun_at is not None and self._begun_at - percent >= self._most_used:
            used = self._begun_at - percent
            return self.found(f"the night has used {used:.0f}%, at most {self._most_used:g}%", False)
        words = f"on battery, {percent:.0f}%, at least {self._least:g}%"
        return self.found(words, self._least < 100 and percent >= self._least)

    def _state(self) -> tuple[float, bool] | None:
        """Charge in percent, and whether it is plugged in."""
        found = self._sensor()
        if found is None:
            return None
        # While it cannot be told, psutil says None, and a laptop that may be on battery is taken to be.
        return float(getattr(found, "percent")), bool(getattr(found, "power_plugged"))  # noqa: B009


def _none() -> None:
    """For systems where psutil knows no batteries."""
