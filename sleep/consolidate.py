"""Consolidation: runs the training process on a job folder and streams its progress.

Promise: the child is niced, imports its own torch, stands still while something else has the right of way,
and never outlives its parent's call; a folder that is finished is not trained again. Knows nothing of what is
trained.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .errors import TrainingFailed
from .right_of_way import RightOfWay

# Freed tensors go back to the process's own pool, not to the kernel: half of a step was page faults before.
_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 32),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 33),
    "MALLOC_TOP_PAD_": str(1 << 28),
}

Report = Callable[[dict[str, Any]], None]


def finished(folder: Path) -> dict[str, Any] | None:
    """The worker's last record, when it ended well."""
    path = folder / "done.json"
    if not path.exists():
        return None
    record: dict[str, Any] = json.loads(path.read_text())
    return record


class _Trainer:
    """The child, as something that can be paused. Stopped by the kernel it leaves its cores within the
    millisecond, wherever in a step it is, and loses nothing of it; waiting for the step's end would take
    seconds on a large base, and its threads spin meanwhile.
    """

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child

    def pause(self) -> None:
        self._child.send_signal(signal.SIGSTOP)

    def resume(self, held_s: float) -> None:
        with suppress(OSError, ValueError):  # it has ended meanwhile
            assert self._child.stdin is not None
            self._child.stdin.write(f"{held_s}\n")  # for its clock, which stood still
            self._child.stdin.flush()
        self._child.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._child.kill()


def consolidate(
    folder: Path, report: Report = lambda record: None, way: RightOfWay | None = None
) -> dict[str, Any]:
    """Trains the job in `folder`; returns the last progress record.

    Raises TrainingFailed with the child's last words, NightStopped when `way` was.
    """
    done = finished(folder)
    if done:
        return done
    way = way or RightOfWay()
    way.wait()
    code = _run(folder, report, way)
    way.must_go_on()
    done = finished(folder)
    if code != 0 or done is None:
        words = (folder / "worker.log").read_text().strip().splitlines()
        raise TrainingFailed(words[-1] if words else f"the process ended with status {code}")
    return done


def _run(folder: Path, report: Report, way: RightOfWay) -> int:
    """The child, from its start to its end; returns its exit code."""
    # The child finds this package wherever this process found it.
    path = {"PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder)}
    environment = os.environ | _ALLOCATOR | path | {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", __name__.replace("consolidate", "worker"), str(folder), str(os.getpid())]
    with (
        (folder / "worker.log").open("w") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        ) as child,
    ):
        try:
            with way.pausing(_Trainer(child)):
                assert child.stdout is not None
                for line in child.stdout:
                    if line.startswith("{"):
                        report(json.loads(line))
            return child.wait()
        finally:
            child.kill()  # does nothing to a child that has ended
