"""`none`: no sandbox. The code runs as you, under rlimits alone.

Promise: limits of one process hold, and what it leaves in its process group is killed. It reads your
files, reaches your network, and a daemon it starts in a session of its own stays.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from contextlib import ExitStack, suppress

from . import payload
from .abc import Job, Sandbox


class Bare(Sandbox):
    """Runs jobs beside this process."""

    name = "none"

    def command(self, job: Job, resources: ExitStack, pass_fds: list[int]) -> list[str]:
        return payload.python_arguments()

    def folder(self, resources: ExitStack) -> str:
        folder = tempfile.mkdtemp(prefix="dormouse-code-")
        resources.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def sweep(self, pid: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
