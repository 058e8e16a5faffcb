"""Programs that try to get out, to stay, or to take more than their share, and how long past their limit the
sandbox lets each live.

Promise: none is run where nothing holds it. What of ours they may try to reach is named by whoever runs them;
here nothing is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from ...verifiers.sandbox.abc import Ended, Job
from ...verifiers.sandbox.bare import Bare
from ...verifiers.sandbox.choose import open_sandbox
from ...verifiers.settings import SandboxSettings

LIMIT_S = 1.5
MEMORY_MIB = 384
PRELUDE = """\
import ctypes, os, signal, sys, time
libc = ctypes.CDLL(None)
def escaped(what): print("ESCAPED", what, flush=True)
"""
_NOTHING_OF_OURS = {"CANARY": "/nowhere/canary", "PORT": "9", "ABSTRACT": "nobody"}


@dataclass(frozen=True)
class Program:
    """One of them: its head is `==== name | rest | rest`."""

    name: str
    rest: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return self.name


def parsed(text: str) -> list[Program]:
    """The programs in a file of them, in order."""
    parts = re.split(r"^==== (.*)\n", text, flags=re.MULTILINE)
    found = []
    for head, body in zip(parts[1::2], parts[2::2], strict=True):
        name, *rest = head.split(" | ")
        found.append(Program(name, tuple(rest), body.strip("\n") + "\n"))
    return found


def hostile_programs() -> list[Program]:
    """Those that come with Dormouse."""
    return parsed((resources.files(__package__) / "problems" / "hostile.txt").read_text())


def job(program: Program) -> Job:
    return Job("program", PRELUDE + program.text, {"stdin": "", "arguments": []})


def lateness(settings: SandboxSettings) -> Iterator[tuple[Program, Ended]]:
    """Runs each once, with a short limit; nothing where the settings hold nothing in. Raises NoSandbox."""
    short = settings.model_copy(update={"timeout_s": LIMIT_S, "memory_mib": MEMORY_MIB})
    sandbox = open_sandbox(short)
    if isinstance(sandbox, Bare):
        return
    for program in hostile_programs():
        text = program.text
        for word, nothing in _NOTHING_OF_OURS.items():
            text = text.replace(word, nothing)
        yield program, sandbox.run(job(Program(program.name, program.rest, text)))
