"""Signal: the last turn, at whatever door it was taken. Knows a number of seconds; nothing of agents."""

from __future__ import annotations

from collections.abc import Callable

from .abc import Reading, Signal, ago


class LastTurn(Signal):
    """`age_s` says how many seconds ago the last turn was; None before the first."""

    name = "last turn"

    def __init__(self, age_s: Callable[[], float | None], least_min: float) -> None:
        self._age_s, self._least_min = age_s, least_min

    def read(self) -> Reading:
        age = self._age_s()
        if age is None:
            return self.found("there was none yet", True)
        return self.found(f"{ago(age)} ago, at least {self._least_min:g} min", age >= 60 * self._least_min)
