"""Tools offered in the base's own words, where its chat template has some for them.

Promise: the base is told of the tools, shown its calls and their results, and asked for the next call as its
template has it; the call is held to a grammar all the same. Knows nothing of what tools do or who offers
them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..memory.engine import Completion, Message, Mount, OfferedTool, Sampling, WakeEngine
from ..memory.tool_syntax import ToolSyntax

_BEGINNING_TOKENS = 8  # beyond those of the words a call begins with
_NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


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
        declared = {part: rebased(_taken(tool), f"#/$defs/{part}") for part, tool in parts.items()}
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


def rebased(part: Any, root: str) -> Any:
    """A schema's copy for a place inside another, where what it calls # is `root`."""
    if isinstance(part, Mapping):
        dropped = [key for key in ("$id", "$schema") if isinstance(part.get(key), str)]
        moved = {key: rebased(value, root) for key, value in part.items() if key not in dropped}
        reference = part.get("$ref")
        if isinstance(reference, str) and (reference == "#" or reference.startswith("#/")):
            moved["$ref"] = root + reference[1:]
        return moved
    return [rebased(value, root) for value in part] if isinstance(part, list) else part


def _taken(tool: OfferedTool) -> Mapping[str, Any]:
    return tool.parameters if tool.parameters.get("properties") else _NO_ARGUMENTS
