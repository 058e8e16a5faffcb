"""An app's messages as the model is given them, and how it is asked which of the app's functions it wants.

Promise: what the app's functions returned is shown by their results; messages are dropped from the oldest,
and the system prompt and what follows the user's last words never. Knows nothing of generating.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..memory.engine import Message, OfferedTool
from ..memory.errors import BadInput
from ..memory.tool_syntax import ToolSyntax
from .chat import ChatMessage, ChatRequest, Function, FunctionCall
from .native_tools import Native, arguments_schema, properties_of

_NONE = "none"
_CALL, _ARGUMENTS = "function", "arguments"

CountMessages = Callable[[Sequence[Message]], int]


def plain(messages: Sequence[ChatMessage], takes_tools: bool) -> list[Message]:
    """The messages as the base's chat template takes them, roles alternating.

    The model's own calls are not shown as JSON, since a small base shown JSON goes on in JSON: each result
    says what it is the result of. Without `takes_tools` results stand in the user's message before them.
    """
    calls: dict[str | None, FunctionCall] = {call.id: call for said in messages for call in said.calls}
    shown: list[Message] = []
    for said in messages:
        role, content = said.role, said.content
        if role == "assistant" and not content.strip():
            continue
        if role == "tool":
            call = calls[said.call_id]
            content = f"{call.name}({_inside(call.arguments)}) gave: {content}"
            role = "tool" if takes_tools else "user"
        if shown and shown[-1].role == role:
            shown[-1] = Message(role, f"{shown[-1].content}\n\n{content}")
        else:
            shown.append(Message(role, content))
    return shown


def natively(messages: Sequence[ChatMessage], syntax: ToolSyntax) -> list[Message]:
    """The messages for a base whose chat template knows tools: its calls as it writes them, each result as a
    tool's message of its own.
    """
    shown: list[Message] = []
    for said in messages:
        calls = [syntax.written(call.name, _mapping(call.arguments)) for call in said.calls]
        content = "\n".join(filter(None, [said.content.strip() and said.content, *calls]))
        if said.role == "assistant" and not content:
            continue
        if shown and shown[-1].role == said.role != "tool":
            shown[-1] = Message(said.role, f"{shown[-1].content}\n\n{content}")
        else:
            shown.append(Message(said.role, content))
    return shown


def native_tools(request: ChatRequest, syntax: ToolSyntax) -> Native:
    """The functions that may be called, as the base's chat template is told of them."""
    functions = [f for f in request.functions if request.choice in ("auto", "required", f.name)]
    return Native(syntax, tuple(OfferedTool(f.name, f.description, f.parameters) for f in functions))


def fitted(messages: Sequence[Message], room: int, count: CountMessages) -> list[Message]:
    """The messages without the oldest ones that do not fit in `room` tokens.

    The system prompt stays, and so does everything from the user's last words on.
    """
    kept = list(messages)
    first = 1 if kept and kept[0].role == "system" else 0
    while count(kept) > room:
        last_user = max((at for at, message in enumerate(kept) if message.role == "user"), default=first)
        if last_user <= first:
            break
        later = [at for at in range(first + 1, last_user + 1) if kept[at].role == "user"]
        del kept[first : later[0] if later else first + 1]
    return kept


def with_aside(messages: Sequence[Message], aside: str, *, late: bool) -> list[Message]:
    """The messages with what was recalled: just before the user's last words, or with the system prompt.

    What is recalled differs from turn to turn; late in the prompt it leaves what is cached before it as it
    is.
    """
    if not aside:
        return list(messages)
    last_user = max((at for at, message in enumerate(messages) if message.role == "user"), default=0)
    if late and last_user > 1:
        return [*messages[:last_user], Message("system", aside), *messages[last_user:]]
    if messages[0].role == "system":
        return [Message("system", f"{messages[0].content}\n{aside}"), *messages[1:]]
    return [Message("system", aside), *messages]


def call_schema(request: ChatRequest) -> str:
    """JSON Schema (text) of a call of one of the request's functions; with `auto`, or of none."""
    functions = [f for f in request.functions if request.choice in ("auto", "required", f.name)]
    choices, declared = [], {}
    for number, function in enumerate(functions):
        part = f"function{number}"
        declared[part] = arguments_schema(function.parameters, f"#/$defs/{part}")
        choices.append(_choice(function.name, {"$ref": f"#/$defs/{part}"}))
    if request.choice == "auto":
        choices = [_choice(_NONE, None), *choices]
    schema: dict[str, Any] = choices[0] if len(choices) == 1 else {"anyOf": choices}
    schema["$defs"] = declared
    try:
        return json.dumps(schema)
    except (TypeError, ValueError) as error:
        raise BadInput(f"The parameters of a function must be JSON, and they are not ({error}).") from error


def instruction(request: ChatRequest) -> str:
    """What the model is told when it has to choose among functions; it stands after the user's last words."""
    lines = ["These functions can be called:"]
    lines += [_described(function) for function in request.functions]
    if request.choice == "auto":
        lines.append(
            "Say as JSON which is needed to answer, with its arguments, or "
            f'{{"{_CALL}": "{_NONE}"}} when none is.'
        )
    else:
        lines.append("Say as JSON which one to call, with its arguments.")
    return "\n".join(lines)


def deciding(messages: Sequence[Message], request: ChatRequest) -> list[Message]:
    """The messages with the instruction to choose a function."""
    *before, last = messages
    return [*before, Message(last.role, f"{last.content}\n\n{instruction(request)}")]


def read_call(text: str) -> tuple[str, str] | None:
    """(name, arguments as JSON text) of the call decided on; None for none, or for what was cut off."""
    try:
        decided = json.loads(text)
    except ValueError:
        return None
    if not isinstance(decided, dict) or decided.get(_CALL) in (None, _NONE):
        return None
    return str(decided[_CALL]), json.dumps(decided.get(_ARGUMENTS, {}), ensure_ascii=False)


def already_made(name: str, arguments: str, messages: Sequence[ChatMessage]) -> bool:
    """Whether the same call was made since the user's last words: again, it would bring nothing new."""
    since: list[FunctionCall] = []
    for message in messages:
        since = [] if message.role == "user" else [*since, *message.calls]
    wanted = json.loads(arguments)
    return any(call.name == name and _loaded(call.arguments) == wanted for call in since)


def _choice(name: str, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    properties: dict[str, Any] = {_CALL: {"const": name}}
    if parameters is not None:
        properties[_ARGUMENTS] = dict(parameters)
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _described(function: Function) -> str:
    parameters = properties_of(function.parameters)
    shown = ", ".join(f"{name}{_said_of(schema)}" for name, schema in parameters.items())
    what = " ".join(function.description.split())
    return f"- {function.name}({shown}){': ' + what if what else ''}"


def _said_of(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return ""
    kind = f": {schema['type']}" if isinstance(schema.get("type"), str) else ""
    what = schema.get("description")
    return f"{kind} ({' '.join(what.split())})" if isinstance(what, str) and what.strip() else kind


def _inside(arguments: str) -> str:
    values = _loaded(arguments)
    if not isinstance(values, Mapping):
        return arguments
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())


def _mapping(arguments: str) -> Mapping[str, Any]:
    values = _loaded(arguments)
    return values if isinstance(values, Mapping) else {"value": values}


def _loaded(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
