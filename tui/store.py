"""The commands about tier 1's index: `store status`, `reindex`, `compact`, `backup`,
`restore`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import HomeOption, JsonOption, Setup, SpecOption
from .output import Output, fields, note, watched

if TYPE_CHECKING:
    from ..memory.episodes.records import StoreState

group = typer.Typer(
    help="Look after what finds earlier turns again.",
    add_completion=False,
    rich_markup_mode=None,
)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


@group.command()
def status(
    context: typer.Context,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Say what the store holds."""
    with Output(json) as out, Setup.of(context, home, spec).agent() as agent:
        _show(out, agent.store_state())


@group.command()
def reindex(
    context: typer.Context,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Make every word and vector of the index anew from the journal."""
    with Output(json) as out, Setup.of(context, home, spec).agent() as agent:
        _show(out, agent.reindex_store(_progress if watched() else None))


@group.command()
def compact(
    context: typer.Context,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Merge what grew in pieces, and give room back."""
    with Output(json) as out, Setup.of(context, home, spec).agent() as agent:
        before, after = agent.compact_store()
        document = {"bytes_before": before, "bytes": after}
        out.result(document, lambda: print(f"{before:,} bytes before, {after:,} now."))


@group.command()
def backup(
    context: typer.Context,
    file: FileArgument,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Write the journal and the index to one file; works beside a running assistant."""
    with (
        Output(json) as out,
        Setup.of(context, home, spec).workspace(read_only=True) as space,
    ):
        kept = space.back_up(file)
        out.result(
            kept,
            lambda: print(f"{kept.turns} turns in {kept.bytes:,} bytes: {kept.path}"),
        )


@group.command()
def restore(
    context: typer.Context,
    file: FileArgument,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Give up the turns that are in the home now."),
    ] = False,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Put a backup's journal and index into the home."""
    from ..runtime.workspace import restore_home

    with Output(json) as out:
        setup = Setup.of(context, home, spec)
        kept = restore_home(setup.spec(), setup.home, file, replace=replace, command=setup.command)
        out.result(kept, lambda: print(f"{kept.turns} turns restored from {kept.path}."))


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.add_typer(group, name="store")


def _progress(done: int, total: int) -> None:
    if done == total or done % 256 < 16:
        note(f"{done} of {total} turns have their vectors.")


def _show(out: Output, state: StoreState) -> None:
    out.result(
        state,
        lambda: fields(
            [
                ("user, agent", f"{state.scope.user}, {state.scope.agent}"),
                ("turns", state.episodes),
                ("without vector", state.pending),
                ("in an index", f"{state.in_index} (the others are scanned)"),
                ("embedder", state.embedder),
                ("bytes", f"{state.bytes:,}"),
                *(("note", sentence) for sentence in state.warnings),
            ]
        ),
    )
