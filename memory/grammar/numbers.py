"""Numbers within bounds, as grammar nodes over their decimal digits.

Promise: every text allowed is a JSON number within the bounds, and of integers within at most
`_LONGEST_DIGITS` digits all are allowed. Knows nothing of schemas.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from .nodes import EMPTY, Chars, Node, Repeat, Seq, Text, alt, optional, seq

_LONGEST_DIGITS = 15  # a double holds that many exactly
_MOST_DECIMALS = 6
_FINENESS = 1000  # a range is offered with decimals enough for this many values in it
DIGIT = Chars(((0x30, 0x39),))
_LEADING = Chars(((0x31, 0x39),))


def integers(low: int | None, high: int | None) -> Node | None:
    """Whole numbers from `low` to `high`; None when there are none."""
    most = 10**_LONGEST_DIGITS - 1
    if low is None and high is None:
        return seq(
            optional(Text("-")), alt([Text("0"), seq(_LEADING, Repeat(DIGIT, 0, _LONGEST_DIGITS - 1))])
        )
    least = min(-most, most if high is None else high) if low is None else low
    greatest = max(most, least) if high is None else high
    return _scaled(least, greatest, 0)


def decimals(
    low: Decimal | None, high: Decimal | None, *, without_low: bool = False, without_high: bool = False
) -> Node | None:
    """Numbers from `low` to `high`, either bound left out if asked; None when there are none."""
    if low is None and high is None:
        fraction = optional(seq(Text("."), Repeat(DIGIT, 1, _LONGEST_DIGITS)))
        exponent = optional(seq(Chars(((0x45, 0x45), (0x65, 0x65))), _exponent()))
        whole = integers(None, None)
        assert whole is not None
        return seq(whole, fraction, exponent)
    ways = []
    for places in _places(low, high):
        least, greatest = _least(low, places, without_low), _greatest(high, places, without_high)
        limit = 10**_LONGEST_DIGITS - 1
        if least is None:
            least = min(-limit, limit if greatest is None else greatest)
        if greatest is None:
            greatest = max(limit, least)
        node = _scaled(least, greatest, places)
        if node is not None:
            ways.append(node)
    return alt(ways) if ways else None


def whole_bounds(
    low: Decimal | None, high: Decimal | None, without_low: bool, without_high: bool
) -> tuple[int | None, int | None]:
    """The least and the greatest whole number within bounds."""
    return _least(low, 0, without_low), _greatest(high, 0, without_high)


def _exponent() -> Node:
    return seq(optional(Chars(((0x2B, 0x2B), (0x2D, 0x2D)))), Repeat(DIGIT, 1, 2))


def _places(low: Decimal | None, high: Decimal | None) -> list[int]:
    """How many decimals are offered: none, few, and as many as the bounds have or a narrow range needs."""
    needed = max(-int(bound.normalize().as_tuple().exponent) for bound in (low, high) if bound is not None)
    if low is not None and high is not None and high > low:
        needed = max(needed, math.ceil(math.log10(_FINENESS / float(high - low))))
    most = max(0, min(needed, 12))
    return sorted({0, 1, 2, *((most,) if most else ()), _MOST_DECIMALS if most <= _MOST_DECIMALS else most})


def _least(bound: Decimal | None, places: int, without: bool) -> int | None:
    if bound is None:
        return None
    scaled = bound.scaleb(places)
    least = int(scaled.to_integral_value(ROUND_CEILING))
    return least + 1 if without and least == scaled else least


def _greatest(bound: Decimal | None, places: int, without: bool) -> int | None:
    if bound is None:
        return None
    scaled = bound.scaleb(places)
    greatest = int(scaled.to_integral_value(ROUND_FLOOR))
    return greatest - 1 if without and greatest == scaled else greatest


def _scaled(least: int, greatest: int, places: int) -> Node | None:
    """The numbers n / 10**places for n from `least` to `greatest`."""
    ways = []
    if least < 0 and least <= greatest:
        ways.append(seq(Text("-"), alt(_positive(max(1, -greatest), -least, places))))
    if greatest >= 0 and least <= greatest:
        ways += _positive(max(0, least), greatest, places)
    return alt(ways) if ways else None


def _positive(low: int, high: int, places: int) -> list[Node]:
    ways = []
    for digits in range(max(len(str(low)), places + 1), max(len(str(high)), places + 1) + 1):
        shortest = 0 if digits == places + 1 else 10 ** (digits - 1)
        first, last = max(low, shortest), min(high, 10**digits - 1)
        if first <= last:
            ways.append(_between(f"{first:0{digits}d}", f"{last:0{digits}d}", places))
    return ways


def _between(low: str, high: str, places: int) -> Node:
    """Digit strings of one length from `low` to `high`, with a point before the last `places` digits."""
    if not low:
        return EMPTY
    if set(low) == {"0"} and set(high) == {"9"}:
        return _any_digits(len(low), places)
    point = Text(".") if places and len(low) == places else EMPTY
    if low[0] == high[0]:
        return seq(point, Text(low[0]), _between(low[1:], high[1:], places))
    rest = len(low) - 1
    ways = []
    first, last = int(low[0]), int(high[0])
    if set(low[1:]) - {"0"}:
        ways.append(seq(Text(low[0]), _between(low[1:], "9" * rest, places)))
        first += 1
    above = []
    if set(high[1:]) - {"9"}:
        above.append(seq(Text(high[0]), _between("0" * rest, high[1:], places)))
        last -= 1
    if first <= last:
        ways.append(seq(Chars(((0x30 + first, 0x30 + last),)), _any_digits(rest, places)))
    return seq(point, alt([*ways, *above]))


def _any_digits(count: int, places: int) -> Node:
    if not places or count < places:
        return Repeat(DIGIT, count, count) if count else EMPTY
    before = count - places
    head: Node = Repeat(DIGIT, before, before) if before else Seq(())
    return seq(head, Text("."), Repeat(DIGIT, places, places))
