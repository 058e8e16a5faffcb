"""The commands that talk to an agent: chat, tell, ask."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from .options import HomeOption, JsonOption, Setup, SpecOption, TiersOption
from .output import Output, notes


def chat(
    context: typer.Context,
    plain: Annotated[
        bool, typer.Option("--plain", help="A plain streaming prompt, for pipes and simple terminals.")
    ] = False,
    home: HomeOption = None,
    spec: SpecOption = None,
) -> None:
    """Chat. Every turn is journaled; /help in there lists what else can be done."""
    setup = Setup.of(context, home, spec)
    if not plain:
        from .full_chat import full_chat

        full_chat(setup)
        return
    from .plain_chat import PlainChat

    with setup.agent() as agent:
        code = PlainChat(agent).run()
    raise typer.Exit(code)


def tell(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help='JSON lines: {"session": "s1", "content": "..."}.')],
    allow_forgotten: Annotated[
        bool, typer.Option("--allow-forgotten", help="Let what was forgotten be told and learnt again.")
    ] = False,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Say every line of FILE, each in its session.

    Each is answered, and both are journaled. Nothing is said unless the whole file is sound.
    """
    from .progress import counting_bar

    with Output(json) as out, Setup.of(context, home, spec).agent() as agent:
        with counting_bar("telling") as progress:
            report = agent.tell(file, progress, allow_forgotten=allow_forgotten)
        notes(agent.warnings)
        if report.withheld:
            held = f"{report.withheld} of {report.turns} turns held something forgotten, which was left out"
            notes([f"{held}; --allow-forgotten lets it be told again."])
        sessions = "1 session" if len(report.sessions) == 1 else f"{len(report.sessions)} sessions"
        turns = "1 turn" if report.turns == 1 else f"{report.turns} turns"
        out.result(report, lambda: print(f"Told {turns} in {sessions}; sleep will learn from them."))


def ask(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="The question.")],
    tiers: TiersOption = "both",
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Answer TEXT, without journaling it."""
    with (
        not_collecting() as collect,
        Output(json) as out,
        Setup.of(context, home, spec).agent(answers=True) as agent,
    ):
        said: list[str] = []

        def say(piece: str) -> None:
            if piece:
                collect()
                said.append(piece)
                print(piece, end="", flush=True)

        answer = agent.ask(text, tiers, None if json else say)
        if said:
            print()
        notes(agent.warnings)
        out.result(answer, lambda: None if said else print(answer.answer))


@contextmanager
def not_collecting() -> Iterator[Callable[[], None]]:
    """Nothing looks for garbage, which takes a seventh of a start, until the block ends or what it is given
    is called.
    """
    collected = gc.isenabled()
    gc.disable()

    def collect() -> None:
        if collected:
            gc.enable()

    try:
        yield collect
    finally:
        collect()


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    for command in (chat, tell, ask):
        app.command()(command)
