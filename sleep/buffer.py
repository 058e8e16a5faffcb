"""The replay buffer: answers that earlier nights learnt, with the distributions their adapter gave.

Promise: at most so many rows, a uniform sample of all that was offered (Vitter's algorithm R), the same for
the same rows and seed. It is a file of JSON lines in the home, its words in plain text, so that forgetting
finds them; a row that forgetting removed is gone. Knows nothing of models or training.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..memory.durable import write_atomic
from .errors import BufferTooNew

BUFFER_FORMAT = 1

Top = tuple[tuple[tuple[int, float], ...], ...]
"""For each answer token, (token id, natural-log probability) of the likeliest, best first."""
RowKind = Literal["told", "unknown", "trace"]


@dataclass(frozen=True, slots=True)
class Row:
    """A question and the answer learnt for it, about `attribute` of `subject`; `memory` is the id it serves.

    `adapter` is the version whose distributions `top` are, over the answer's tokens `ids`; all three are
    empty until a night has stored them. A `trace` is an answer given by day that a verifier passed, of the
    journal's `turn`.
    """

    question: str
    answer: str
    kind: RowKind
    subject: str = ""
    attribute: str = ""
    memory: str = ""
    turn: int | None = None
    adapter: str = ""
    ids: tuple[int, ...] = ()
    top: Top = ()


@dataclass(frozen=True, slots=True)
class Buffer:
    """The rows, and of how many that were offered they are the sample."""

    rows: tuple[Row, ...] = ()
    seen: int = 0


def offered(buffer: Buffer, stream: Iterable[Row], size: int, rng: random.Random) -> Buffer:
    """The buffer after `stream` was offered to it, of at most `size` rows.

    Algorithm R (Vitter 1985, ACM TOMS 11(1), p. 39): the i-th row of all is kept with probability size / i,
    in the place of a row drawn uniformly. Where forgetting left room, what comes next fills it.
    """
    rows, seen = list(buffer.rows), buffer.seen
    if len(rows) > size:  # the setting was made smaller
        rows = [rows[place] for place in sorted(rng.sample(range(len(rows)), size))]
    for row in stream:
        seen += 1
        if len(rows) < size:
            rows.append(row)
        elif (place := rng.randrange(seen)) < size:
            rows[place] = row
    return Buffer(tuple(rows), seen)


def only(buffer: Buffer, keep: Callable[[Row], bool]) -> Buffer:
    """The buffer without what may not be replayed any more; `seen` falls by the same share."""
    rows = tuple(row for row in buffer.rows if keep(row))
    return Buffer(rows, _rescaled(buffer.seen, len(rows), len(buffer.rows)))


def trusting(buffer: Buffer, adapters: frozenset[str]) -> Buffer:
    """The buffer with the distributions of these versions alone: others may have known what was forgotten."""
    rows = tuple(
        row if row.adapter in adapters else replace(row, adapter="", ids=(), top=()) for row in buffer.rows
    )
    return replace(buffer, rows=rows)


def draw(rows: Sequence[Row], count: int, rng: random.Random) -> list[Row]:
    """`count` rows at most, uniformly, each once at most."""
    return rng.sample(list(rows), min(count, len(rows)))


def read_buffer(path: Path, base_sha256: str) -> Buffer:
    """The buffer kept in a file; empty where there is none, or one for another base.

    Lines that cannot be read are left out. Raises BufferTooNew.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogatepass").splitlines()
    except FileNotFoundError:
        return Buffer()
    rows = [row for row in map(_parsed, lines) if row is not None]
    head = next((row for row in rows if "format" in row), {})
    if int(head.get("format", BUFFER_FORMAT)) > BUFFER_FORMAT:
        raise BufferTooNew(path, int(head["format"]), BUFFER_FORMAT)
    if head.get("base") != base_sha256:
        return Buffer()
    kept = tuple(_row(row) for row in rows if "question" in row)
    return Buffer(kept, _rescaled(int(head["seen"]), len(kept), int(head["rows"])))


def write_buffer(buffer: Buffer, base_sha256: str, path: Path) -> None:
    """Replaces the file."""
    head = {"format": BUFFER_FORMAT, "base": base_sha256, "seen": buffer.seen, "rows": len(buffer.rows)}
    lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *map(asdict, buffer.rows))]
    write_atomic(path, "".join(lines).encode("utf-8", "surrogatepass"))


def _rescaled(seen: int, now: int, before: int) -> int:
    """Of how many the rows left are a sample, when of `before` rows only `now` are left."""
    return seen if now == before else max(now, round(seen * now / max(1, before)))


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _row(row: dict[str, Any]) -> Row:
    top = tuple(tuple((int(i), float(p)) for i, p in place) for place in row["top"])
    return Row(**{**row, "ids": tuple(row["ids"]), "top": top})
