"""All signals together: idle when one of them knows and none of them says that somebody needs the machine.

Knows the signals and `sleep.when`; nothing of what is done about it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import tzinfo

from ...sleep.settings import BudgetSettings, WhenSettings
from .abc import Clock, Reading, Signal
from .battery import Battery
from .gpu import Gpu
from .last_turn import LastTurn
from .load import Load
from .logind import Logind
from .macos import MacInput
from .quiet_hours import QuietHours
from .x11 import X11

LAST_TURN = LastTurn.name


class Watch:
    """`signals` are read in order; `readings` are the last ones."""

    def __init__(self, signals: Sequence[Signal]) -> None:
        self.signals = tuple(signals)
        self.readings: tuple[Reading, ...] = ()

    def look(self) -> tuple[Reading, ...]:
        """Read all of them."""
        self.readings = tuple(signal.read() for signal in self.signals)
        return self.readings

    def begin_night(self) -> None:
        """Tell those that count what a night costs."""
        for signal in self.signals:
            if isinstance(signal, Battery):
                signal.begin()

    def end_night(self) -> None:
        """It is over."""
        for signal in self.signals:
            if isinstance(signal, Battery):
                signal.end()


def busy(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    """Those that say that somebody needs the machine."""
    return tuple(reading for reading in readings if reading.verdict == "busy")


def idle(readings: Sequence[Reading]) -> bool:
    """Whether nobody does."""
    return not busy(readings) and any(reading.verdict == "idle" for reading in readings)


def signals_for(
    when: WhenSettings,
    budget: BudgetSettings,
    clock: Clock,
    last_turn_s: Callable[[], float | None],
    owing: Callable[[], bool],
    zone: tzinfo | None = None,
) -> list[Signal]:
    """Those this machine may have, as `sleep.when` sets them.

    `last_turn_s` says how long ago the last turn was, `owing` whether a night is overdue.
    """
    keyboard: list[Signal] = (
        [MacInput(when.input_idle_min)]
        if sys.platform == "darwin"
        else [Logind(when.input_idle_min, clock), X11(when.input_idle_min)]
    )
    return [
        LastTurn(last_turn_s, when.last_turn_min),
        *keyboard,
        Load(when.max_load_cores),
        Gpu(when.max_gpu_percent),
        Battery(when.min_battery_percent, budget.battery_percent),
        QuietHours(when.quiet_hours, clock, owing, zone),
    ]
