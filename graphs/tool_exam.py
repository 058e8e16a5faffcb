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


def asked(persona: str) -> list[list[str]]:
    """For each request what is put before the model, in words."""
    return [[persona, instruction(OFFERED, request)] for request, _ in REQUESTS]


def decided(engine: WakeEngine, persona: str) -> list[str]:
    """What the bare base decides on each request, in words."""
    return _decided(engine, persona, (), range(len(REQUESTS)), {})


def trials(
    engine: WakeEngine, persona: str, stack: Sequence[Mount], most: int, bare: Sequence[str]
) -> list[ToolTrial]:
    """What `stack` decides on the first `most` requests that the bare base decides rightly on, which is what
    `bare` holds of each. Raises EngineError.
    """
    tried = [number for number, decision in enumerate(bare) if _trial(number, decision).passed][:most]
    known = {place: bare[number] for place, number in enumerate(tried)}
    found = _decided(engine, persona, stack, tried, known)
    return [_trial(number, decision) for number, decision in zip(tried, found, strict=True)]


def _decided(
    engine: WakeEngine,
    persona: str,
    stack: Sequence[Mount],
    numbers: Sequence[int],
    known: Mapping[int, str],
) -> list[str]:
    sampling = Sampling(max_tokens=_CALL_TOKENS, json_schema=schema(OFFERED))
    every = asked(persona)
    prompts = [
        ([Message("system", system), Message("user", text)], sampling)
        for system, text in (every[number] for number in numbers)
    ]
    # As by day: who decides follows from the user's own words, not from the instruction they come in.
    plain = [[Message("system", persona), Message("user", REQUESTS[number][0])] for number in numbers]
    return adapter_gate.answer_all(engine, prompts, tuple(stack), begun=plain, known=known)


def _trial(number: int, decision: str) -> ToolTrial:
    request, wanted = REQUESTS[number]
    call = read(decision, OFFERED)
    whole = call is None or not call.broken
    return ToolTrial(request, decision, whole and (call.name if call else None) == wanted)
