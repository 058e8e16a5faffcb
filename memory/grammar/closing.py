"""How far a text has come in a grammar, and the shortest way from there to its end.

Promise: `closed(grammar, text)` is always a text the grammar allows, whatever `text` is; it begins with as
much of `text` as any allowed text does. Knows characters; nothing of tokens or models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from .nodes import EMPTY, Alt, Chars, Grammar, Node, Repeat, Rule, Seq, Text

# What is still to come: a node and what follows it; None at the end.
_Path = tuple[Node, "_Path | None"]
_PREFERRED = "ax0 "


def closed(grammar: Grammar, text: str) -> str:
    """The longest beginning of `text` the grammar allows, ended as shortly as it can be."""
    return Reader(grammar).close(text)


class Reader:
    """Follows texts through one grammar, whose every rule must come to an end somewhere."""

    def __init__(self, grammar: Grammar) -> None:
        self._rules = grammar.rules
        self._root = Rule(grammar.root)
        self._rest: dict[tuple[int, int], Node] = {}  # the same rest is the same node, so that paths meet

    def allows(self, text: str) -> bool:
        """Whether `text`, as a whole, is allowed."""
        read, paths = self._follow(text)
        return read == len(text) and None in paths

    def close(self, text: str) -> str:
        """See `closed`."""
        read, paths = self._follow(text)
        return text[:read] + min((self._ending(path) for path in paths), key=len)

    def _follow(self, text: str) -> tuple[int, set[_Path | None]]:
        paths = self._open([(self._root, None)])
        for read, char in enumerate(text):
            further = self._open(self._step(paths, char))
            if not further:
                return read, paths
            paths = further
        return len(text), paths

    def _step(self, paths: Iterable[_Path | None], char: str) -> list[_Path | None]:
        further: list[_Path | None] = []
        for path in paths:
            if path is None:
                continue
            node, rest = path
            if isinstance(node, Chars) and node.holds(char):
                further.append(rest)
            elif isinstance(node, Text) and node.text[0] == char:
                further.append(rest if len(node.text) == 1 else (self._tail(node), rest))
        return further

    def _open(self, paths: Iterable[_Path | None]) -> set[_Path | None]:
        """The paths with what stands first in each opened up, until that is a character or the end."""
        waiting, seen, opened = list(paths), set[_Path | None](), set[_Path | None]()
        while waiting:
            path = waiting.pop()
            if path in seen:
                continue
            seen.add(path)
            if path is None or isinstance(path[0], Chars | Text):
                opened.add(path)
                continue
            node, rest = path
            match node:
                case Rule(name):
                    waiting.append((self._rules[name], rest))
                case Alt(ways):
                    waiting += [(way, rest) for way in ways]
                case Seq(parts):
                    for part in reversed(parts):
                        rest = (part, rest)
                    waiting.append(rest)
                case Repeat(part, low, high):
                    if not low:
                        waiting.append(rest)
                    if high is None or high > 0:
                        waiting.append((part, (self._once_less(node), rest)))
                case _:
                    raise TypeError(node)
        return opened

    def _tail(self, node: Text) -> Node:
        return self._remembered((id(node), -1), lambda: Text(node.text[1:]))

    def _once_less(self, node: Repeat) -> Node:
        low, high = max(0, node.low - 1), None if node.high is None else node.high - 1
        if high == 0:
            return EMPTY
        if low == node.low and high is None:
            return node
        return self._remembered((id(node), -2), lambda: Repeat(node.part, low, high))

    def _remembered(self, key: tuple[int, int], make: Callable[[], Node]) -> Node:
        if key not in self._rest:
            self._rest[key] = make()
        return self._rest[key]

    def _ending(self, path: _Path | None) -> str:
        words = []
        while path is not None:
            words.append(shortest(path[0], self._endings) or "")
            path = path[1]
        return "".join(words)

    @cached_property
    def _endings(self) -> dict[str, str]:
        return shortest_rules(self._rules)


def shortest_rules(rules: Mapping[str, Node]) -> dict[str, str]:
    """The shortest text of each rule that has one; rules that refer to each other settle round by round."""
    known: dict[str, str] = {}
    changed = True
    while changed:
        changed = False
        for name, node in rules.items():
            found = shortest(node, known)
            if found is not None and (name not in known or len(found) < len(known[name])):
                known[name], changed = found, True
    return known


def shortest(node: Node, known: Mapping[str, str]) -> str | None:
    """The shortest text `node` allows, by the rules whose shortest texts are known; None when none is."""
    match node:
        case Text(text):
            return text
        case Chars(ranges):
            return next((char for char in _PREFERRED if node.holds(char)), chr(ranges[0][0]))
        case Seq(parts):
            texts = [shortest(part, known) for part in parts]
            return None if None in texts else "".join(text for text in texts if text)
        case Repeat(part, low, _):
            once = shortest(part, known) if low else ""
            return None if once is None else once * low
        case Alt(ways):
            ended = [short for way in ways if (short := shortest(way, known)) is not None]
            return min(ended, key=len) if ended else None
        case Rule(name):
            return known.get(name)
