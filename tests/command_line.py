"""What tests of the command line share: what a run did, and how to run it in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ran:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Ran]


def environment() -> dict[str, str]:
    """One in which the package and the tests' modules are found, as they are here."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def command(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """The command line in a process of its own, with its output in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "dormouse.tui.cli", *map(str, arguments)],
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def ran(*arguments: object, **options: Any) -> Ran:
    """The command line, run to its end in a process of its own."""
    with command(*arguments, **options) as process:
        out, err = process.communicate(timeout=300)
        return Ran(process.returncode, out, err)


def write_lines(path: Path, *rows: object) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
