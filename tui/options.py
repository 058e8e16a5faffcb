"""The options every command shares, and what they mean: which home, which spec.

Promise: `--home` and `--spec` mean the same before and after the command; after wins. Nothing heavy is
imported until a command asks for it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .progress import meter_bar

if TYPE_CHECKING:
    from ..runtime.agent import Agent
    from ..runtime.spec import Spec
    from ..runtime.workspace import Workspace

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help="The home folder; else DORMOUSE_HOME, else the platform's data folder.",
        show_default=False,
    ),
]
SpecOption = Annotated[
    Path | None,
    typer.Option(
        "--spec",
        metavar="FILE",
        help="The spec; else dormouse.yaml in the current folder, else the defaults.",
        show_default=False,
    ),
]
UnusedHomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", metavar="DIR", help="Taken as everywhere; no home is used here.", show_default=False
    ),
]
UnusedSpecOption = Annotated[
    Path | None,
    typer.Option(
        "--spec", metavar="FILE", help="Taken as everywhere; no spec is read here.", show_default=False
    ),
]
TiersOption = Annotated[
    Literal["weights", "store", "both"],
    typer.Option(
        "--tiers",
        help="What answers: the weights (no retrieval), the store (no adapter), or both.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def keep_files_private() -> None:
    """What this process writes from now on is its user's alone: it is about to own a home."""
    os.umask(0o077)


@dataclass(frozen=True)
class Setup:
    """Which home and spec a command works on; opened only when asked for."""

    home: Path | None
    spec_file: Path | None
    command: str

    @classmethod
    def of(cls, context: typer.Context, home: Path | None, spec: Path | None) -> Setup:
        """What was given after the command, else before it."""
        before = context.find_root().obj
        first = before if isinstance(before, Setup) else cls(None, None, "")
        return cls(home or first.home, spec or first.spec_file, context.command_path)

    def spec(self) -> Spec:
        """The spec to use. Raises UnreadableInput, SpecError."""
        from ..runtime.spec import find_spec

        return find_spec(self.spec_file)

    @contextmanager
    def agent(self, *, answers: bool = False) -> Iterator[Agent]:
        """The agent, owning its home. For one that `answers` at once the model is loaded meanwhile."""
        spec = self.spec()
        with uninterrupted():
            if answers:
                from ..runtime.ahead import open_engine_ahead

                open_engine_ahead(spec, self.home)
            from ..runtime.agent import Agent

            if answers:
                from ..memory import base_weights, llama_context  # noqa: F401
                from ..memory.llama_library import llama
                from ..runtime import fusing  # noqa: F401  what the thread imports is there when this is

                llama()

        keep_files_private()
        with (
            meter_bar() as meter,
            Agent(spec, home=self.home, command=self.command, meter=meter) as agent,
        ):
            yield agent

    def workspace(self, *, read_only: bool) -> Workspace:
        """The home without an agent over it; read-only works beside its owner."""
        from ..runtime.workspace import Workspace

        return Workspace(self.spec(), self.home, command=self.command, read_only=read_only)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the block has ended, in its threads for good.

    Python leaves its import lock held where a KeyboardInterrupt comes at the wrong instant of an import, and
    a thread that imports at the same time then waits for ever.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
