"""How a model says which tool it wants: the schema its words are held to, and how they are read.

Promise: whatever was decoded, reading it gives a call of an offered tool whose arguments validate, or none.
Knows nothing of what tools do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ..memory.engine import Completion, Message, Mount, OfferedTool, Sampling, WakeEngine
from .abc import Tool
from .native_tools import Native, arguments_schema, properties_of

if TYPE_CHECKING:
    from ..memory.grammar.constraint import Constraint, Ended

SPARE_TOKENS = 16
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


def schema(tools: Sequence[Tool], *, must: bool = False) -> str:
    """JSON Schema (text) of a decision: a call of one of `tools`, or, unless it `must` be one,
    `{"tool": "none"}`.
    """
    choices: list[dict[str, Any]] = [] if must else [_choice(_NONE, None)]
    declared: dict[str, Any] = {}
    for number, tool in enumerate(tools):
        part = f"tool{number}"
        declared[part] = arguments_schema(tool.parameters, f"#/$defs/{part}")
        choices.append(_choice(tool.name, {"$ref": f"#/$defs/{part}"}))
    return json.dumps({"anyOf": choices, "$defs": declared}, ensure_ascii=False)


def constraint_of(tools: Sequence[Tool], *, must: bool = False) -> Constraint:
    """What a decision is held to. Raises BadSchema."""
    from ..memory.grammar.constraint import constraint

    return constraint(schema(tools, must=must))


def native(engine: WakeEngine, tools: Sequence[Tool]) -> Native | None:
    """The tools in the base's own words, where its chat template has some for them."""
    if not tools or engine.tool_syntax is None:
        return None
    offered = (OfferedTool(tool.name, tool.description, tool.parameters) for tool in tools)
    return Native(engine.tool_syntax, tuple(offered))


def decide(
    engine: WakeEngine,
    tools: Sequence[Tool],
    messages: Sequence[Message],
    question: str,
    sampling: Sampling,
    *,
    must: bool = False,
    adapters: Sequence[Mount] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Completion | None, Call | None]:
    """What the model said of which tool it wants, and the call in it; no words where it began to say
    something else instead. `question` is what of the user's words the instruction ends with.
    """
    own = native(engine, tools)
    if own is None:
        asked, held = deciding(engine, tools, messages, question, sampling, must=must)
        said: Completion | None = engine.complete(asked, held, adapters=adapters, cancelled=cancelled)
    else:
        asked = own.offered(messages)
        fitting = replace(sampling, max_tokens=_room(engine, asked, sampling))
        said = own.decided(engine, asked, fitting, must=must, adapters=adapters, cancelled=cancelled)
    if said is None or said.finish == "cancelled":
        return said, None
    return said, read(said.text, tools, must=must) if own is None else read_native(said.text, own)


def deciding(
    engine: WakeEngine,
    tools: Sequence[Tool],
    messages: Sequence[Message],
    question: str,
    sampling: Sampling,
    *,
    must: bool = False,
) -> tuple[list[Message], Sampling]:
    """What a base is asked that has no words of its own for tools, and how; `read` reads what it says."""
    *before, last = messages
    asked = [*before, Message(last.role, f"{last.content}\n\n{instruction(tools, question)}")]
    held = replace(
        sampling,
        max_tokens=_room(engine, asked, sampling),
        json_schema=schema(tools, must=must),
    )
    return asked, held


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


def read(text: str, tools: Sequence[Tool], *, must: bool = False) -> Call | None:
    """The call in `text`, whatever `text` is; None for none, which it never is where it `must` be one."""
    settled = constraint_of(tools, must=must).settled(text.strip())
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


def _room(engine: WakeEngine, asked: Sequence[Message], sampling: Sampling) -> int:
    """Tokens that the decision may take."""
    room = engine.context_tokens - engine.count_messages(asked) - SPARE_TOKENS
    return max(1, min(sampling.max_tokens, room))


def _arguments(tool: Tool) -> str:
    """What a tool without an example takes, in words; an example says it better."""
    properties = properties_of(tool.parameters)
    if tool.example is not None or not properties:
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
