"""The benchmark of naps as a command: `bench nap`. What it prints, and how, is as in `bench`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .bench import OutOption, _make, _seeds, _shown
from .options import JsonOption, Setup, SpecOption
from .output import Output, note


def nap(
    context: typer.Context,
    personas: Annotated[
        int, typer.Option("--personas", metavar="N", min=1, help="How many people to talk with.")
    ] = 1,
    passes: Annotated[
        str, typer.Option("--passes", metavar="A,B,C", help="Passes of each nap; 0 never naps.")
    ] = "0,1,2,4,8",
    seeds: Annotated[str, typer.Option("--seeds", metavar="A,B,C", help="A talk for each of these.")] = "0",
    split: Annotated[
        Literal["test", "dev"],
        typer.Option("--split", help="Whom: those that judge, or those for choosing settings."),
    ] = "test",
    context_tokens: Annotated[
        int, typer.Option("--context", metavar="TOKENS", min=512, help="Tokens the context holds.")
    ] = 1024,
    times: Annotated[
        float, typer.Option("--times", metavar="X", min=2, help="The talk's length, in contexts.")
    ] = 5.0,
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Hold a talk of several contexts, and ask for what has left the context.

    Retrieval is off, and the answers come from the weights alone; once for each number of passes. Turns are
    also taken in the midst of naps, and timed.
    """
    from ..runtime.bench.nap import bench_nap
    from ..runtime.bench.personas import personas as chosen
    from ..runtime.bench.plot import write_plot

    with Output(json) as output:
        setup, each = Setup.of(context, None, spec), _seeds(passes)
        _make(out)
        people = sorted(chosen(split), key=lambda person: person.style != "plain")[:personas]
        report, plot = bench_nap(setup.spec(), people, each, _seeds(seeds), context_tokens, times, note)
        if out is not None:
            note(f"The plot is in {write_plot(plot, out / 'nap.svg')}.")
        _shown(output, report, out)


def register(group: typer.Typer) -> None:
    """Add the command to the benchmarks."""
    group.command()(nap)
