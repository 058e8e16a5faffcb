"""A daemon under its keeper, in processes of their own: begun, killed, waited for, ended.

Promise: whatever happens, `stop` leaves none of them behind. Knows processes and the mark a daemon leaves in
its home; nothing of what is asked of it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ..daemon.log import log_path
from ..doors.client import mark_path
from ..errors import BenchFailed

PATIENCE_S = 300.0
"""How long a daemon is given to come or to go, on whatever machine."""

_POLL_S = 0.02
_KEEPER = f"{__name__.split('.bench.')[0]}.daemon.keeper"


class KeptDaemon:
    """`program` is the daemon in the foreground. Ready once it is made. Raises BenchFailed when it does not
    come.
    """

    def __init__(self, program: Sequence[str], home: Path) -> None:
        self.home = home
        path = os.pathsep.join(folder for folder in sys.path if folder)
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", _KEEPER, *program],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._until(mark_path(home).exists, "did not come")
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Of the daemon that came last."""
        return int(json.loads(mark_path(self.home).read_text())["pid"])

    @property
    def keeper_pid(self) -> int:
        return self._keeper.pid

    def kill(self) -> float:
        """Kill it as a crash would, at once; seconds until the next one answers."""
        before, began = self.pid, time.monotonic()
        with suppress(ProcessLookupError):
            os.kill(before, signal.SIGKILL)
        self._until(lambda: self.pid != before, "did not come back")
        return time.monotonic() - began

    def stop(self) -> int:
        """Have the keeper end it, and wait; the exit code. Killed when it does not."""
        self._keeper.send_signal(signal.SIGTERM)
        try:
            return self._keeper.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._keeper.pid, signal.SIGKILL)
            return self._keeper.wait()

    def _until(self, true: Callable[[], bool], missing: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            if self._keeper.poll() is not None or time.monotonic() > deadline:
                raise BenchFailed("daemon", f"it {missing} ({self._last_words()})")
            time.sleep(_POLL_S)

    def _last_words(self) -> str:
        with suppress(OSError):
            if lines := log_path(self.home).read_text(errors="replace").splitlines():
                return lines[-1]
        return "it said nothing"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeper.poll() is None:
            self.stop()
