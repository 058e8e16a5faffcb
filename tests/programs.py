"""Programs kept as text for the tests of verifiers and sandboxes, one after the other in a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "verifiers" / "programs"


@dataclass(frozen=True)
class Program:
    """One of them: its head is `==== name | rest | rest`."""

    name: str
    rest: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return self.name


def programs(file: str) -> list[Program]:
    """Those in one file, in order."""
    parts = re.split(r"^==== (.*)\n", (FOLDER / f"{file}.txt").read_text(), flags=re.MULTILINE)
    found = []
    for head, text in zip(parts[1::2], parts[2::2], strict=True):
        name, *rest = head.split(" | ")
        found.append(Program(name, tuple(rest), text.strip("\n") + "\n"))
    return found
