"""The commands about the daemon: in the foreground, as a service, and its log."""

from __future__ import annotations

import json as json_text
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import HomeOption, JsonOption, Setup, SpecOption, keep_files_private
from .output import Output, note

if TYPE_CHECKING:
    from ..runtime.daemon.service import Service

_FOLLOW_S = 0.5

group = typer.Typer(
    help="Own the home, answer at its door, and sleep while nobody needs the machine.",
    add_completion=False,
    rich_markup_mode=None,
    invoke_without_command=True,
)


@group.callback()
def daemon(context: typer.Context, home: HomeOption = None, spec: SpecOption = None) -> None:
    """Run the daemon here, until it is interrupted; without a command below.

    Chats, commands and programs that use its home are served by it.
    """
    context.obj = Setup.of(context, home, spec)
    if context.invoked_subcommand is not None:
        return
    from ..runtime.daemon.daemon import Daemon

    keep_files_private()
    setup: Setup = context.obj
    running = Daemon(setup.spec(), setup.home)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: running.stop())
    running.run()


@group.command()
def install(
    context: typer.Context, home: HomeOption = None, spec: SpecOption = None, json: JsonOption = False
) -> None:
    """Start it now and at each login, as a service of yours."""
    with Output(json) as out:
        path = _service(context, home, spec).install()
        out.result({"unit": path}, lambda: print(f"Installed and started; the unit is {path}."))


@group.command()
def uninstall(context: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Stop it, and start it no more."""
    with Output(json) as out:
        path = _service(context, home, None).uninstall()
        out.result({"unit": path}, lambda: print(f"Stopped; {path} is removed. The home is as it was."))


@group.command()
def start(
    context: typer.Context, home: HomeOption = None, spec: SpecOption = None, json: JsonOption = False
) -> None:
    """Start it in the background."""
    with Output(json) as out:
        pid = _service(context, home, spec).start()
        out.result({"pid": pid}, lambda: print(f"The daemon runs as process {pid}."))


@group.command()
def stop(context: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """Stop it; a night it is in is gone on with later."""
    with Output(json) as out:
        pid = _service(context, home, None).stop()
        out.result({"pid": pid}, lambda: print(f"The daemon (process {pid}) has ended."))


@group.command()
def logs(
    context: typer.Context,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more is written.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Print its log; with --json as it is written, one object a line."""
    from ..runtime.daemon.log import log_path
    from ..runtime.daemon.tail import tail

    path = log_path(_service(context, home, None).home)
    if not path.exists():
        note(f"There is no log yet; it would be {path}.")
        raise typer.Exit(1)
    for line in tail(path, lines, _pause if follow else None):
        _print_line(line, json)


def _pause() -> None:
    sys.stdout.flush()
    time.sleep(_FOLLOW_S)


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.add_typer(group, name="daemon")


def _service(context: typer.Context, home: Path | None, spec: Path | None) -> Service:
    """The service of the home and spec that were given, by whole paths. Raises what a spec may raise."""
    from ..memory.home import default_home
    from ..runtime.daemon.service import Service
    from ..runtime.spec import DEFAULT_FILE

    setup = Setup.of(context, home, spec)
    outer = context.parent.obj if context.parent is not None else None
    before: Setup = outer if isinstance(outer, Setup) else setup
    folder = setup.home or before.home or default_home()
    file = setup.spec_file or before.spec_file
    if file is None and Path(DEFAULT_FILE).exists():
        file = Path(DEFAULT_FILE)
    if file is not None:
        Setup(folder, file, "").spec()
    return Service(folder.expanduser().absolute(), file.expanduser().absolute() if file else None)


def _print_line(line: str, as_json: bool) -> None:
    if as_json:
        print(line)
        return
    try:
        record: dict[str, Any] = json_text.loads(line)
        at, level, event = (str(record.pop(key)) for key in ("at", "level", "event"))
    except (ValueError, KeyError, AttributeError):
        print(line)
        return
    details = "  ".join(f"{name}={value}" for name, value in record.items())
    print(f"{at[:19]}  {level:<7}  {event}{'  ' if details else ''}{details}")
