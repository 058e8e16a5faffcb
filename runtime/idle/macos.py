"""Signal: keyboard and mouse on macOS, by what its input system says of itself. Knows `ioreg`."""

from __future__ import annotations

import re
import subprocess
import sys

from .abc import Reading, Signal, ago

_WAIT_S = 2.0


class MacInput(Signal):
    """Idle after `least_min` without input; unknown elsewhere."""

    name = "input"

    def __init__(self, least_min: float) -> None:
        self._least_min = least_min

    def read(self) -> Reading:
        if sys.platform != "darwin":
            return self.found("this is not macOS", None)
        try:
            told = subprocess.run(
                ["ioreg", "-c", "IOHIDSystem", "-d", "4"], capture_output=True, text=True, timeout=_WAIT_S
            ).stdout
        except (OSError, subprocess.TimeoutExpired) as error:
            return self.found(f"ioreg cannot be asked ({type(error).__name__})", None)
        idle_ns = re.search(r'"HIDIdleTime" = (\d+)', told)
        if idle_ns is None:
            return self.found("ioreg tells no idle time", None)
        idle_s = int(idle_ns[1]) / 1e9
        words = f"idle for {ago(idle_s)}, at least {self._least_min:g} min"
        return self.found(words, idle_s >= 60 * self._least_min)
