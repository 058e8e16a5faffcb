"""A terminal of our own: a program run behind a pseudo-terminal, with the time everything takes.

It keeps what was written and answers nothing; it is no screen, so what is drawn over stays in the text.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

_ESCAPES = re.compile(r"\x1b\[[0-9;?<>=$]*[ -/]*[@-~]|\x1b[@-_]|\x1bP.*?\x1b\\", re.DOTALL)


class PtyTerminal:
    """`arguments` are those of a Python that is run at once. `seen` is what was written, without escapes."""

    def __init__(self, *arguments: str, size: tuple[int, int], environment: Mapping[str, str]) -> None:
        self._text = b""
        self.began = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ.update(environment, TERM="xterm-256color", COLORTERM="truecolor")
            os.execv(sys.executable, [sys.executable, *arguments])
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    @property
    def seen(self) -> str:
        return _ESCAPES.sub("", self._text.decode(errors="replace"))

    def until(self, holds: Callable[[str], bool], limit_s: float = 120.0) -> float:
        """Read on until what is seen holds it; returns the seconds since the start, or since `forget`."""
        deadline = time.perf_counter() + limit_s
        while time.perf_counter() < deadline:
            if self._read(0.002) and holds(self.seen):
                return time.perf_counter() - self.began
        raise AssertionError(f"it was not seen: {self.seen[-400:]!r}")

    def forget(self) -> None:
        """Begin to read, and to count, anew."""
        while self._read(0.0):
            pass
        self._text, self.began = b"", time.perf_counter()

    def press(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def ended(self, limit_s: float = 120.0) -> int:
        """The exit code, once it has ended."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            self._read(0.01)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("it did not end")

    def _read(self, wait_s: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], wait_s)
        if not ready:
            return False
        with suppress(OSError):  # the program has ended
            if piece := os.read(self._fd, 65536):
                self._text += piece
                return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)
