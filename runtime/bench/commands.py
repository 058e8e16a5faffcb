"""The command line in processes of its own, as a user runs it: to the end, or killed with all its children.

Knows processes; nothing of what a command does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LONGEST_S = 1200.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: its exit code, the JSON document it printed, and the last line of its stderr."""

    code: int
    document: dict[str, Any]
    error: str


@dataclass(frozen=True)
class Commands:
    """How a command line is begun, and the environment it is given beside this process's own."""

    program: tuple[str, ...]
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def ran(self, *arguments: str, home: Path) -> Ran:
        """Runs to the end. A command that takes over 20 minutes is killed, and its code is -9."""
        with self._start(arguments, home) as process:
            try:
                out, err = process.communicate(timeout=_LONGEST_S)
            except subprocess.TimeoutExpired:
                _kill_group(process)
                out, err = process.communicate()
        words = err.strip().splitlines()
        with suppress(ValueError):
            document = json.loads(out)
            if isinstance(document, dict):
                return Ran(process.returncode, document, words[-1] if words else "")
        return Ran(process.returncode, {}, words[-1] if words else "")

    def killed_after(self, seconds: float, *arguments: str, home: Path) -> float | None:
        """Starts a command in a process group of its own and kills the group after `seconds`.

        None when it was killed; the seconds it took when it had ended by then.
        """
        started = time.monotonic()
        with self._start(arguments, home) as process:
            try:
                process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                _kill_group(process)
                process.communicate()
                if process.returncode == -signal.SIGKILL:
                    return None
        return time.monotonic() - started

    def _start(self, arguments: tuple[str, ...], home: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.program, *arguments, "--home", str(home), *self.options],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def dormouse_commands(spec_file: Path) -> Commands:
    """The `dormouse` command of this very package, with a spec."""
    module = f"{__name__.split('.runtime.')[0]}.tui.cli"
    return Commands((sys.executable, "-m", module), ("--spec", str(spec_file)))


def _kill_group(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
