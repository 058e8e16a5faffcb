"""A grammar as a tree of nodes, and as GBNF, which llama.cpp reads.

Promise: the GBNF text allows exactly the texts that the nodes allow. Knows nothing of JSON or of schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_BLOCK = 64  # repetitions are written in blocks, since llama.cpp refuses long ones
_OUTSIDE = '"\\'


@dataclass(frozen=True, eq=False, slots=True)
class Text:
    """These characters, in this order."""

    text: str


@dataclass(frozen=True, eq=False, slots=True)
class Chars:
    """One character whose code point lies in one of the (first, last) ranges."""

    ranges: tuple[tuple[int, int], ...]

    def holds(self, char: str) -> bool:
        code = ord(char)
        return any(first <= code <= last for first, last in self.ranges)


@dataclass(frozen=True, eq=False, slots=True)
class Seq:
    """One after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Alt:
    """Any one of them."""

    ways: tuple[Node, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Repeat:
    """`part`, at least `low` times and at most `high` times (None: without end)."""

    part: Node
    low: int
    high: int | None


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """What the grammar's rule of this name allows."""

    name: str


Node = Text | Chars | Seq | Alt | Repeat | Rule
EMPTY = Seq(())


@dataclass(frozen=True, eq=False)
class Grammar:
    """Named rules; texts are held to the one called `root`."""

    rules: Mapping[str, Node]
    root: str = "root"

    def gbnf(self) -> str:
        """The grammar as llama.cpp reads it."""
        return _Writer(self).text()


def seq(*parts: Node) -> Node:
    """The parts one after the other; neighbouring texts become one."""
    flat: list[Node] = []
    for part in parts:
        for each in part.parts if isinstance(part, Seq) else (part,):
            if isinstance(each, Text) and flat and isinstance(flat[-1], Text):
                flat[-1] = Text(flat[-1].text + each.text)
            elif not (isinstance(each, Text) and not each.text):
                flat.append(each)
    return flat[0] if len(flat) == 1 else Seq(tuple(flat))


def alt(ways: Sequence[Node]) -> Node:
    """Any of the ways, of which there must be one."""
    if not ways:
        raise ValueError("an alternative needs at least one way")
    return ways[0] if len(ways) == 1 else Alt(tuple(ways))


def optional(part: Node) -> Node:
    """The part, or nothing."""
    return Repeat(part, 0, 1)


def one_of(words: Sequence[str]) -> Node:
    """Any of the words, which share their beginnings, so that a long list costs little at each character."""
    return _trie(sorted(set(words)), 0)


def _trie(words: Sequence[str], at: int) -> Node:
    if len(words) == 1:
        return seq(Text(words[0][at:]))
    ways: list[Node] = []
    start = 0
    if len(words[0]) == at:
        ways, start = [EMPTY], 1
    while start < len(words):
        stop = start
        while stop < len(words) and words[stop][at] == words[start][at]:
            stop += 1
        group = words[start:stop]
        shared = _shared(group)
        ways.append(seq(Text(group[0][at:shared]), _trie(group, shared)))
        start = stop
    return alt(ways)


def _shared(words: Sequence[str]) -> int:
    first, last = words[0], words[-1]
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))


@dataclass
class _Writer:
    grammar: Grammar
    names: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    shared: dict[tuple[int, str], str] = field(default_factory=dict)

    def text(self) -> str:
        self.names = {name: f"r{number}" for number, name in enumerate(self.grammar.rules)}
        self.names[self.grammar.root] = "root"
        for name, node in self.grammar.rules.items():
            self.lines.append(f"{self.names[name]} ::= {self.write(node)}")
        return "\n".join(self.lines) + "\n"

    def write(self, node: Node) -> str:
        match node:
            case Text(text):
                return '"' + "".join(map(_literal, text)) + '"'
            case Chars(ranges):
                return "[" + "".join(map(_range, ranges)) + "]"
            case Rule(name):
                return self.names[name]
            case Seq(parts):
                return " ".join(self.write(part) for part in parts) if parts else '""'
            case Alt(ways):
                return "(" + " | ".join(self.write(way) for way in ways) + ")"
            case Repeat(part, low, high):
                return self.repeat(part, low, high)

    def repeat(self, part: Node, low: int, high: int | None) -> str:
        unit = self.unit(part)
        words = [self.exactly(part, unit, low)] if low else []
        if high is None:
            words.append(f"{unit}*")
        elif high > low:
            words.append(self.at_most(part, unit, high - low))
        return " ".join(words) if words else '""'

    def exactly(self, part: Node, unit: str, times: int) -> str:
        blocks, rest = divmod(times, _BLOCK)
        words = [f"{self.block(part, unit)}{{{blocks}}}"] if blocks else []
        if rest:
            words.append(unit if rest == 1 else f"{unit}{{{rest}}}")
        return " ".join(words)

    def at_most(self, part: Node, unit: str, times: int) -> str:
        if times <= _BLOCK:
            return f"{unit}{{0,{times}}}"
        blocks, rest = divmod(times, _BLOCK)
        block = self.block(part, unit)
        below = f"{block}{{0,{blocks - 1}}} {unit}{{0,{_BLOCK - 1}}}"
        return f"({below} | {block}{{{blocks}}} {unit}{{0,{rest}}})"

    def unit(self, part: Node) -> str:
        """A name for what is repeated, so that repeating it is cheap to parse."""
        if isinstance(part, Chars | Rule):
            return self.write(part)
        return self.named(part, "unit", lambda: self.write(part))

    def block(self, part: Node, unit: str) -> str:
        return self.named(part, "block", lambda: f"{unit}{{{_BLOCK}}}")

    def named(self, part: Node, kind: str, body: Callable[[], str]) -> str:
        key = (id(part), kind)
        if key not in self.shared:
            name = self.shared[key] = f"{kind}{len(self.shared)}"
            self.lines.append(f"{name} ::= {body()}")
        return self.shared[key]


def _literal(char: str) -> str:
    if char in _OUTSIDE:
        return "\\" + char
    return char if " " <= char <= "~" else _hex(ord(char))


def _range(ends: tuple[int, int]) -> str:
    first, last = ends
    return _hex(first) if first == last else f"{_hex(first)}-{_hex(last)}"


def _hex(code: int) -> str:
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
