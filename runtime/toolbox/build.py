"""The declared tools, made: by name, from a Python callable, or from an MCP server.

Promise: no two tools have one name, and a model's words can be held to the parameters of each; what cannot
be offered is refused, or, if it comes from a server, left out with a warning. Knows every kind of tool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ...graphs.abc import Approval, Tool
from ...graphs.native_tools import arguments_schema
from ...memory.errors import BadSchema
from ...memory.grammar.constraint import constraint
from ...memory.journal import Journal, Turn
from ...verifiers.settings import SandboxSettings
from ..errors import UnusableTool
from ..settings import ToolEntry
from ..tools import Calculator, Clock


@dataclass(frozen=True)
class Surroundings:
    """What tools may need: the journal, what searches it, what of a turn found there may be shown, what
    forgets all that holds some words, where code runs, where to say what was left out, and what to close.
    """

    journal: Journal
    search: Callable[[str, int], Sequence[Turn]]
    screen: Callable[[str], str]
    forget: Callable[[str], int]
    sandbox: SandboxSettings
    warn: Callable[[str], None]
    closing: ExitStack


def build_tools(entries: Sequence[ToolEntry], around: Surroundings) -> tuple[Tool, ...]:
    """The tools of `entries`, in order. Raises UnusableTool."""
    found: dict[str, Tool] = {}
    for entry in entries:
        for tool in _tools_of(entry, around):
            if tool.name in found or tool.name == "none":
                raise UnusableTool(tool.name, "that name is taken; give the other one by `name`")
            try:
                constraint(arguments_schema(tool.parameters, "#"))
            except BadSchema as error:
                if not entry.is_server:
                    raise UnusableTool(tool.name, error.cause) from error
                around.warn(f"The tool {tool.name} is left out: {error.cause}.")
                continue
            if entry.approval is not None:
                tool.approval = entry.approval
            if entry.example is not None:
                tool.example = (entry.example.say, entry.example.arguments)
                if not constraint(tool.parameters).validates(dict(entry.example.arguments)):
                    raise UnusableTool(tool.name, "the arguments of its example do not fit its parameters")
            tool.result_tokens = entry.result_tokens
            found[tool.name] = tool
    return tuple(found.values())


def _tools_of(entry: ToolEntry, around: Surroundings) -> Sequence[Tool]:
    if entry.import_ is not None:
        from .imported import imported

        return [
            imported(entry.import_, folder=entry.path, name=entry.name, timeout_s=entry.timeout_s),
        ]
    if entry.is_server:
        return _from_server(entry, around)
    assert entry.name is not None
    return [BUILT_IN[entry.name](entry, around)]


def _from_server(entry: ToolEntry, around: Surroundings) -> Sequence[Tool]:
    from .mcp_servers import McpServer, ServerAddress

    address = ServerAddress(entry.command or (), entry.url, entry.environment, entry.headers)
    approval: Approval = entry.approval or "ask"
    try:
        server = McpServer(address, timeout_s=entry.timeout_s)
        around.closing.callback(server.close)
        prefix = f"{entry.name}_" if entry.name else ""
        return server.tools(prefix=prefix, only=entry.only, approval=approval)
    except UnusableTool as error:
        around.warn(str(error))
        return []


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
