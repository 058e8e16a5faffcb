"""The tools that need nothing: `calculator` and `clock`.

Promise: neither reads or writes anything but its arguments and the time of day. Knows nothing of memory, of
models, or of when a tool is called.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..graphs.abc import Tool, ToolFailed

_LONGEST_EXPRESSION = 200  # characters
_MOST_BITS = 4096  # of a whole number on the way: 9**9**9 must not hang the agent
_ARITHMETIC = re.compile(r"[\d\s.+*/%()eE-]+", re.ASCII)
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_SIGNS = str.maketrans({"×": "*", "÷": "/", "^": "**", "\u2212": "-", "·": "*"})  # noqa: RUF001


class Calculator(Tool):
    """Works out arithmetic: numbers, + - * / // % **, parentheses."""

    name = "calculator"
    description = "works out arithmetic"
    example: tuple[str, Mapping[str, Any]] | None = ("How much is 12 times 9.5?", {"expression": "12 * 9.5"})
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "expression": {
                "type": "string",
                "maxLength": _LONGEST_EXPRESSION,
                "description": "the arithmetic to work out",
            }
        },
        "required": ["expression"],
        "additionalProperties": False,
    }

    def call(self, arguments: Mapping[str, Any]) -> str:
        given = arguments.get("expression")
        if not isinstance(given, str) or not given.strip():
            raise ToolFailed("the calculator needs an expression, such as 12 * 3")
        if len(given) > _LONGEST_EXPRESSION:
            raise ToolFailed(f"the expression is longer than {_LONGEST_EXPRESSION} characters")
        expression = re.sub(r"(?<=\d),(?=\d{3}\b)", "", given.translate(_SIGNS)).strip()
        if not _ARITHMETIC.fullmatch(expression):
            raise ToolFailed(f"{given!r} is not arithmetic")
        try:
            value = _evaluate(ast.parse(expression, mode="eval").body)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise ToolFailed(f"{given!r} is not arithmetic") from None
        except ZeroDivisionError:
            raise ToolFailed(f"{given!r} divides by zero") from None
        except OverflowError:
            raise ToolFailed(f"{given!r} is too large a number") from None
        return f"{given.strip()} = {_shown(value)}"


class Clock(Tool):
    """Tells the local date and time."""

    name = "clock"
    description = "tells the date and the time of day"
    example: tuple[str, Mapping[str, Any]] | None = ("Can you tell me the time?", {})
    parameters: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now().astimezone()) -> None:
        self._now = now

    def call(self, arguments: Mapping[str, Any]) -> str:
        return self._now().strftime("It is %A, %d %B %Y, %H:%M (%Z).")


def _evaluate(node: ast.expr) -> int | float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return _bounded(node.value)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _bounded(_UNARY[type(node.op)](_evaluate(node.operand)))
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _evaluate(node.left), _evaluate(node.right)
        if isinstance(node.op, ast.Pow) and _power_bits(left, right) > _MOST_BITS:
            raise OverflowError
        return _bounded(_BINARY[type(node.op)](left, right))
    raise ValueError(ast.dump(node))


def _power_bits(base: float, exponent: float) -> float:
    if not (isinstance(base, int) and isinstance(exponent, int)) or abs(base) < 2:
        return 0  # floats overflow by themselves, at once
    return abs(exponent) * math.log2(abs(base))


def _bounded(value: Any) -> int | float:
    if isinstance(value, int) and value.bit_length() <= _MOST_BITS:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, complex):
        raise ValueError("a complex number")
    raise OverflowError


def _shown(value: int | float) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
