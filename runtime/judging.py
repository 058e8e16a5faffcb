"""Judges the lines of a `verify` file, several at a time, in their order.

Promise: the file is read and checked as a whole before anything in it is judged; each line gets one
verdict, and a verifier that breaks on one is unsure of that one alone. Knows the verifiers' interface; none
of the verifiers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
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
from .inputs import read_records

LONGEST_LINE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Judged:
    """A line and its verdict."""

    line: Line
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.line.id,
            "verdict": self.verdict.outcome,
            "evidence": self.verdict.evidence,
            "seconds": round(self.verdict.seconds, 4),
        }


def read_lines(path: Path) -> list[Line]:
    """The lines of a `verify` file. Raises UnreadableInput, BadLine, EmptyInput."""
    return [line for _, line in read_records("verify file", path, LONGEST_LINE_BYTES, line_of)]


def judge_lines(
    lines: Sequence[Line], means: Means, cores: int | None = None, declared: Sequence[Any] = ()
) -> Iterator[Judged]:
    """The verdicts in the order of `lines`, each as soon as those before it are there.

    A verifier has the settings it was `declared` with. Raises NoModel, NoSandbox and UnusableCheck when a
    verifier cannot be had at all.
    """
    settings = dict(options(declared))
    named = dict.fromkeys(line.verifier for line in lines)
    verifiers = {name: _built(name, settings.get(name, {}), means) for name in named}
    pool = ThreadPoolExecutor(cores or usable_cores(), thread_name_prefix="judge")
    try:
        yield from pool.map(lambda line: Judged(line, _judged(verifiers[line.verifier], line)), lines)
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


def _judged(verifier: Verifier, line: Line) -> Verdict:
    started = time.perf_counter()
    try:
        return verifier.judge(line.claim)
    except (NoSandbox, NoModel):
        raise  # no line could be judged
    except VerifierError as error:
        evidence = str(error)
    except Exception as error:  # noqa: BLE001  another package's verifier may raise anything
        evidence = f"The verifier {line.verifier} broke: {type(error).__name__}: {error}"
    return Verdict("unsure", " ".join(evidence.split()), time.perf_counter() - started)
