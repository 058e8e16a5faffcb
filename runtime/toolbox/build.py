"""The declared tools, made: by name, from a Python callable, or from an MCP server.

Promise: no two tools have one name, and a model's words can be held to the parameters of each; what cannot
be offered is refused, or, if it comes from a server, left out with a warning. A server that is absent is
tried again, and keeps no turn waiting. Knows every kind of tool.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...graphs.abc import Tool
from ...graphs.context import Screen
from ...graphs.native_tools import arguments_schema
from ...memory.errors import BadSchema
from ...memory.grammar.constraint import constraint
from ...memory.journal import Journal, Turn
from ...verifiers.settings import SandboxSettings
from ..errors import UnusableTool
from ..settings import ToolEntry
from ..tools import Calculator, Clock
from .back_off import BackOff

if TYPE_CHECKING:
    from .mcp_servers import McpServer

_PATIENCE_S = 0.5  # that a turn waits for servers which were absent


@dataclass(frozen=True)
class Surroundings:
    """What tools may need: the journal, what searches it, what of a turn found there may be shown, what
    forgets all that holds some words, where code runs, where to say what was left out and to take that back
    once it is there, and what to close.
    """

    journal: Journal
    search: Callable[[str, int], Sequence[Turn]]
    screen: Callable[[], Screen]
    forget: Callable[[str], int]
    sandbox: SandboxSettings
    warn: Callable[[str], None]
    unwarn: Callable[[str], None]
    closing: ExitStack


@dataclass
class _Absent:
    """A server that could not be reached: what was said of it, when to try it again, what tries it now."""

    entry: ToolEntry
    said: str
    back_off: BackOff
    trying: threading.Thread | None = None


class Toolbox:
    """The tools of `entries`, in order; those of a server that was absent at first come last.

    Of an absent server it is told once that it is absent. `clock` gives seconds. Raises UnusableTool.
    """

    def __init__(
        self,
        entries: Sequence[ToolEntry],
        around: Surroundings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._around, self._clock = around, clock
        self._found: dict[str, Tool] = {}
        self._absent: list[_Absent] = []
        self._servers: list[McpServer] = []
        self._closed = False
        self._lock = threading.Lock()
        around.closing.callback(self._close)
        for entry in entries:
            tools = self._at_first(entry) if entry.is_server else _made(entry, around)
            for tool in tools:
                self._take_in(entry, tool)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What can be offered now."""
        with self._lock:
            return tuple(self._found.values())

    def look_again(self) -> None:
        """Try the absent servers whose time has come, behind the caller's back but for a moment."""
        with self._lock:
            due = [each for each in self._absent if each.trying is None and not each.back_off.left_s]
            for each in due:
                each.back_off.tried()
                each.trying = threading.Thread(
                    target=self._again, args=(each,), name="dormouse-absent-tools", daemon=True
                )
                each.trying.start()
        patient_until = time.monotonic() + _PATIENCE_S
        for each in due:
            if (thread := each.trying) is not None:
                thread.join(max(0.0, patient_until - time.monotonic()))

    def _at_first(self, entry: ToolEntry) -> Sequence[Tool]:
        try:
            return self._reached(entry)
        except UnusableTool as error:
            self._around.warn(str(error))
            absent = _Absent(entry, str(error), BackOff(self._clock))
            absent.back_off.tried()
            self._absent.append(absent)
            return []

    def _again(self, absent: _Absent) -> None:
        try:
            tools = self._reached(absent.entry)
        except UnusableTool:
            absent.trying = None
            return
        self._around.unwarn(absent.said)
        for tool in tools:
            try:
                self._take_in(absent.entry, tool)
            except UnusableTool as error:
                self._around.warn(str(error))
        with self._lock:
            self._absent.remove(absent)

    def _reached(self, entry: ToolEntry) -> Sequence[Tool]:
        """The tools of a server. UnusableTool while it is absent, or offers less than is declared."""
        from .mcp_servers import McpServer, ServerAddress

        address = ServerAddress(entry.command or (), entry.url, entry.environment, entry.headers)
        server = McpServer(address, timeout_s=entry.timeout_s)
        prefix = f"{entry.name}_" if entry.name else ""
        try:
            tools = server.tools(prefix=prefix, only=entry.only, approval=entry.approval or "ask")
        except UnusableTool:
            server.close()
            raise
        with self._lock:
            if not self._closed:
                self._servers.append(server)
                return tools
        server.close()
        return []

    def _take_in(self, entry: ToolEntry, tool: Tool) -> None:
        if tool.name in self._found or tool.name == "none":
            raise UnusableTool(tool.name, "that name is taken; give the other one by `name`")
        try:
            constraint(arguments_schema(tool.parameters, "#"))
        except BadSchema as error:
            if not entry.is_server:
                raise UnusableTool(tool.name, error.cause) from error
            self._around.warn(f"The tool {tool.name} is left out: {error.cause}.")
            return
        if entry.approval is not None:
            tool.approval = entry.approval
        if entry.example is not None:
            tool.example = (entry.example.say, entry.example.arguments)
            if not constraint(tool.parameters).validates(dict(entry.example.arguments)):
                raise UnusableTool(tool.name, "the arguments of its example do not fit its parameters")
        tool.result_tokens = entry.result_tokens
        with self._lock:
            self._found[tool.name] = tool

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            servers, self._servers = self._servers, []
        for server in servers:
            server.close()


def _made(entry: ToolEntry, around: Surroundings) -> Sequence[Tool]:
    if entry.import_ is not None:
        from .imported import imported

        return [
            imported(entry.import_, folder=entry.path, name=entry.name, timeout_s=entry.timeout_s),
        ]
    assert entry.name is not None
    return [BUILT_IN[entry.name](entry, around)]


def _files(entry: ToolEntry, around: Surroundings) -> Tool:
    from .files import Files

    if entry.folder is None:
        raise UnusableTool("files", "it needs a folder, as {name: files, folder: notes}")
    return Files(Path(entry.path or ".", entry.folder), write=entry.write)


def _remember(entry: ToolEntry, around: Surroundings) -> Tool:
    from .memories import Remember

    return Remember(around.journal)


def _recall(entry: ToolEntry, around: Surroundings) -> Tool:
    from .memories import Recall

    return Recall(around.search, around.screen)


def _forget(entry: ToolEntry, around: Surroundings) -> Tool:
    from .memories import Forget

    return Forget(around.forget)


def _python(entry: ToolEntry, around: Surroundings) -> Tool:
    from .sandboxed import PythonTool

    return PythonTool(around.sandbox)


BUILT_IN: dict[str, Callable[[ToolEntry, Surroundings], Tool]] = {
    "calculator": lambda entry, around: Calculator(),
    "clock": lambda entry, around: Clock(),
    "files": _files,
    "remember": _remember,
    "recall": _recall,
    "forget": _forget,
    "python": _python,
}
"""What makes each tool that comes with Dormouse."""
