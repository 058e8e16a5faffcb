"""Strings of a length, a pattern or a format, and names that must differ from others, as grammar nodes.

Promise: every text allowed is a JSON string, quotes included. A format not known here is any string.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from .nodes import EMPTY, Chars, Node, Repeat, Text, alt, seq
from .patterns import PRINTABLE, in_json, pattern, without

LONGEST = 4000
"""Characters a string may have that declares no other bound, so that it comes to an end."""
QUOTE = Text('"')
_HEX = r"[0-9a-f]"
_DAY = r"(0[1-9]|1[0-9]|2[0-8])"
_DATE = rf"(19|20)[0-9]{{2}}-((0[1-9]|1[0-2])-{_DAY}|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?"
_HOST = rf"{_LABEL}(\.{_LABEL}){{0,3}}\.[a-z]{{2,6}}"
_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_URI = rf"https?://{_HOST}(:[1-9][0-9]{{1,3}})?(/[A-Za-z0-9._~-]{{1,40}}){{0,8}}(\?[a-z]{{1,20}}=[A-Za-z0-9]{{1,40}})?"
FORMATS = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f"{_DATE}T{_TIME}",
    "duration": r"P([1-9][0-9]{0,2}W|[1-9][0-9]{0,2}D(T[1-9][0-9]{0,2}[HMS])?|T[1-9][0-9]{0,2}[HMS])",
    "uuid": rf"{_HEX}{{8}}-{_HEX}{{4}}-[1-5]{_HEX}{{3}}-[89ab]{_HEX}{{3}}-{_HEX}{{12}}",
    "email": rf"[A-Za-z0-9]([A-Za-z0-9._+-]{{0,40}}[A-Za-z0-9])?@{_HOST}",
    "hostname": _HOST,
    "ipv4": rf"{_OCTET}(\.{_OCTET}){{3}}",
    "ipv6": r"([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}",
    "uri": _URI,
    "uri-reference": _URI,
    "iri": _URI,
}


def plain_string(low: int = 0, high: int | None = None) -> Node:
    """Any string of `low` to `high` characters."""
    controls = tuple((code, code) for code in (0x08, 0x09, 0x0A, 0x0C, 0x0D))
    char = in_json((*controls, *PRINTABLE))
    return seq(QUOTE, Repeat(char, low, max(low, LONGEST) if high is None else high), QUOTE)


def matching(expression: str, low: int = 0, high: int | None = None) -> tuple[Node, bool]:
    """Strings `expression` matches, and whether the bounds on their length are seen to as well.

    Raises NotFollowed.
    """
    inside = pattern(expression)
    if not low and high is None:
        return seq(QUOTE, inside, QUOTE), True
    if isinstance(inside, Repeat) and isinstance(inside.part, Chars):
        least = max(low, inside.low)
        most = high if inside.high is None else inside.high if high is None else min(high, inside.high)
        if most is None or least <= most:
            return seq(QUOTE, Repeat(inside.part, least, most), QUOTE), True
    return seq(QUOTE, inside, QUOTE), False


def name(text: str) -> Text:
    """A property's name as JSON."""
    return Text(json.dumps(text, ensure_ascii=False))


def other_than(names: Sequence[str], longest: int = 60) -> Node:
    """A string of 1 to `longest` characters that is none of `names`."""
    return seq(QUOTE, _other(sorted(set(names)), 0, longest), QUOTE)


def _other(names: Sequence[str], at: int, longest: int) -> Node:
    """What may follow the first `at` characters, which all of `names` share."""
    free = Chars(without(PRINTABLE, ((0x22, 0x22), (0x5C, 0x5C))))
    if not names:
        return Repeat(free, 0 if at else 1, max(1, longest - at))
    nexts = sorted({text[at] for text in names if len(text) > at})
    ways: list[Node] = []
    if at and all(len(text) > at for text in names):
        ways.append(EMPTY)
    apart = Chars(without(free.ranges, tuple((ord(char), ord(char)) for char in nexts)))
    if apart.ranges and at < longest:
        ways.append(seq(apart, Repeat(free, 0, longest - at)))
    for char in nexts:
        if free.holds(char) and at + 1 < longest:
            below = [text for text in names if text[at : at + 1] == char]
            ways.append(seq(Text(char), _other(below, at + 1, longest)))
    return alt(ways)
