"""Files of questions with the calls that answer them, in the form of the Berkeley leaderboard, and its rule.

Promise: a call is right when it names the function, gives every argument that must be given, none that is not
known, and to each a value that is listed. Reads files; knows nothing of models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UnreadableInput

_TYPES = {
    "dict": "object",
    "float": "number",
    "tuple": "array",
    "any": None,
    "String": "string",
    "long": "integer",
}


@dataclass(frozen=True)
class Function:
    """One function on offer; `parameters` is JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One question. `expected` are calls of which one is right, as name to argument to values that may stand
    there ("" for: may be left out); None when no function should be called.
    """

    id: str
    question: str
    tools: tuple[Function, ...]
    expected: tuple[Mapping[str, Mapping[str, Sequence[Any]]], ...] | None


def read_cases(path: Path, answers: Path | None) -> list[Case]:
    """The cases in `path`, a JSON object a line. Their answers stand in a file of the same name in the folder
    `answers` (or beside it in possible_answer/); a file of irrelevant questions needs none.

    Raises UnreadableInput.
    """
    folder = answers or path.parent / "possible_answer"
    irrelevant = "irrelevance" in path.stem
    try:
        rows = _lines(path)
        known = {} if irrelevant else {row["id"]: row["ground_truth"] for row in _lines(folder / path.name)}
        return [
            Case(
                row["id"],
                row["question"][0][-1]["content"],
                tuple(
                    Function(each["name"], each.get("description", ""), schema_of(each.get("parameters", {})))
                    for each in row["function"]
                ),
                None if irrelevant else tuple(known[row["id"]]),
            )
            for row in rows
        ]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UnreadableInput("file of known calls", path, f"{type(error).__name__}: {error}") from None


def right(case: Case, call: tuple[str, Mapping[str, Any]] | None) -> bool:
    """Whether `call` (name and arguments; None for none) is what the case asks for."""
    if case.expected is None or call is None:
        return case.expected is None and call is None
    name, arguments = call
    return any(
        name == wanted and _fits(arguments, values)
        for each in case.expected
        for wanted, values in each.items()
    )


def schema_of(part: Any) -> Any:
    """The leaderboard's own type names as those of JSON Schema."""
    if isinstance(part, list):
        return [schema_of(each) for each in part]
    if not isinstance(part, Mapping):
        return part
    made: dict[str, Any] = {}
    for key, value in part.items():
        if key == "properties" and isinstance(value, Mapping):
            made[key] = {name: schema_of(each) for name, each in value.items()}
        elif key == "type" and isinstance(value, str):
            kind = _TYPES.get(value, value)
            made |= {"type": kind} if kind else {}
        elif key in ("default", "optional", "format"):
            continue
        else:
            made[key] = schema_of(value)
    return made


def _fits(arguments: Mapping[str, Any], values: Mapping[str, Sequence[Any]]) -> bool:
    if set(arguments) - set(values):
        return False
    return all(
        any(_same(arguments[name], value) for value in allowed) if name in arguments else "" in allowed
        for name, allowed in values.items()
    )


def _same(given: Any, wanted: Any) -> bool:
    if isinstance(given, str) and isinstance(wanted, str):
        return _plain(given) == _plain(wanted)
    if isinstance(given, list) and isinstance(wanted, list):
        return len(given) == len(wanted) and all(map(_same, given, wanted))
    if isinstance(given, Mapping) and isinstance(wanted, Mapping):
        listed = {name: value if isinstance(value, list) else [value] for name, value in wanted.items()}
        return _fits(given, listed)
    return bool(given == wanted) and isinstance(given, bool) == isinstance(wanted, bool)


def _plain(text: str) -> str:
    return "".join(char for char in text.lower() if char not in " ,./-_*^'\"()")


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
