"""Arithmetic as written by people and models, read without ever being evaluated as code.

Promise: what is read holds numbers, operators, a few functions and one-letter names, and is bounded in
size before it is computed. Rational arithmetic is exact by itself; the rest is sympy's, imported when it
is needed.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

LONGEST_CHARS = 500
_MOST_BITS, _LARGEST_FACTORIAL = 20_000, 500
# Multiplication sign and dot, division sign, minus sign and en dash, pi, root.
SIGNS = str.maketrans(dict(zip("\u00d7\u00b7\u00f7\u2212\u2013", "**/--", strict=True)) | {"\u03c0": " pi "})
FUNCTIONS = ("sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "exp", "log", "ln", "abs", "factorial")
_TOKEN = re.compile(
    r"\s*(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+|\*\*|[-+*/^()!%]|(?:"
    + "|".join(FUNCTIONS)
    + r"|pi|[a-zA-Z])(?![a-zA-Z]))"
)
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


class Unreadable(ValueError):
    """It is not arithmetic that can be read. The text is a clause."""


def prepare() -> None:
    """Imports what `answer` needs."""
    import sympy  # noqa: F401


def answer(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Whether two sides are equal (`equal`, `free`), by sympy; or why that cannot be said (`error`)."""
    try:
        return _compared(payload["left"], payload["right"], payload["names"])
    except Unreadable as error:
        return {"error": str(error)}


def tokens(text: str) -> list[str] | None:
    """The tokens of an expression; None when something in it is none."""
    text, found, at = text.translate(SIGNS).strip(), [], 0
    if len(text) > LONGEST_CHARS:
        return None
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        found.append(match[1].replace(",", ""))
        at = match.end()
    return found


def tree(text: str) -> ast.expr:
    """An expression as Python's syntax tree of it. Raises Unreadable."""
    parts = tokens(text)
    if not parts:
        raise Unreadable(f"{text.strip()!r} is not arithmetic")
    words: list[str] = []
    for part in parts:
        if part == "!":
            start = _operand(words)
            words[start:] = ["factorial", "(", *words[start:], ")"]
        elif part == "%" and words and words[-1][-1].isdigit():
            words += ["%"]
        else:
            if words and _ends(words[-1]) and (part[0].isalpha() or part == "("):
                words.append("*")  # 2x, 2(3 + 4)
            words.append({"^": "**"}.get(part, part.lstrip("0") or "0" if part.isdigit() else part))
    try:
        return ast.parse(" ".join(words), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unreadable(f"{text.strip()!r} is not arithmetic") from None


def _ends(word: str) -> bool:
    """Whether a factor may end with this word."""
    return word[-1].isdigit() or word == ")" or (word.isalpha() and word not in FUNCTIONS)


def _operand(words: list[str]) -> int:
    """Where the operand begins that ends the words."""
    if not words or not _ends(words[-1]):
        raise Unreadable("a ! stands behind nothing")
    at, depth = len(words) - 1, 0
    while at >= 0:
        depth += {")": 1, "(": -1}.get(words[at], 0)
        if depth <= 0:
            return at
        at -= 1
    raise Unreadable("a bracket is missing")


def exact(node: ast.expr, names: Mapping[str, Fraction]) -> Fraction | None:
    """The value, where it is rational and no names but `names` are in it; else None. Raises Unreadable."""
    if isinstance(node, ast.Constant):
        return Fraction(ast.unparse(node)) if isinstance(node.value, int | float) else None
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.UnaryOp):
        inner = exact(node.operand, names)
        return None if inner is None else -inner if isinstance(node.op, ast.USub) else inner
    if not isinstance(node, ast.BinOp):
        return None
    left, right = exact(node.left, names), exact(node.right, names)
    if left is None or right is None:
        return None
    if isinstance(node.op, ast.Pow):
        if right.denominator != 1:
            return None
        _bound_power(left, int(right))
    try:
        return Fraction(_OPERATORS[type(node.op)](left, right))
    except ZeroDivisionError:
        raise Unreadable("it divides by zero") from None


def _bound_power(base: Fraction, exponent: int) -> None:
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(exponent) * bits > _MOST_BITS:
        raise Unreadable("a power in it is too large to compute")


def _compared(left: str, right: str, names: Mapping[str, str]) -> dict[str, Any]:
    import sympy

    known = {name: _symbolic(tree(text), {}) for name, text in names.items()}
    difference = _symbolic(tree(left), known) - _symbolic(tree(right), known)
    free = sorted(map(str, difference.free_symbols))
    if sympy.simplify(difference) == 0:
        return {"equal": True, "free": free}
    if free:
        return {"equal": False, "free": free}
    value = complex(sympy.N(difference, 30))
    return {"equal": bool(difference.equals(0)), "free": [], "difference": abs(value)}


def _symbolic(node: ast.expr, known: Mapping[str, Any]) -> Any:
    import sympy

    if isinstance(node, ast.Constant):
        return sympy.Rational(ast.unparse(node))
    if isinstance(node, ast.Name):
        constants = {"pi": sympy.pi, "e": sympy.E}
        return known.get(node.id) or constants.get(node.id) or sympy.Symbol(node.id)
    if isinstance(node, ast.UnaryOp):
        inner = _symbolic(node.operand, known)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        return _applied(node.func.id, _symbolic(node.args[0], known))
    if not isinstance(node, ast.BinOp) or type(node.op) not in _OPERATORS:
        raise Unreadable("it holds what is not arithmetic")
    left, right = _symbolic(node.left, known), _symbolic(node.right, known)
    if isinstance(node.op, ast.Pow) and left.is_number and right.is_number:
        bits = abs(float(right)) * max(1.0, abs(float(sympy.log(abs(left) + 2, 2))))
        if bits > _MOST_BITS:
            raise Unreadable("a power in it is too large to compute")
    return _OPERATORS[type(node.op)](left, right)


def _applied(name: str, inner: Any) -> Any:
    import sympy

    if name == "factorial" and not (inner.is_Integer and 0 <= int(inner) <= _LARGEST_FACTORIAL):
        raise Unreadable(f"a factorial in it is not of a whole number up to {_LARGEST_FACTORIAL}")
    if name not in FUNCTIONS:
        raise Unreadable(f"{name} is not a function that is known here")
    return getattr(sympy, {"ln": "log", "abs": "Abs"}.get(name, name))(inner)
