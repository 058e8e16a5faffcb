"""Regular expressions, as JSON Schema's `pattern` uses them, as grammar nodes over a JSON string's inside.

Promise: every text allowed is, once read as JSON, found by the expression; an expression that cannot be
followed here is refused. Narrower than the expression where it would let anything through: characters are
printable, and nothing is put before or after what the expression itself asks for.
"""

from __future__ import annotations

from collections.abc import Sequence

from .nodes import EMPTY, Chars, Node, Repeat, Text, alt, seq

Ranges = tuple[tuple[int, int], ...]

PRINTABLE: Ranges = ((0x20, 0x7E), (0xA0, 0xD7FF), (0xE000, 0xFFFC), (0x10000, 0x1FFFF))
"""What a string may be made of: no control characters, no surrogates, nothing unassigned beyond plane 1."""
_ASCII: Ranges = ((0x20, 0x7E),)
_CONTROLS = {0x08: "b", 0x09: "t", 0x0A: "n", 0x0C: "f", 0x0D: "r"}
_CLASSES: dict[str, Ranges] = {
    "d": ((0x30, 0x39),),
    "w": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
    "s": ((0x20, 0x20),),
}
_NAMED_CHARS = {"n": 0x0A, "t": 0x09, "r": 0x0D, "f": 0x0C, "b": 0x08}
_LONGEST_REPEAT = 4000


class NotFollowed(ValueError):
    """This expression uses what is not followed here."""


def in_json(ranges: Ranges) -> Node:
    """One character of `ranges` as it stands in a JSON string: quotes, backslashes and controls escaped."""
    plain = without(ranges, ((0, 0x1F), (0x22, 0x22), (0x5C, 0x5C)))
    ways: list[Node] = [Chars(plain)] if plain else []
    ways += [Text("\\" + chr(code)) for code in (0x22, 0x5C) if _has(ranges, code)]
    ways += [Text("\\" + letter) for code, letter in _CONTROLS.items() if _has(ranges, code)]
    if not ways:
        raise NotFollowed("it asks for a character that cannot be written")
    return alt(ways)


def without(ranges: Ranges, out: Ranges) -> Ranges:
    """What of `ranges` is in none of `out`, whose ranges ascend."""
    left = list(ranges)
    for first, last in out:
        left = [
            piece
            for low, high in left
            for piece in ((low, min(high, first - 1)), (max(low, last + 1), high))
            if piece[0] <= piece[1]
        ]
    return tuple(left)


def pattern(expression: str) -> Node:
    """What `expression` matches. Raises NotFollowed."""
    parser = _Parser(expression)
    node = parser.choice(top=True)
    if parser.rest:
        raise NotFollowed(f"{parser.rest[:10]!r} is not understood")
    return node


def _has(ranges: Ranges, code: int) -> bool:
    return any(first <= code <= last for first, last in ranges)


def _merged(ranges: Sequence[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


class _Parser:
    """Recursive descent over one expression."""

    def __init__(self, expression: str) -> None:
        self.rest = expression

    def choice(self, *, top: bool = False) -> Node:
        ways = [self.sequence(top)]
        while self.take("|"):
            ways.append(self.sequence(top))
        return alt(ways)

    def sequence(self, top: bool) -> Node:
        """One way; anchors may stand at the ends of an outermost one, where they change nothing here."""
        parts: list[Node] = []
        ended = False
        while top and self.take("^"):
            pass
        while self.rest and self.rest[0] not in "|)":
            if top and self.take("$"):
                ended = True
                continue
            if ended:
                raise NotFollowed("something follows $")
            parts.append(self.repeated(self.atom()))
        return seq(*parts) if parts else EMPTY

    def atom(self) -> Node:
        char = self.next()
        if char == "(":
            return self.group()
        if char == "[":
            return in_json(self.char_class())
        if char == ".":
            return in_json(PRINTABLE)
        if char == "\\":
            return in_json(self.escape())
        if char in "^$*+?{":
            raise NotFollowed(f"{char!r} stands where it is not followed")
        return in_json(((ord(char), ord(char)),))

    def group(self) -> Node:
        if self.take("?"):
            if self.take("P<") or (
                self.rest.startswith("<") and self.rest[1:2] not in "=!" and self.take("<")
            ):
                name, _, self.rest = self.rest.partition(">")
                if not name.isidentifier():
                    raise NotFollowed("a group's name is not understood")
            elif not self.take(":"):
                raise NotFollowed("it looks ahead or behind, or sets a flag")
        inside = self.choice()
        if not self.take(")"):
            raise NotFollowed("a group is not closed")
        return inside

    def repeated(self, part: Node) -> Node:
        low, high = self.times()
        if (low, high) == (1, 1):
            return part
        if low > _LONGEST_REPEAT or (high is not None and high < low):
            raise NotFollowed(f"it repeats something {low} times")
        self.take("?") or self.take("+")
        return Repeat(part, low, high)

    def times(self) -> tuple[int, int | None]:
        for sign, times in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(sign):
                return times
        if not self.rest.startswith("{"):
            return 1, 1
        inside, closed, after = self.rest[1:].partition("}")
        low, comma, high = inside.partition(",")
        if not closed or not (low or "0").isdecimal() or not (high or "0").isdecimal() or not (low or comma):
            raise NotFollowed("a { is not followed by a number of times")
        self.rest = after
        least = int(low or "0")
        return least, (int(high) if high else None) if comma else least

    def char_class(self) -> Ranges:
        negated = self.take("^")
        found: list[tuple[int, int]] = []
        ascii_only = False
        first = True
        while first or not self.rest.startswith("]"):
            first = False
            shorthand = self.rest[:1] == "\\" and self.rest[1:2].lower() in _CLASSES
            ascii_only |= shorthand
            start = self.class_member()
            if shorthand or not (self.rest.startswith("-") and self.rest[1:2] not in ("]", "")):
                found += start
                continue
            self.next()
            stop = self.class_member()
            if len(start) != 1 or len(stop) != 1 or start[0][0] > stop[0][0]:
                raise NotFollowed("a range of characters is not understood")
            found.append((start[0][0], stop[0][0]))
        self.next()
        if negated:
            # What Python's \w and the like hold beyond ASCII is not listed here, so nothing there is offered.
            return without(_ASCII if ascii_only else PRINTABLE, _merged(found))
        return _merged(found)

    def class_member(self) -> Ranges:
        char = self.next()
        return self.escape() if char == "\\" else ((ord(char), ord(char)),)

    def escape(self) -> Ranges:
        char = self.next()
        if char in _CLASSES:
            return _CLASSES[char]
        if char.lower() in _CLASSES:
            return without(_ASCII, _CLASSES[char.lower()])
        if char in _NAMED_CHARS and char != "b":
            code = _NAMED_CHARS[char]
        elif char in "xu":
            size = 2 if char == "x" else 4
            digits, self.rest = self.rest[:size], self.rest[size:]
            try:
                code = int(digits, 16)
            except ValueError:
                raise NotFollowed(f"\\{char}{digits} is no character") from None
        elif char.isalnum():
            raise NotFollowed(f"\\{char} is not followed")
        else:
            code = ord(char)
        return ((code, code),)

    def take(self, text: str) -> bool:
        if not self.rest.startswith(text):
            return False
        self.rest = self.rest[len(text) :]
        return True

    def next(self) -> str:
        if not self.rest:
            raise NotFollowed("it ends too early")
        char, self.rest = self.rest[0], self.rest[1:]
        return char
