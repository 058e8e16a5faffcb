"""The end of a log that is rotated, and what is written to it from then on.

Promise: a line that was written is given, once, whichever file bears the log's name. Knows files; nothing of
what is in a line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, TextIO


def tail(path: Path, lines: int, pause: Callable[[], None] | None) -> Iterator[str]:
    """The last `lines`; with a `pause`, which comes between two looks, also all that follow, for ever."""
    file = _opened(path)
    try:
        *whole, begun = file.read().split("\n")
        yield from whole[-lines:]
        while pause is not None:
            moved = _moved(path, file)  # asked first: what was written until then is read to its end
            *whole, begun = (begun + file.read()).split("\n")
            yield from whole
            if moved is None:
                pause()
                continue
            file.close()
            file = _opened(path)
            if moved == "rewritten":
                file.seek(0, os.SEEK_END)
    finally:
        file.close()


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8", errors="replace")


def _moved(path: Path, file: TextIO) -> Literal["rotated", "rewritten"] | None:
    """What has become of the file that bore the name; None while it does, or nothing does."""
    here = os.fstat(file.fileno())
    with suppress(FileNotFoundError):
        if os.path.samestat(path.stat(), here):
            return None
        older = path.parent.glob(f"{path.name}.*")
        return "rotated" if any(os.path.samestat(each.stat(), here) for each in older) else "rewritten"
    return None
