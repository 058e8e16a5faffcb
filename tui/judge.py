"""The command about claims: verify.

Promise: with `--json`, one line of JSON for each line of the file, in its order, each as soon as it is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption, Setup, SpecOption
from .output import Output, fields, note, table

if TYPE_CHECKING:
    from ..runtime.judging import BadRow, Judged
    from ..verifiers.abc import Verdict


_MOST_NAMED = 20  # of the lines that cannot be used


def verify(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(help='JSON lines: {"id", "verifier": "tests", "code": "...", "tests": "..."}.'),
    ],
    cores: Annotated[
        int | None,
        typer.Option(
            "--cores", metavar="N", min=1, help="How many to judge at the same time.", show_default=False
        ),
    ] = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Judge every line of FILE by the verifier it names.

    Code runs in a sandbox. With --json, each line gets one line: {"id", "verdict", "evidence", "seconds"}.
    A line that cannot be used is unsure, and says why. The exit code is 0 when every line could be used,
    whatever its verdict, else 2.
    """
    from ..runtime.asking import ModelOnCall, means_of
    from ..runtime.judging import BadRow, judge_lines, read_lines

    settings = Setup.of(context, None, spec).spec()
    lines = read_lines(file)
    bad = [line for line in lines if isinstance(line, BadRow)]
    if bad:
        note(_faults(bad))
    if settings.sandbox.kind == "none":
        note("The sandbox is off: code runs as you, with your files, network and rights in its reach.")
    with Output(json) as out, ModelOnCall(settings.model) as model:
        means = means_of(settings, model)
        verdicts = judge_lines(lines, means, cores or settings.verify.cores, settings.verifiers)
        if json:
            for judged in verdicts:
                out.line(judged.as_json())
        else:
            _print(verdicts)
    if bad:
        raise typer.Exit(2)


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command()(verify)


def _faults(bad: Sequence[BadRow]) -> str:
    """One sentence: the first fault, and the numbers of other lines that have one."""
    numbers = ", ".join(str(row.number) for row in bad[1:_MOST_NAMED])
    more = " and more" if len(bad) > _MOST_NAMED else ""
    others = f"; nor can {'lines' if len(bad) > 2 else 'line'} {numbers}{more}." if numbers else "."
    return bad[0].fault.removesuffix(".") + others


def _cost(verdict: Verdict) -> str:
    """What it took beside its time, where that is known."""
    cpu = f"{verdict.cpu_s:.3f} s of processor" if verdict.cpu_s else ""
    tokens = f"{verdict.tokens} tokens" if verdict.tokens else ""
    return ", ".join(filter(None, (cpu, tokens)))


def _print(verdicts: Iterator[Judged]) -> None:
    found = list(verdicts)
    rows = [
        (j.line.id, j.verdict.outcome, f"{j.verdict.seconds:.3f}", _cost(j.verdict), j.verdict.evidence)
        for j in found
    ]
    table(["id", "verdict", "seconds", "cost", "evidence"], rows)
    counts = Counter(judged.verdict.outcome for judged in found)
    fields((name, counts[name]) for name in ("passed", "failed", "unsure"))
