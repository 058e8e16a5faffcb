"""What goes to stdout and to stderr.

Promise: with `--json`, stdout gets one JSON document and not a byte more, whatever a library prints. Notes
and progress go to stderr, progress only when a person is looking.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.console import Console


class Output:
    """Where a command's result goes. With `as_json`, all that is printed meanwhile goes to stderr."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._stdout: int | None = None
        self._writer = sys.stdout

    def __enter__(self) -> Self:
        if self.as_json:
            sys.stdout.flush()
            self._stdout, self._writer = os.dup(1), sys.stdout
            os.dup2(2, 1)
            sys.stdout = sys.stderr
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def result(self, document: object, text: Callable[[], None]) -> None:
        """Print `document` as JSON, or call `text` to print it for a person."""
        if self.as_json:
            self._restore()
            sys.stdout.write(as_json(document) + "\n")
            sys.stdout.flush()
        else:
            text()

    def line(self, document: object) -> None:
        """Print `document` as one line of JSON, at once; more may follow."""
        data = (json.dumps(document, default=_plain) + "\n").encode()
        while data:
            data = data[os.write(1 if self._stdout is None else self._stdout, data) :]

    def _restore(self) -> None:
        if self._stdout is not None:
            sys.stdout.flush()
            sys.stdout = self._writer
            os.dup2(self._stdout, 1)
            os.close(self._stdout)
            self._stdout = None


def as_json(document: object) -> str:
    """One JSON document; records become objects, times ISO 8601."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(document, ensure_ascii=not utf8, indent=2, default=_plain)


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def note(sentence: str) -> None:
    """Say something on stderr."""
    print(f"dormouse: {sentence}", file=sys.stderr, flush=True)


def notes(sentences: Iterable[str]) -> None:
    """Say each on stderr."""
    for sentence in sentences:
        note(sentence)


def watched() -> bool:
    """Whether a person is looking at stderr."""
    return sys.stderr.isatty()


def console(*, stderr: bool = False) -> Console:
    """Where tables and bars are drawn; lines are not cut when nobody's terminal is known."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 160, highlight=False, soft_wrap=False)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table on stdout. Cells are taken as they are: nothing in them is markup."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title, title_justify="left")
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console().print(drawn)


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one a line; what is None is left out."""
    shown = [(name, value) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{name:<{width}}  {value}")
