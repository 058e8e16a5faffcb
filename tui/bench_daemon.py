"""The benchmarks of the daemon as commands: `bench kills`, `bench crowd` and `bench idle`.

What they print, and how, is as in `bench`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from .bench import OutOption, _make, _shown
from .options import JsonOption, Setup, SpecOption
from .output import Output, note


def kills(
    context: typer.Context,
    kills: Annotated[int, typer.Option("--kills", metavar="N", min=1, help="How often it is killed.")] = 50,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the instants.")] = 0,
    longest: Annotated[
        float, typer.Option("--longest", metavar="SECONDS", min=0.1, help="How long it lives, at most.")
    ] = 15.0,
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Kill a daemon with SIGKILL at random instants, under two chats and nights.

    Whether it comes back, what was lost of what was said, and whether the chats are told.
    """
    from ..runtime.bench.kills import KillPlan, bench_kills

    with Output(json) as output:
        _make(out)
        plan = KillPlan(kills, seed, longest_s=longest)
        _shown(output, bench_kills(Setup.of(context, None, spec).spec(), plan, note), out)


def crowd(
    context: typer.Context,
    minutes: Annotated[
        float, typer.Option("--minutes", metavar="M", min=0.05, help="For how long they ask.")
    ] = 10.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the questions' order.")] = 0,
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Eight clients of one home at once: two chats, the library, the command line, four users of a server.

    Whether each is answered what it asked, as soon as the others, and to the end.
    """
    from ..runtime.bench.crowd_doors import bench_crowd

    with Output(json) as output:
        _make(out)
        _shown(output, bench_crowd(Setup.of(context, None, spec).spec(), minutes, seed, note), out)


def idle(
    context: typer.Context,
    minutes: Annotated[
        float, typer.Option("--minutes", metavar="M", min=0.05, help="For how long it is left alone.")
    ] = 5.0,
    looks: Annotated[
        int, typer.Option("--looks", metavar="N", min=1, help="How many looks at the machine it takes.")
    ] = 10_000,
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """What a daemon costs while nobody needs it: processor, memory, and what many looks leave behind."""
    from ..runtime.bench.idle_cost import bench_idle

    with Output(json) as output:
        _make(out)
        _shown(output, bench_idle(Setup.of(context, None, spec).spec(), minutes, looks, note), out)


def register(group: typer.Typer) -> None:
    """Add the commands to the benchmarks."""
    for command in (kills, crowd, idle):
        group.command()(command)
