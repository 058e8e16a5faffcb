"""So many of something, parted by commas, as grammar nodes.

Promise: a count left open comes to an end at `MOST_ITEMS` more than it must have.
"""

from __future__ import annotations

from collections.abc import Sequence

from .nodes import EMPTY, Node, Repeat, Text, seq

COMMA = Text(", ")
MOST_ITEMS = 64


def items(firsts: Sequence[Node], item: Node | None, low: int, high: int) -> Node:
    """`low` to `high` values parted by commas: `firsts`, each in its place, and then any number of `item`."""
    left = high - len(firsts)
    if item is None or left <= 0:
        rest: Node = EMPTY
    elif firsts:
        rest = Repeat(seq(COMMA, item), max(0, low - len(firsts)), left)
    else:
        least = max(0, low - 1)
        some = seq(item, Repeat(seq(COMMA, item), least, left - 1)) if left > 1 else item
        rest = some if low else Repeat(some, 0, 1)
    for at in range(len(firsts) - 1, -1, -1):
        rest = seq(COMMA if at else EMPTY, firsts[at], rest)
        if at >= low:
            rest = Repeat(rest, 0, 1)
    return rest


def others(more: Node | None, comma: Node, low: int, high: int | None) -> Node | None:
    """`low` to `high` properties that were not declared, where `more` is one of them."""
    low = max(0, low)
    if more is None or high == 0:
        return EMPTY if not low else None
    most = low + MOST_ITEMS if high is None else high
    if most < low:
        return None
    some = (
        seq(comma, more, Repeat(seq(COMMA, more), max(0, low - 1), most - 1))
        if most > 1
        else seq(comma, more)
    )
    return some if low else Repeat(some, 0, 1)
