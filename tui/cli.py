"""The command line.

Promise: an error is one sentence on stderr and never a traceback; the exit code is 2 for bad input, 1 for a
failure, 130 for Ctrl-C; with `--json`, stdout is one JSON document whatever happens. Starts fast: what a
command needs is imported by that command.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

from . import bench, daemon, doors, forget, house, judge, look, nights, past, store, talk
from .options import HomeOption, Setup, SpecOption
from .output import as_json

_DEBUG = "DORMOUSE_DEBUG"
_INTERRUPTED, _TERMINATED = 130, 143
_STOPPED = "Stopped before it was done."

app = typer.Typer(
    name="dormouse",
    help="An assistant that sleeps what it was told into its weights, and wakes up knowing.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for _commands in (talk, nights, look, past, forget, daemon, doors, store, judge, house, bench):
    _commands.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"dormouse {version('dormouse')}")
        raise typer.Exit


@app.callback()
def _shared(
    context: typer.Context,
    home: HomeOption = None,
    spec: SpecOption = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    context.obj = Setup(home, spec, "dormouse")


def main() -> NoReturn:
    """The `dormouse` command."""
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
        code = code or 1
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code. A program that waits for a document is told of a stop."""
    code = _ran(arguments)
    if code in (_INTERRUPTED, _TERMINATED) and "--json" in arguments:
        return _report(_STOPPED, code, as_document=True)
    return code


def _ran(arguments: Sequence[str]) -> int:
    try:
        code = app(list(arguments) or ["--help"], prog_name="dormouse", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _drop_stdout()
        return 1
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except Exception as error:  # the last stop: a user sees a sentence, never a traceback
        if os.environ.get(_DEBUG):
            raise
        return _report(*_explained(error), as_document="--json" in arguments)


def _explained(error: Exception) -> tuple[str, int]:
    """The sentence and the exit code for an error."""
    from ..memory.errors import DormouseError
    from ..verifiers.errors import VerifierError

    if isinstance(error, DormouseError | VerifierError):
        return str(error), error.exit_code
    if isinstance(error, typer.TyperException):
        code = getattr(error, "exit_code", 2)
        text = error.format_message().replace("Value error, ", "")
        if text.startswith("Missing command"):
            text = "Missing command; `dormouse --help` lists them"
        return _sentence(text), code if isinstance(code, int) else 2
    if isinstance(error, typer.Abort):
        return _STOPPED, 1
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return f"The system refused: {(error.strerror or str(error)).lower()}{where}.", 1
    if isinstance(error, MemoryError):
        return "There is not enough memory for this.", 1
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return f"This is a fault in Dormouse ({what}); {_DEBUG}=1 shows where it is.", 1


def _report(sentence: str, code: int, *, as_document: bool) -> int:
    print(f"dormouse: {sentence}", file=sys.stderr, flush=True)
    if as_document:
        print(as_json({"error": sentence, "exit_code": code}))
    return code


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _terminate(number: int, frame: Any) -> NoReturn:
    # Raised in the main thread, so that blocks close what they opened: a turn ends as interrupted.
    raise SystemExit(_TERMINATED)


def _drop_stdout() -> None:
    # The reader has gone; without this the interpreter would complain about it while exiting.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    main()
