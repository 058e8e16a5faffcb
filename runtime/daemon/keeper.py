"""Keeps a daemon going where no service manager does: begins it again when it dies, later and later.

Run as `python -m dormouse.runtime.daemon.keeper COMMAND...`.

Promise: SIGTERM and SIGINT end the daemon cleanly, and then this; a daemon that ends well, or was given
nonsense, is not begun again. Imports nothing heavy.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

KEEPER = "DORMOUSE_KEEPER"
_FIRST_S, _LONGEST_S = 0.1, 60.0
_STEADY_S = 30.0  # a daemon that lived this long was well, and the next wait is short again
_HOPELESS = (0, 2)


def keep(command: Sequence[str]) -> int:
    """Runs the command until it ends well; returns its exit code."""
    told: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def end(number: int, frame: FrameType | None) -> None:
        told.append(number)
        if child is not None:
            child.send_signal(signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    wait = _FIRST_S
    while True:
        began = time.monotonic()
        child = subprocess.Popen(command, env={**os.environ, KEEPER: str(os.getpid())})
        if told:  # it came while the child was being made
            child.send_signal(signal.SIGTERM)
        code = child.wait()
        if told or code in _HOPELESS:
            return max(code, 0)
        wait = _FIRST_S if time.monotonic() - began > _STEADY_S else min(_LONGEST_S, 2 * wait)
        deadline = time.monotonic() + wait
        while not told and time.monotonic() < deadline:
            time.sleep(min(0.1, wait))
        if told:
            return 0


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:]))
