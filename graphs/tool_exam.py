"""The exam's tools: does a candidate still decide on a tool where the bare base decides rightly?

Promise: the tools are never called; a decision is made as in a turn, and counts only if it is whole. Knows
decisions; nothing of thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..memory import adapter_gate
from ..memory.engine import Message, Mount, Sampling, WakeEngine
from ..sleep.exam import ToolTrial
from .abc import Tool
from .decision import instruction, read, schema

_CALL_TOKENS = 48


@dataclass(frozen=True)
class _Offered(Tool):
    """A tool to decide on, and nothing more."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    example: tuple[str, Mapping[str, Any]] | None

    def call(self, arguments: Mapping[str, Any]) -> str:
        return ""


def _object(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string"}},
        "required": [name],
        "additionalProperties": False,
    }


OFFERED: tuple[Tool, ...] = (
    _Offered(
        "calculator", "works out sums", _object("expression"), ("What is 12 * 9?", {"expression": "12 * 9"})
    ),
    _Offered(
        "weather",
        "tells the weather in a city",
        _object("city"),
        ("Is it raining in Oslo?", {"city": "Oslo"}),
    ),
)
REQUESTS: tuple[tuple[str, str | None], ...] = (
    ("What is 31 + 18?", "calculator"),
    ("Work out 7 * 15 for me.", "calculator"),
    ("How much is 240 / 6?", "calculator"),
    ("What is the weather in Paris?", "weather"),
    ("Is it sunny in Cairo today?", "weather"),
    ("Will I need an umbrella in London?", "weather"),
    ("Good evening, how are you?", None),
    ("I like my tea without sugar.", None),
    ("Thank you, that was kind.", None),
    ("Tell me a short story about a fox.", None),
)
"""What is said, and the tool it calls for."""


def trials(engine: WakeEngine, persona: str, stack: Sequence[Mount], most: int) -> list[ToolTrial]:
    """What `stack` decides on the first `most` requests that the bare base decides rightly on."""
    bare = _decided(engine, persona, (), REQUESTS)
    known = [each for each, trial in zip(REQUESTS, bare, strict=True) if trial.passed][:most]
    return _decided(engine, persona, stack, known)


def _decided(
    engine: WakeEngine, persona: str, stack: Sequence[Mount], requests: Sequence[tuple[str, str | None]]
) -> list[ToolTrial]:
    sampling = Sampling(max_tokens=_CALL_TOKENS, json_schema=schema(OFFERED))
    asked = [
        ([Message("system", persona), Message("user", instruction(OFFERED, request))], sampling)
        for request, _ in requests
    ]
    found = []
    # As by day: who decides follows from the user's own words, not from the instruction they come in.
    plain = [[Message("system", persona), Message("user", request)] for request, _ in requests]
    answers = adapter_gate.complete_all(engine, asked, tuple(stack), begun=plain)
    for (request, wanted), done in zip(requests, answers, strict=True):
        call = read(done.text, OFFERED)
        whole = call is None or not call.broken
        right = whole and (call.name if call else None) == wanted
        found.append(ToolTrial(request, done.text, right))
    return found
