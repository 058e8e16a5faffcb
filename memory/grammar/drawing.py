"""Random texts out of a grammar: what a model might say that knows nothing but its rules."""

from __future__ import annotations

import random

from .nodes import Alt, Chars, Grammar, Node, Repeat, Rule, Seq, Text

_ASCII_SHARE = 0.9  # of the characters, so that the texts can be read


def drawn(grammar: Grammar, rng: random.Random, longest: int = 400) -> str:
    """A random text the grammar allows, or the beginning of one when it grows long."""
    said: list[str] = []
    waiting: list[Node] = [Rule(grammar.root)]
    length = 0
    while waiting and length < longest:
        node = waiting.pop()
        match node:
            case Text(text):
                said.append(text)
                length += len(text)
            case Chars(ranges):
                low, high = rng.choice(ranges[: 1 if rng.random() < _ASCII_SHARE else None])
                said.append(chr(rng.randint(low, high)))
                length += 1
            case Rule(name):
                waiting.append(grammar.rules[name])
            case Alt(ways):
                waiting.append(rng.choice(ways))
            case Seq(parts):
                waiting += reversed(parts)
            case Repeat(part, low, high):
                most = low + 3 if high is None else min(high, low + 3)
                waiting += [part] * rng.randint(low, most)
    return "".join(said)
