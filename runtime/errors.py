"""What can be wrong with what a user declares or feeds to an agent.

BadInput                       exit code 2 (memory/errors.py)
├── SpecError                  a declared file does not fit; every fault at once, each with its line
├── UnreadableInput            a file that cannot be read at all
├── BadLine                    one line of a `tell` or `exam` file
├── EmptyInput                 a file, or list, without a single line
├── BadTurn                    a turn that is empty, too long, or not text
├── BadParameter               one parameter of a request to the server
├── OpenDoor                   the server was to listen where others reach it, and nobody has a token
└── UnusableTool               a declared tool that cannot be offered
AgentClosed (DormouseError)    the agent was used after `close()`
TokensDamaged (DormouseError)  the file of the server's tokens cannot be read
DoorError (DormouseError)      the daemon's door cannot be used
└── DoorClosed                 the daemon is gone, or went in the middle
DaemonError (DormouseError)    a daemon could not be started, stopped or installed
└── DaemonRunning              the home has one already
BenchFailed (DormouseError)    a benchmark could not be set up, so it has no figures

Knows nothing of where the sentences are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..memory.errors import BadInput, DormouseError


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a declared file: `line` from 1; `key` is a path such as `memory.recall.top_k`."""

    line: int
    key: str
    problem: str

    def __str__(self) -> str:
        return f"{self.key} {self.problem}" if self.key else self.problem


class SpecError(BadInput):
    """A declared file does not fit its schema. `faults` are all of them, in the order of their lines."""

    def __init__(self, path: str | Path, faults: Sequence[Fault]) -> None:
        self.path, self.faults = Path(path), tuple(sorted(faults, key=lambda fault: fault.line))
        if len(self.faults) == 1:
            text = f"The spec {path} has a fault in line {self.faults[0].line}: {self.faults[0]}."
        else:
            lines = [f"  line {fault.line}: {fault}" for fault in self.faults]
            text = "\n".join([f"The spec {path} has {len(lines)} faults:", *lines])
        super().__init__(text)


class BadParameter(BadInput):
    """A parameter of a request cannot be used. `param` names it as the request does."""

    def __init__(self, param: str, sentence: str) -> None:
        self.param = param
        super().__init__(sentence)


class UnreadableInput(BadInput):
    """A file cannot be read. `kind` says what it was to be ("spec", "tell file"); `reason` is a clause."""

    def __init__(self, kind: str, path: str | Path, reason: str) -> None:
        self.path, self.reason = Path(path), reason
        super().__init__(f"The {kind} {path} cannot be read: {reason}.")


class BadLine(BadInput):
    """Line `line` (from 1) of a file is wrong, so nothing of the file was used."""

    def __init__(self, path: str | Path, line: int, reason: str) -> None:
        self.path, self.line, self.reason = Path(path), line, reason
        super().__init__(f"Line {line} of {path} cannot be used: {reason}; nothing of the file was used.")


class EmptyInput(BadInput):
    """There is nothing in a file that should hold at least one line."""

    def __init__(self, kind: str, path: str | Path) -> None:
        super().__init__(f"The {kind} {path} is empty; it needs at least one line.")


class BadTurn(BadInput):
    """A turn cannot be taken. `reason` is a clause without a final stop."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The turn cannot be taken: {reason}.")


class OpenDoor(BadInput):
    """The server would listen at `host`, which other machines may reach, without asking for a token."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The server may listen on {host} only when a token is asked for, and there is none; "
            "`dormouse token add USER` makes one."
        )


class TokensDamaged(DormouseError):
    """The file of tokens cannot be read, so nobody is let in. `reason` is a clause."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"The tokens in {path} cannot be read: {reason}.")


class UnusableTool(BadInput):
    """A declared tool, or server of tools, cannot be offered. `reason` is a clause without a final stop."""

    def __init__(self, tool: str, reason: str) -> None:
        self.tool, self.reason = tool, reason
        super().__init__(f"The tool {tool} cannot be offered: {reason}.")


class AgentClosed(DormouseError):
    """The agent was used after `close()`."""

    def __init__(self) -> None:
        super().__init__("The agent has been closed.")


class DoorError(DormouseError):
    """The door of a home cannot be used. `reason` is a clause without a final stop."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The daemon cannot be used: {reason}.")


class DoorClosed(DoorError):
    """The daemon ended, or was killed, and did not come back."""

    def __init__(self) -> None:
        super().__init__("it has stopped; start it again, or go on without it by running this once more")


class DaemonError(DormouseError):
    """A daemon could not be started, stopped or installed. Takes the whole sentence."""


class DaemonRunning(DaemonError):
    """The home has a daemon already; `pid` is its process. Another try would find it too, hence the code."""

    exit_code: ClassVar[int] = 2

    def __init__(self, home: Path, pid: int | None) -> None:
        self.home, self.pid = home, pid
        super().__init__(f"{home} has a daemon already (process {pid}); `dormouse daemon stop` ends it.")


class BenchFailed(DormouseError):
    """A benchmark could not be set up, so it measured nothing. `reason` is a clause without a final stop."""

    def __init__(self, bench: str, reason: str) -> None:
        self.bench, self.reason = bench, reason
        super().__init__(f"The benchmark {bench} could not be set up: {reason}.")
