"""Whatever a model writes where it has to decide, it is read as a call of an offered tool, or as none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.graphs.abc import Tool
from dormouse.graphs.decision import Call, instruction, read, schema
from dormouse.runtime.tools import Calculator, Clock

TOOLS: list[Tool] = [Calculator(), Clock()]


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ('{"tool": "none"}', None),
        ('{"tool": "clock", "arguments": {}}', Call("clock", {})),
        ('{"tool": "clock"}', Call("clock", {}, "cut")),
        (
            '{"tool": "calculator", "arguments": {"expression": "1+1"}}',
            Call("calculator", {"expression": "1+1"}),
        ),
        ('{"tool": "rm"}', None),
        ('{"tool": ["clock"]}', None),
        ('{"tool": "calculator", "arguments": 3}', Call("calculator", {"expression": ""}, "cut")),
        ('{"tool": "calculator", "argu', Call("calculator", {"expression": ""}, "cut")),
        ("[]", None),
        ("", None),
    ],
)
def test_reading(text: str, call: Call | None) -> None:
    assert read(text, TOOLS) == call


@given(st.text(max_size=60))
def test_no_text_breaks_reading(text: str) -> None:
    assert read(text, TOOLS) is None or text


def test_a_call_is_shown_as_it_was_read() -> None:
    call = Call("calculator", {"expression": "é"})
    assert read(str(call), TOOLS) == call


def test_schema_and_instruction_name_every_tool_and_none() -> None:
    choices = json.loads(schema(TOOLS))["anyOf"]
    names = [choice["properties"]["tool"]["const"] for choice in choices]
    assert names == ["none", "calculator", "clock"]
    told = instruction(TOOLS, "and now?").splitlines()
    assert all(any(f'"{name}"' in line for line in told) for name in names)
    assert told[-1] == "and now?" and told[-2].endswith('{"tool": "none"}')


def test_the_examples_are_decisions_that_can_be_read_and_carried_out() -> None:
    for tool in TOOLS:
        assert tool.example is not None
        line = next(line for line in instruction(TOOLS, "?").splitlines() if line.startswith(tool.example[0]))
        call = read(line.removeprefix(tool.example[0]), TOOLS)
        assert call == Call(tool.name, tool.example[1])
        assert tool.call(call.arguments)
