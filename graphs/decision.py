"""How a model says which tool it wants: the schema its words are held to, and how they are read.

Promise: whatever was decoded, reading it gives a call of an offered tool whose arguments validate, or none.
Knows nothing of what tools do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .abc import Tool
from .native_tools import Native, rebased

if TYPE_CHECKING:
    from ..memory.grammar.constraint import Constraint, Ended

_NONE = "none"
_NO_TOOL = ("I like long walks by the sea.", "Who wrote Hamlet?", "Good morning!")

Broken = Literal["", "cut", "unfit"]
_BROKEN: Mapping[Ended, Broken] = {"said": "", "closed": "cut", "replaced": "unfit"}


@dataclass(frozen=True, slots=True)
class Call:
    """A tool the model wants called, and with what.

    `broken`: empty for what the model said itself. A call that was "cut" broke off and was ended for it; one
    that is "unfit" broke a rule of the schema and stands for the nearest that does not. Both validate, and
    neither is what the model meant, so neither is carried out.
    """

    name: str
    arguments: Mapping[str, Any]
    broken: Broken = ""

    def __str__(self) -> str:
        return json.dumps({"tool": self.name, "arguments": dict(self.arguments)}, ensure_ascii=False)


def schema(tools: Sequence[Tool]) -> str:
    """JSON Schema (text) of a decision: `{"tool": "none"}`, or a call of one of `tools`."""
    choices: list[dict[str, Any]] = [_choice(_NONE, None)]
    declared: dict[str, Any] = {}
    for number, tool in enumerate(tools):
        part = f"tool{number}"
        declared[part] = rebased(tool.parameters, f"#/$defs/{part}")
        choices.append(_choice(tool.name, {"$ref": f"#/$defs/{part}"}))
    return json.dumps({"anyOf": choices, "$defs": declared}, ensure_ascii=False)


def constraint_of(tools: Sequence[Tool]) -> Constraint:
    """What a decision is held to. Raises BadSchema."""
    from ..memory.grammar.constraint import constraint

    return constraint(schema(tools))


def instruction(tools: Sequence[Tool], question: str) -> str:
    """What the model is told when it has to decide; `question` is what the user said.

    Examples come in pairs, one that needs a tool and one that needs none, and end with none: a base too
    small to decide then answers without tools, where a list without examples has it call one every time.
    """
    lines = ["Say as JSON which tool is needed, or none."]
    lines += [f"{tool.name} {tool.description.rstrip('.')}{_arguments(tool)}." for tool in tools]
    shown = [(tool, tool.example) for tool in tools if tool.example is not None]
    for number, (tool, (said, arguments)) in enumerate(shown):
        lines.append(f"{said} {Call(tool.name, arguments)}")
        lines.append(f'{_NO_TOOL[number % len(_NO_TOOL)]} {{"tool": "{_NONE}"}}')
    return "\n".join([*lines, question])


def read(text: str, tools: Sequence[Tool]) -> Call | None:
    """The call in `text`, whatever `text` is; None for none."""
    settled = constraint_of(tools).settled(text.strip())
    decided = settled.value
    if decided["tool"] == _NONE:
        return None
    return Call(decided["tool"], decided["arguments"], _BROKEN[settled.how])


def read_native(text: str, native: Native) -> Call | None:
    """As `read`, of a call as the base's own template has it."""
    from ..memory.grammar.constraint import constraint

    settled = constraint(native.schema()).settled(text.strip())
    name, arguments = settled.value[native.syntax.name_key], settled.value[native.syntax.arguments_key]
    return Call(name, arguments, _BROKEN[settled.how])


def _arguments(tool: Tool) -> str:
    """What a tool without an example takes, in words; an example says it better."""
    properties = tool.parameters.get("properties", {})
    if tool.example is not None or not isinstance(properties, Mapping) or not properties:
        return ""
    words = []
    for name, part in properties.items():
        said = part.get("description") or part.get("type") if isinstance(part, Mapping) else None
        words.append(f"{name} ({said})" if isinstance(said, str) else name)
    return ", with " + ", ".join(words)


def _choice(name: str, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    properties: dict[str, Any] = {"tool": {"const": name}}
    if parameters is not None:
        properties["arguments"] = dict(parameters)
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
