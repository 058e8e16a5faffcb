"""The built-in tools: right answers, and a clause for whatever they cannot do."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.graphs.abc import ToolFailed
from dormouse.runtime.tools import Calculator, Clock


def work_out(expression: str) -> str:
    return Calculator().call({"expression": expression})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 3 * 4", "14"),
        ("(2 + 3) * 4", "20"),
        ("-7 // 2", "-4"),
        ("2 ** 10", "1024"),
        ("2^10", "1024"),
        ("6 × 7 ÷ 2", "21"),  # noqa: RUF001
        ("0.1 + 0.2", "0.3"),
        ("1,250,000 / 4", "312500"),
        ("10 % 4", "2"),
        ("2 ** 0.5", "1.41421356237"),
        ("1e3 * 2", "2000"),
    ],
)
def test_arithmetic(expression: str, value: str) -> None:
    assert work_out(expression).endswith(f" = {value}")


@pytest.mark.parametrize(
    "expression",
    [
        "1 / 0",
        "9 ** 9 ** 9",
        "10.0 ** 400",
        "(-8) ** 0.5",
        "__import__('os')",
        "x + 1",
        "1 +",
        "True + 1",
        "'a' * 3",
        "[1] * 9",
        "1 if 1 else 2",
        "(" * 300,
        "7" * 200 + "** 9",
        "2(3)",
        "",
        "   ",
    ],
)
def test_what_is_not_arithmetic_fails_in_words(expression: str) -> None:
    with pytest.raises(ToolFailed) as caught:
        work_out(expression)
    assert str(caught.value)


def test_missing_arguments_fail_in_words() -> None:
    for arguments in ({}, {"expression": 3}, {"expression": None}):
        with pytest.raises(ToolFailed):
            Calculator().call(arguments)


@given(st.text(alphabet="0123456789+-*/%(). e,^", max_size=40))
def test_no_expression_raises_anything_else(expression: str) -> None:
    with contextlib.suppress(ToolFailed):
        assert " = " in work_out(expression)


def test_the_clock_tells_the_time() -> None:
    noon = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)
    assert Clock(lambda: noon).call({}) == "It is Sunday, 01 March 2026, 12:05 (UTC)."
    assert str(datetime.now().year) in Clock().call({})
