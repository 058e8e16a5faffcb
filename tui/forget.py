"""The commands that forget, and that allow again: forget, unforget.

Promise: what is printed names memories by their ids, and never says what was forgotten once it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import HomeOption, JsonOption, Setup, SpecOption
from .output import Output, fields, notes, table

if TYPE_CHECKING:
    from ..runtime.forgetting import Chosen
    from ..runtime.receipts import Receipt


def forget(
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(help="Memories, by their ids or the start of them.")
    ] = None,
    matching: Annotated[
        str | None,
        typer.Option("--matching", metavar="TEXT", help="Every memory and turn that holds these words."),
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Make the weights anew at once, not in the next night.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be forgotten.")] = False,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Forget memories: in the journal, the index, the files and the weights.

    The text is gone at once and for good. Writes a receipt with what was asked afterwards, and exits 1 when
    an answer or a file still held it.
    """
    from ..runtime.forgetting import choose
    from .progress import night_bars

    setup = Setup.of(context, home, spec)
    with Output(json) as out:
        if dry_run:
            with setup.workspace(read_only=True) as space:
                chosen = choose(space, ids or [], matching)
                out.result(
                    {"memories": chosen.memories, "turns": chosen.turns}, lambda: _print_chosen(chosen)
                )
            return
        with setup.agent() as agent:
            with night_bars() as progress:
                receipt = agent.forget(*(ids or []), matching=matching, now=now, progress=progress)
            notes(agent.warnings)
            out.result(receipt, lambda: _print_receipt(receipt))
    if receipt.state == "still there":
        raise typer.Exit(1)


def unforget(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="What `forget` named: a memory's id, or the start of it.")],
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Allow what was forgotten to be told and learnt again. It does not bring it back."""
    with Output(json) as out, Setup.of(context, home, spec).agent() as agent:
        stone = agent.unforget(id)
        out.result(
            {"id": stone.id, "forgotten_at": stone.forgotten_at, "lifted_at": stone.lifted_at},
            lambda: print(f"{stone.id} may be told and learnt again."),
        )


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    for command in (forget, unforget):
        app.command()(command)


def _print_chosen(chosen: Chosen) -> None:
    rows = [(memory.id, memory.statement, memory.state) for memory in chosen.memories]
    if rows:
        table(["id", "memory", "state"], rows)
    print(f"Turns that would be rewritten: {', '.join(map(str, chosen.turns)) or 'none'}.")


def _print_receipt(receipt: Receipt) -> None:
    later = "; `dormouse sleep` makes the weights anew" if receipt.state == "weights pending" else ""
    fields(
        [
            ("forgotten", ", ".join(row["memory"] for row in receipt.forgotten)),
            ("state", receipt.state + later),
            ("removed", ", ".join(f"{count} {name}" for name, count in receipt.removed.items() if count)),
            (
                "adapters",
                ", ".join(receipt.adapters_removed) + " deleted" if receipt.adapters_removed else None,
            ),
            ("served", receipt.adapter_after),
            ("searched", f"{receipt.files_searched} files; {len(receipt.files_holding)} still hold it"),
            (
                "mentioned",
                "a word of it stands in other talk: " + ", ".join(receipt.files_mentioning)
                if receipt.files_mentioning
                else None,
            ),
            *(("backup", f"{path}: {became}") for path, became in receipt.backups.items()),
            ("receipt", receipt.id),
        ]
    )
    asked = [probe for probe in receipt.probes if probe.answer is not None]
    if asked:
        rows = [(p.question, p.tiers, p.answer, _judged(p.holds, p.by_chance)) for p in asked]
        table(["asked", "tiers", "answer", ""], rows)


def _judged(holds: bool, by_chance: bool) -> str:
    return "gone" if not holds else "said by chance" if by_chance else "STILL THERE"
