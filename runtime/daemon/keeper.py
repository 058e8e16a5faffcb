"""Keeps a daemon going where no service manager does: begins it again when it dies, later and later.

Run as `python -m dormouse.runtime.daemon.keeper COMMAND...`.

Promise: SIGTERM and SIGINT end the daemon cleanly, and then this; a daemon that ends well, or was given
nonsense, or failed before one was ever ready, is not begun again; one that had been ready is back before its
clients give up. What the daemon prints goes where this does, and a file there stays bounded. Imports nothing
heavy.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

KEEPER = "DORMOUSE_KEEPER"
_FIRST_S, _LONGEST_S = 0.1, 60.0
_LONGEST_READY_S = 2.0  # a daemon that had been ready; its clients wait 15 s, and its start takes some of it
# A daemon that lived this long was well, and the next wait is short again.
_STEADY_S, _STEADY_READY_S = 30.0, 10.0
_HOPELESS = (0, 2)
_STDERR = 2
_LONGEST_OUTPUT_BYTES = 1 << 20
_LOOK_AT_OUTPUT_S = 60.0


class _Ear:
    """Hears what a service manager would be told (sd_notify): whether the daemon has been ready.

    It looks at the output's length meanwhile.
    """

    def __init__(self, address: Path) -> None:
        self.ready = False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        self._socket.settimeout(_LOOK_AT_OUTPUT_S)
        threading.Thread(target=self._listen, name="dormouse-ear", daemon=True).start()

    def _listen(self) -> None:
        while True:
            with suppress(TimeoutError):  # read at once: whoever tells would wait for it
                self.ready = b"READY=1" in self._socket.recv(4096) or self.ready
            bound_output(_STDERR)


@contextmanager
def _listening() -> Iterator[tuple[_Ear, dict[str, str]]]:
    """An ear, and the environment that tells a child where it is."""
    with TemporaryDirectory(prefix="dormouse-") as folder:
        address = Path(folder, "notify")
        yield _Ear(address), {**os.environ, "NOTIFY_SOCKET": str(address)}


def bound_output(descriptor: int) -> None:
    """Empty a file that has grown long; whoever else writes to it appends."""
    with suppress(OSError):
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_size > _LONGEST_OUTPUT_BYTES:
            os.ftruncate(descriptor, 0)


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
    wait, came = _FIRST_S, False
    with _listening() as (ear, environment):
        while True:
            bound_output(_STDERR)
            began, ear.ready = time.monotonic(), False
            child = subprocess.Popen(command, env={**environment, KEEPER: str(os.getpid())})
            if told:  # it came while the child was being made
                child.send_signal(signal.SIGTERM)
            code = child.wait()
            came = came or ear.ready
            if told or code in _HOPELESS or (code > 0 and not came):  # one that was killed may come yet
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
