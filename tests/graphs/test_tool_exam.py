"""The exam's tools: only what the base decides rightly is tried, and what it leaves to the base is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from scripted_engine import ScriptedEngine

from dormouse.graphs.tool_exam import REQUESTS, decided, trials
from dormouse.memory.engine import Message, Mount

NIGHT = Mount("night", Path("night.gguf"))
GATED = Mount("night", Path("night.gguf"), opens="Your")
NONE = json.dumps({"tool": "none"})
RIGHT = [
    NONE
    if wanted is None
    else json.dumps({"tool": wanted, "arguments": {"expression" if wanted == "calculator" else "city": "x"}})
    for _, wanted in REQUESTS
]


def says_none(messages: Sequence[Message]) -> str:
    return NONE


def test_the_base_decides_on_every_request() -> None:
    engine = ScriptedEngine(says_none)
    assert decided(engine, "P.") == [NONE] * len(REQUESTS)
    assert all(asked.adapters == () for asked in engine.asked)


def test_a_candidate_is_tried_on_what_the_base_decides_rightly_and_judged_by_its_own_decision() -> None:
    engine = ScriptedEngine(says_none)
    bare = [RIGHT[0], NONE, RIGHT[2], NONE, NONE, NONE, RIGHT[6], NONE, NONE, NONE]
    found = trials(engine, "P.", (NIGHT,), 3, bare)
    assert [(trial.request, trial.passed) for trial in found] == [
        (REQUESTS[0][0], False),
        (REQUESTS[2][0], False),
        (REQUESTS[6][0], True),
    ]
    assert [asked.adapters for asked in engine.asked] == [(NIGHT,)] * 3
    assert [trial.passed for trial in trials(engine, "P.", (NIGHT,), 0, bare)] == []


def test_what_a_candidate_leaves_to_the_base_is_what_the_base_decided() -> None:
    engine = ScriptedEngine(says_none)
    found = trials(engine, "P.", (GATED,), len(RIGHT), RIGHT)
    assert [trial.answer for trial in found] == RIGHT
    assert all(trial.passed for trial in found)
    assert {asked.sampling.max_tokens for asked in engine.asked} == {1}
