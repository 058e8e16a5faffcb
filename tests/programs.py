"""Programs kept as text for the tests of verifiers and sandboxes, one after the other in a file."""

from __future__ import annotations

from pathlib import Path

from dormouse.runtime.bench.hostile import Program, parsed

__all__ = ["Program", "programs"]

FOLDER = Path(__file__).parent / "verifiers" / "programs"


def programs(file: str) -> list[Program]:
    """Those in one file, in order."""
    return parsed((FOLDER / f"{file}.txt").read_text())
