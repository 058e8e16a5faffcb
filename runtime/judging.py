"""Judges the lines of a `verify` file, several at a time, in their order.

Promise: each line gets one verdict, in its place: one that cannot be used, or on which a verifier breaks, is
unsure, and no other. Knows the verifiers' interface; none
of the verifiers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..verifiers.abc import Means, Verdict, Verifier
from ..verifiers.cores import usable_cores
from ..verifiers.declared import built, options
from ..verifiers.errors import NoModel, NoSandbox, UnusableCheck, VerifierError
from ..verifiers.lines import Line, line_of
from .errors import BadLine
from .inputs import numbered_lines, row_of

LONGEST_LINE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that cannot be used: its id, where it has one, its number from 1, and `fault`, a sentence."""

    id: Any
    number: int
    fault: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A line and its verdict."""

    line: Line | BadRow
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.line.id,
            "verdict": self.verdict.outcome,
            "evidence": self.verdict.evidence,
            "seconds": round(self.verdict.seconds, 4),
        }


def read_lines(path: Path) -> list[Line | BadRow]:
    """The lines of a `verify` file. Raises UnreadableInput, EmptyInput, and BadLine where it is not text."""
    texts = numbered_lines("verify file", path, LONGEST_LINE_BYTES)
    return [_line(path, number, text) for number, text in texts]


def _line(path: Path, number: int, text: str) -> Line | BadRow:
    row: Mapping[str, Any] = {}
    try:
        row = row_of(path, number, text)
        return line_of(row)
    except BadLine as error:
        reason = error.reason
    except ValueError as error:
        reason = str(error)
    known = row.get("id")
    return BadRow(
        None if isinstance(known, dict | list) else known,
        number,
        f"Line {number} of {path} cannot be used: {reason}.",
    )


def judge_lines(
    lines: Sequence[Line | BadRow], means: Means, cores: int | None = None, declared: Sequence[Any] = ()
) -> Iterator[Judged]:
    """The verdicts in the order of `lines`, each as soon as those before it are there.

    A verifier has the settings it was `declared` with. Raises NoModel, NoSandbox and UnusableCheck when a
    verifier cannot be had at all.
    """
    settings = dict(options(declared))
    named = dict.fromkeys(line.verifier for line in lines if isinstance(line, Line))
    verifiers = {name: _built(name, settings.get(name, {}), means) for name in named}
    pool = ThreadPoolExecutor(cores or usable_cores(), thread_name_prefix="judge")
    try:
        yield from pool.map(lambda line: Judged(line, _judged(verifiers, line)), lines)
    finally:
        pool.shutdown(cancel_futures=True)
        for verifier in verifiers.values():
            verifier.close()


def _built(name: str, settings: dict[str, Any], means: Means) -> Verifier:
    try:
        return built({name: settings}, means)
    except ValidationError as error:
        missing = ".".join(map(str, error.errors()[0]["loc"]))
        raise UnusableCheck(f"{name} needs {missing}, under `verifiers:` in the spec") from None


def _judged(verifiers: Mapping[str, Verifier], line: Line | BadRow) -> Verdict:
    if isinstance(line, BadRow):
        return Verdict("unsure", line.fault)
    started = time.perf_counter()
    try:
        return verifiers[line.verifier].judge(line.claim)
    except (NoSandbox, NoModel):
        raise  # no line could be judged
    except VerifierError as error:
        evidence = str(error)
    except Exception as error:  # noqa: BLE001  another package's verifier may raise anything
        evidence = f"The verifier {line.verifier} broke: {type(error).__name__}: {error}"
    return Verdict("unsure", " ".join(evidence.split()), time.perf_counter() - started)
