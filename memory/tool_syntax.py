"""How a base writes the call of a tool, read off its own chat template.

Promise: a call that is written, or held to the grammar, looks as the template itself writes one, so that the
base is asked in the words it was trained on. Knows templates and JSON; nothing of which tools there are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .engine import Message, OfferedTool
from .errors import DormouseError

_TOOL, _ARGUMENT, _VALUE = "probe_of_tools", "probe_of_arguments", "probe_of_values"
_PROBE = OfferedTool(
    _TOOL, "", {"type": "object", "properties": {_ARGUMENT: {"type": "string"}}, "required": [_ARGUMENT]}
)

Render = Callable[[Sequence[Message], bool], str]
RenderCall = Callable[[OfferedTool, Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class ToolSyntax:
    """A call is `prefix`, a JSON object with the tool's name and arguments under two keys, and `suffix`."""

    prefix: str
    suffix: str
    name_key: str
    arguments_key: str

    def written(self, name: str, arguments: Mapping[str, Any]) -> str:
        """A call as the base would have said it."""
        call = {self.name_key: name, self.arguments_key: dict(arguments)}
        return f"{self.prefix}{json.dumps(call, ensure_ascii=False)}{self.suffix}"

    def choosing(self) -> str:
        """GBNF: how a call begins, or one character that begins anything else."""
        begun = self.prefix or "{"
        others = "".join(f"\\{letter}" if letter in "^]-\\" else letter for letter in (begun[0],))
        return f"root ::= {json.dumps(begun, ensure_ascii=False)} | [^{others}]"

    def begins(self, text: str) -> bool:
        """Whether what was said under `choosing` is a call."""
        return text.startswith(self.prefix or "{")

    def schema(self, functions: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
        """JSON Schema of the object of a call; `functions` are names with their parameters' schemas, which
        stand by themselves.
        """
        choices = [
            {
                "type": "object",
                "properties": {self.name_key: {"const": name}, self.arguments_key: dict(parameters)},
                "required": [self.name_key, self.arguments_key],
                "additionalProperties": False,
            }
            for name, parameters in functions
        ]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}

    def read(self, text: str) -> tuple[str, dict[str, Any]] | None:
        """(name, arguments) in the JSON of a call; None for what is none."""
        try:
            call = json.loads(text)
            return str(call[self.name_key]), dict(call[self.arguments_key])
        except (ValueError, KeyError, TypeError):
            return None


def tool_syntax(render: Render, render_call: RenderCall, specials: Sequence[str]) -> ToolSyntax | None:
    """The syntax of a template's calls; None when it has none, or one that cannot be written as text.

    `render` is the template's; `render_call` gives a conversation ("x", and the call of a tool with these
    arguments) in which the tool is offered.
    """
    asked = [Message("user", "x", (_PROBE,))]
    try:
        offered, plain = render(asked, True), render([Message("user", "x")], True)
        said = render_call(_PROBE, {_ARGUMENT: _VALUE})
    except DormouseError:
        return None
    if _TOOL not in offered or _TOOL in plain:
        return None
    at = len(_shared(offered, said))
    found = _call_in(said, at)
    if found is None:
        return None
    start, end, call = found
    names = [key for key, value in call.items() if value == _TOOL]
    arguments = [key for key, value in call.items() if value == {_ARGUMENT: _VALUE}]
    prefix, after = said[at:start], said[end:]
    suffix = after[: min([after.find(text) for text in specials if text and text in after] or [len(after)])]
    if len(names) != 1 or len(arguments) != 1 or any(text and text in prefix for text in specials):
        return None
    return ToolSyntax(prefix, suffix.rstrip("\n"), names[0], arguments[0])


def _shared(one: str, other: str) -> str:
    length = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    return one[: min(len(one), len(other)) if length is None else length]


def _call_in(text: str, at: int) -> tuple[int, int, dict[str, Any]] | None:
    """Where the JSON object of the probe's call stands after `at`, and what it is."""
    reader = json.JSONDecoder()
    while (at := text.find("{", at)) >= 0:
        try:
            value, end = reader.raw_decode(text, at)
        except ValueError:
            at += 1
            continue
        if isinstance(value, dict) and _TOOL in value.values():
            return at, end, value
        at += 1
    return None
