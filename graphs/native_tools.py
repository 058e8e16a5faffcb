"""Tools offered in the base's own words, where its chat template has some for them.

Promise: the base is told of the tools, shown its calls and their results, and asked for the next call as its
template has it; the call is held to a grammar all the same. Knows nothing of what tools do or who offers
them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..memory.engine import Completion, Message, Mount, OfferedTool, Sampling, WakeEngine
from ..memory.grammar.merging import References
from ..memory.tool_syntax import ToolSyntax

_BEGINNING_TOKENS = 8  # beyond those of the words a call begins with
_NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
_OF_OBJECTS = {"properties", "required", "additionalProperties", "patternProperties", "propertyNames"}
_OF_OBJECTS |= {"minProperties", "maxProperties", "unevaluatedProperties", "dependencies"}
_OF_OBJECTS |= {
    "dependentRequired",
    "dependentSchemas",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "if",
    "enum",
    "const",
}
_OF_OBJECTS |= {"$ref", "$dynamicRef", "$recursiveRef"}


@dataclass(frozen=True)
class Native:
    """The tools of one conversation, and how its base writes their calls."""

    syntax: ToolSyntax
    tools: tuple[OfferedTool, ...]

    def offered(self, messages: Sequence[Message]) -> list[Message]:
        """The messages, told of the tools: with the last one, which is never left out."""
        *before, last = messages
        return [*before, replace(last, tools=self.tools)]

    def schema(self) -> str:
        """JSON Schema (text) of the object of a call."""
        parts = {f"tool{number}": tool for number, tool in enumerate(self.tools)}
        schema = self.syntax.schema(
            [(tool.name, {"$ref": f"#/$defs/{part}"}) for part, tool in parts.items()]
        )
        declared = {
            part: arguments_schema(tool.parameters, f"#/$defs/{part}") for part, tool in parts.items()
        }
        return json.dumps({**schema, "$defs": declared}, ensure_ascii=False)

    def decided(
        self,
        engine: WakeEngine,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        must: bool,
        adapters: Sequence[Mount] | None,
        cancelled: Callable[[], bool],
    ) -> Completion | None:
        """The object of the call the base wants; None when it begins to say something else, which it may
        unless it `must` call.
        """
        if not must:
            tokens = engine.count(self.syntax.prefix) + _BEGINNING_TOKENS
            choosing = replace(
                sampling, max_tokens=tokens, grammar=self.syntax.choosing(), json_schema=None, stop=()
            )
            begun = engine.complete(messages, choosing, adapters=adapters, cancelled=cancelled)
            if begun.finish == "cancelled":
                return begun
            if not self.syntax.begins(begun.text):
                return None
        calling = replace(sampling, json_schema=self.schema(), grammar=None, stop=())
        return engine.complete(
            messages, calling, adapters=adapters, prefill=self.syntax.prefix, cancelled=cancelled
        )


def arguments_schema(parameters: Mapping[str, Any], root: str) -> Mapping[str, Any]:
    """The schema of a call's arguments, to stand at `root`: whatever objects `parameters` allows.

    Where it says nothing of what the object holds, that is nothing.
    """
    kind = parameters.get("type", "object")
    if (kind == "object" or "object" in kind) and not any(_says(key, parameters) for key in _OF_OBJECTS):
        return _NO_ARGUMENTS
    if kind == "object" and "type" in parameters:
        moved: Mapping[str, Any] = rebased(parameters, root)
        return moved
    return {"allOf": [{"type": "object"}, rebased(parameters, f"{root}/allOf/1")]}


def properties_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What the arguments may be called, with the schema of each: named at the top, in any of its ways, or in
    what these refer to.
    """
    named: dict[str, Any] = {}
    waiting: list[Any] = [parameters]
    seen: set[str] = set()
    while waiting:
        part = waiting.pop(0)
        if not isinstance(part, Mapping):
            continue
        properties = part.get("properties")
        if isinstance(properties, Mapping):
            named |= {name: below for name, below in properties.items() if name not in named}
        waiting += [
            way for key in ("allOf", "anyOf", "oneOf") if isinstance(part.get(key), list) for way in part[key]
        ]
        reference = part.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            seen.add(reference)
            with suppress(ValueError):
                waiting.append(References(parameters).follow(reference))
    return named


def rebased(part: Any, root: str) -> Any:
    """A schema's copy for a place inside another, where what it calls # is `root`."""
    own = part.get("$id") if isinstance(part, Mapping) else None
    return _moved(part, root, own if isinstance(own, str) else "")


def _moved(part: Any, root: str, own: str) -> Any:
    if isinstance(part, Mapping):
        dropped = [key for key in ("$id", "$schema") if isinstance(part.get(key), str)]
        moved = {key: _moved(value, root, own) for key, value in part.items() if key not in dropped}
        if isinstance(part.get("$ref"), str):
            reference = part["$ref"].removeprefix(own)
            moved["$ref"] = (
                root + reference[1:] if reference in ("", "#") or reference[:2] == "#/" else reference
            )
        return moved
    return [_moved(value, root, own) for value in part] if isinstance(part, list) else part


def _says(keyword: str, parameters: Mapping[str, Any]) -> bool:
    empty = keyword in ("properties", "required") and not parameters.get(keyword)
    return keyword in parameters and not empty
