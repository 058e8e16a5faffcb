"""Keeps a daemon going where no service manager does: begins it again when it dies, later and later.

Run as `python -m dormouse.runtime.daemon.keeper COMMAND...`.

Promise: SIGTERM and SIGINT end the daemon cleanly, and then this; a daemon that ends well, or was given
nonsense, is not begun again; one that had been ready is back before its clients give up. Imports nothing
heavy.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

KEEPER = "DORMOUSE_KEEPER"
_FIRST_S, _LONGEST_S = 0.1, 60.0
_LONGEST_READY_S = 2.0  # a daemon that had been ready; its clients wait 15 s, and its start takes some of it
# A daemon that lived this long was well, and the next wait is short again.
_STEADY_S, _STEADY_READY_S = 30.0, 10.0
_HOPELESS = (0, 2)


class _Ear:
    """Hears what a service manager would be told (sd_notify): whether the daemon has been ready."""

    def __init__(self, address: Path) -> None:
        self.ready = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        threading.Thread(target=self._listen, name="dormouse-ear", daemon=True).start()

    def _listen(self) -> None:
        while words := self._socket.recv(4096):  # read at once: whoever tells would wait for it
            self.ready = self.ready or b"READY=1" in words


@contextmanager
def _listening() -> Iterator[tuple[_Ear, dict[str, str]]]:
    """An ear, and the environment that tells a child where it is."""
    with TemporaryDirectory(prefix="dormouse-") as folder:
        address = Path(folder, "notify")
        yield _Ear(address), {**os.environ, "NOTIFY_SOCKET": str(address)}


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
    with _listening() as (ear, environment):
        while True:
            began, ear.ready = time.monotonic(), False
            child = subprocess.Popen(command, env={**environment, KEEPER: str(os.getpid())})
            if told:  # it came while the child was being made
                child.send_signal(signal.SIGTERM)
            code = child.wait()
            if told or code in _HOPELESS:
                return max(code, 0)
            wait = next_wait_s(wait, time.monotonic() - began, ear.ready)
            deadline = time.monotonic() + wait
            while not told and time.monotonic() < deadline:
                time.sleep(min(0.1, wait))
            if told:
                return 0


def next_wait_s(before_s: float, lived_s: float, ready: bool) -> float:
    """Seconds until a daemon that died is begun again, after one that was waited for `before_s`."""
    if lived_s > (_STEADY_READY_S if ready else _STEADY_S):
        return _FIRST_S
    return min(_LONGEST_READY_S if ready else _LONGEST_S, 2 * before_s)


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:]))
