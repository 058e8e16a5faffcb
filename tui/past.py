"""The commands that ask how it came to this: night, why.

Promise: they work while another process owns the home, and write nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import HomeOption, JsonOption, Setup, SpecOption
from .output import Output, fields, table

if TYPE_CHECKING:
    from ..runtime.nights import NightView
    from ..runtime.why import Explanation


def night(
    context: typer.Context,
    id: Annotated[str | None, typer.Argument(help="The night's id, such as n0003; else the latest.")] = None,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Show one night: every candidate memory, and what the filter ruled on it and why."""
    from ..runtime.nights import night_view

    with Output(json) as out, Setup.of(context, home, spec).workspace(read_only=True) as space:
        shown = night_view(space.journal, id)
        out.result(shown, lambda: _print_night(shown))


def why(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="A question, or an answer that was given.")],
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Say where an answer comes from: which memories, turns, night and adapter."""
    from ..runtime.why import explain

    with Output(json) as out, Setup.of(context, home, spec).workspace(read_only=True) as space:
        found = explain(space, text)
        out.result(found, lambda: _print_explanation(found))


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    for command in (night, why):
        app.command()(command)


def _print_night(shown: NightView) -> None:
    exam = [f"{kind} {count['passed']}/{count['n']}" for kind, count in (shown.exam or {}).items()]
    fields(
        [
            ("night", shown.id),
            ("status", shown.state),
            ("began", f"{shown.started_at:%Y-%m-%d %H:%M:%S} UTC"),
            ("turns read", shown.turns),
            ("candidates", ", ".join(f"{n} {ruling}" for ruling, n in shown.rulings.items()) or "none"),
            ("adapter", shown.adapter),
            ("exam", ", ".join(exam) or None),
            *(("because", reason) for reason in shown.reasons),
        ]
    )
    if shown.verdicts:
        rows = [(v.ruling, v.text, v.reason, v.turn_id, v.memory) for v in shown.verdicts]
        table(["verdict", "candidate", "because", "turn", "memory"], rows)


def _print_explanation(found: Explanation) -> None:
    if not found.memories:
        print("Nothing that was told explains this: it would come from the base model itself.")
    for memory in found.memories:
        fields(
            [
                ("memory", f"{memory.id}  {memory.statement}"),
                ("state", memory.state + (f" ({memory.reason})" if memory.reason else "")),
                ("because", memory.because),
                *((f"turn {t.id}", f"{t.at:%Y-%m-%d %H:%M} in {t.session}: {t.words}") for t in memory.turns),
                ("night", f"{memory.night} ({memory.verdict})" if memory.verdict else memory.night),
                ("learnt by", ", ".join(memory.adapters) or "no adapter yet"),
                ("served", _served_line(found.served, memory.in_served)),
            ]
        )
        print()
    for said in found.answers:
        print(f"Said in turn {said.id} ({said.at:%Y-%m-%d %H:%M}) by {said.adapter or 'the bare base'}.")


def _served_line(served: str | None, knows: bool) -> str:
    if served is None:
        return "the bare base, which does not hold it"
    return f"adapter {served}, which {'holds' if knows else 'does not hold'} it"
