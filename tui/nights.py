"""The commands about nights: sleep, exam, demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import HomeOption, JsonOption, Setup, SpecOption, TiersOption
from .output import Output, fields, notes, table

if TYPE_CHECKING:
    from ..sleep.exam import ExamReport
    from ..sleep.records import NightReport

_KEYS = ("status", "adapter", "memories", "rejected", "exam", "seconds", "train_tokens_per_s")


def sleep(
    context: typer.Context,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Learn what was said since the last night.

    Exits 1 when the new adapter failed its exam; the old one then goes on serving.
    """
    from .progress import night_bars

    with Output(json) as out, Setup.of(context, home, spec).agent() as agent:
        with night_bars() as progress:
            report = agent.sleep(progress)
        notes(agent.warnings)
        out.result({key: getattr(report, key) for key in _KEYS}, lambda: _print_night(report))
    if report.status not in ("published", "nothing-new"):
        raise typer.Exit(1)


def exam(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(help='JSON lines: {"id", "question", "kind", "expect": [...], "forbid": [...]}.'),
    ],
    tiers: TiersOption = "weights",
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Ask every question of FILE, and judge the answers.

    Each is asked in a session of its own; nothing is journaled.
    """
    from .progress import counting_bar

    with Output(json) as out, Setup.of(context, home, spec).agent() as agent:
        with counting_bar("asking") as progress:
            report = agent.exam(file, tiers, progress)
        notes(agent.warnings)
        out.result(report.as_json(), lambda: _print_exam(report))


def demo(
    context: typer.Context,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Tell a model a day of talk, and ask before and after.

    Exits 1 when the night did not help.
    """
    from ..runtime.demo import run_demo
    from .demo_table import print_demo
    from .progress import night_bars

    with Output(json) as out:
        setup = Setup.of(context, home, spec)
        with night_bars() as progress:
            result = run_demo(setup.home, progress, setup.spec())
        out.result(result, lambda: print_demo(result))
    if not result.helped:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    for command in (sleep, exam, demo):
        app.command()(command)


def _print_night(report: NightReport) -> None:
    seconds = sum(report.seconds.values())
    fields(
        [
            ("status", report.status),
            ("adapter", report.adapter),
            ("memories", len(report.memories)),
            ("rejected", len(report.rejected)),
            ("seconds", f"{seconds:.0f}"),
            ("training", f"{report.train_tokens_per_s:.0f} tokens/s" if report.train_tokens_per_s else None),
        ]
    )
    if report.memories:
        table(["memory", "from turns"], [(m.get("statement"), m.get("turn_ids")) for m in report.memories])
    if report.rejected:
        table(["not kept", "because"], [(r["text"], r["reason"]) for r in report.rejected])


def _print_exam(report: ExamReport) -> None:
    table(
        ["kind", "passed", "of"],
        [(kind, count["passed"], count["n"]) for kind, count in report.kinds.items()],
    )
    table(
        ["id", "question", "passed", "answer"],
        [(item.id, item.question, "yes" if item.passed else "no", item.answer) for item in report.items],
    )
