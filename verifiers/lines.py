"""A line of a file to verify, as the verifier it names and the claim it makes.

Promise: a line that cannot be judged is refused with a clause that names the key, what it must be, and
what it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .abc import Claim, Key, Kind, all_text, strings
from .errors import UnknownVerifier
from .registry import kind

_OWN = ("answer", "source", "expect", "forbid")
_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its id (or None), the verifier's name, and the claim."""

    id: Any
    verifier: str
    claim: Claim


def line_of(row: Mapping[str, Any]) -> Line:
    """What the JSON object `row` says. ValueError says what is wrong with it, as a clause."""
    if "verifier" not in row:
        raise ValueError("the key 'verifier' is missing")
    name = row["verifier"]
    if not isinstance(name, str):
        raise ValueError(f"verifier must be a name, and it is {shown(name)}")
    if isinstance(row.get("id"), dict | list):
        raise ValueError(f"id must be a string or a number, and it is {shown(row['id'])}")
    try:
        keys = kind(name).keys
    except UnknownVerifier as error:
        raise ValueError(error.reason) from None
    if unknown := [key for key in row if key not in ("id", "verifier", *keys)]:
        known = ", ".join(("id", "verifier", *keys))
        raise ValueError(f"the key {shown(unknown[0])} is not known to {name}; the keys are {known}")
    values = {key: value_of(row, key, spec) for key, spec in keys.items() if row.get(key) is not None}
    for key, spec in keys.items():
        if spec.needed and key not in values:
            raise ValueError(f"the key {key!r} is missing")
    claim = Claim(
        text=_text(values.get("answer", values.get("code", ""))),
        source=values.get("source", ""),
        expect=strings(values.get("expect")),
        forbid=strings(values.get("forbid")),
        fields={key: value for key, value in values.items() if key not in ("answer", "source", "forbid")},
    )
    return Line(row.get("id"), name, claim)


def value_of(row: Mapping[str, Any], key: str, spec: Key) -> Any:
    """What stands under `key`. ValueError when that is not what `spec` says, as a clause."""
    value = row[key]
    words, fits = _KINDS[spec.kind]
    if not fits(value):
        raise ValueError(f"{key} must be {words}, and it is {shown(value)}")
    if spec.needed and isinstance(value, str | list) and not value:
        raise ValueError(f"{key} is empty")
    return value


_KINDS: dict[Kind, tuple[str, Callable[[Any], bool]]] = {
    "text": ("a string", lambda v: isinstance(v, str)),
    "texts": ("a string or a list of strings", lambda v: isinstance(v, str) or all_text(v)),
    "number": ("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool)),
    "flag": ("true or false", lambda v: isinstance(v, bool)),
    "rows": ("a list of rows", lambda v: isinstance(v, list)),
    "json": ("JSON", lambda v: True),
}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
