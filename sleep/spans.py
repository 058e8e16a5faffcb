"""Stretches of a turn, and where words stand in it: what taint, secrets and forgetting are marked with.

Promise: offsets are those of the text as it was given. Pure; knows nothing of why a stretch is marked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..verifiers.match import plain

_WORD = re.compile(r"[^\W_]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Span:
    """text[start:end], and why it is marked, as a clause for a person."""

    start: int
    end: int
    why: str

    def overlaps(self, start: int, end: int) -> bool:
        return self.start < end and start < self.end


def sentences(text: str) -> list[str]:
    """The sentences of `text`, without the white space around them."""
    return [piece.strip() for piece in _SENTENCE_END.split(text) if piece.strip()]


def tokens(text: str) -> list[tuple[str, int, int]]:
    """(folded word, start, end) of every word of `text`; hyphens and apostrophes part words."""
    return [(plain(found.group()), found.start(), found.end()) for found in _WORD.finditer(text)]


def places(value: str, text: str) -> list[tuple[int, int]]:
    """(start, end) of each run of words in `text` that is `value`, whatever its case and marks."""
    wanted = [word for word, _, _ in tokens(value)]
    have = tokens(text)
    n = len(wanted)
    if not n:
        return []
    return [
        (have[i][1], have[i + n - 1][2])
        for i in range(len(have) - n + 1)
        if [word for word, _, _ in have[i : i + n]] == wanted
    ]


def find_folded(words: str, text: str) -> list[tuple[int, int]]:
    """(start, end) of each place where `words` stand in `text` with the white space folded in both."""
    flat: list[str] = []
    origin: list[int] = []
    for found in re.finditer(r"\S+", text):
        if flat:
            flat.append(" ")
            origin.append(found.start() - 1)
        flat.extend(found.group())
        origin.extend(range(found.start(), found.end()))
    line, wanted = "".join(flat), " ".join(words.split())
    out: list[tuple[int, int]] = []
    at = line.find(wanted) if wanted else -1
    while at >= 0:
        out.append((origin[at], origin[at + len(wanted) - 1] + 1))
        at = line.find(wanted, at + 1)
    return out


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same stretches in order, none overlapping another; the first reason stays."""
    out: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if out and span.start < out[-1].end:
            if span.end > out[-1].end:
                out[-1] = Span(out[-1].start, span.end, out[-1].why)
        elif span.end > span.start:
            out.append(span)
    return out


def replaced(text: str, spans: Sequence[Span], by: str) -> str:
    """`text` with each stretch replaced."""
    out, at = [], 0
    for span in merged(spans):
        out += [text[at : span.start], by]
        at = span.end
    return "".join((*out, text[at:]))


def inside(spans: Sequence[Span], start: int, end: int) -> Span | None:
    """The first stretch that text[start:end] overlaps."""
    return next((span for span in spans if span.overlaps(start, end)), None)
