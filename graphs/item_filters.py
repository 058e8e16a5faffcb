"""Filters of a LangGraph store: whether an item's value fits one, and SQL that leaves out most that do not.

Promise: `narrowing` holds for every row that `fits`. Knows nothing of namespaces or of the store's tables but
the column `value`, which is JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Filter = Mapping[str, Any]

_COMPARISONS: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "$gt": (">", lambda held, wanted: bool(held > wanted)),
    "$gte": (">=", lambda held, wanted: bool(held >= wanted)),
    "$lt": ("<", lambda held, wanted: bool(held < wanted)),
    "$lte": ("<=", lambda held, wanted: bool(held <= wanted)),
}
_HELD = "json_extract(value, ?)"
_OPERATORS = ("$eq", "$ne", *_COMPARISONS)
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_INTEGERS = range(-(1 << 63), 1 << 63)  # those that SQLite has


def fits(value: Mapping[str, Any], wanted: Filter | None) -> bool:
    """Whether every key of the filter, by its name or its dotted path, holds what is wanted of it."""
    return all(_agrees(_at(value, key), want) for key, want in (wanted or {}).items())


def narrowing(wanted: Filter | None) -> tuple[str, list[Any]]:
    """An SQL condition and its values. Raises ValueError for an operator that there is not."""
    conditions: list[str] = ["1"]
    values: list[Any] = []
    for key, operator, want in _wants(wanted or {}):
        if (compared := _compared_in_sql(operator, want)) is None or not _PLAIN_KEY.fullmatch(key):
            continue
        condition, operand = compared
        paths = dict.fromkeys((f'$."{key}"', "$" + "".join(f'."{part}"' for part in key.split("."))))
        conditions.append(f"(NOT json_valid(value) OR {' OR '.join([condition] * len(paths))})")
        for path in paths:
            values += [*[path] * (condition.count("?") - 1), operand]
    return " AND ".join(conditions), values


def _wants(wanted: Filter) -> Iterator[tuple[str, str, Any]]:
    """Key, operator and operand of each condition at the top of a filter."""
    for key, want in wanted.items():
        if isinstance(want, Mapping):
            for name, operand in want.items():
                if str(name).startswith("$"):
                    yield key, _operator(str(name)), operand
        else:
            yield key, "$eq", want


def _compared_in_sql(operator: str, want: Any) -> tuple[str, Any] | None:
    """How SQLite compares what a path holds, and with what, where it does as Python does."""
    if isinstance(want, int) and want not in _INTEGERS:
        return None
    if operator in _COMPARISONS and isinstance(want, int | float):
        sign = _COMPARISONS[operator][0]
        return f"typeof({_HELD}) = 'text' OR CAST({_HELD} AS REAL) {sign} ?", float(want)
    if operator == "$eq" and (
        isinstance(want, int | float) or (isinstance(want, str) and want.isprintable())
    ):
        return f"{_HELD} = ?", want
    return None


def _at(value: Any, key: str) -> Any:
    """A field by its name, else by its dotted path."""
    if isinstance(value, Mapping) and key in value:
        return value[key]
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _agrees(held: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if any(str(name).startswith("$") for name in wanted):
            return all(_compared(held, _operator(str(name)), want) for name, want in wanted.items())
        return isinstance(held, Mapping) and all(
            _agrees(held.get(name), want) for name, want in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(held, list | tuple)
            and len(held) == len(wanted)
            and all(_agrees(one, other) for one, other in zip(held, wanted, strict=True))
        )
    return bool(held == wanted)


def _operator(name: str) -> str:
    if name not in _OPERATORS:
        raise ValueError(f"Unsupported operator {name!r}: a filter knows {', '.join(_OPERATORS)}.")
    return name


def _compared(held: Any, operator: str, wanted: Any) -> bool:
    """Numbers by their value and texts by their order; what is neither is neither greater nor less."""
    if operator in ("$eq", "$ne"):
        return bool(held == wanted) == (operator == "$eq")
    compare = _COMPARISONS[operator][1]
    try:
        return compare(float(held), float(wanted))
    except (TypeError, ValueError, OverflowError):
        return isinstance(held, str) and isinstance(wanted, str) and compare(held, wanted)
