"""Compaction: the day's talk becomes candidate memories, each quoting the user's own words.

Promise: nothing is proposed that the scribe or a rule did not read in a user's turn. Whether a candidate
becomes a memory is the filter's business.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import cache

from ..memory.engine import Completion, Message, Mount, Sampling, WakeEngine
from ..memory.errors import ContextOverflow
from ..verifiers.support import stands_in
from . import kinds, scribe
from .by_name import names_among, with_nouns
from .harvest import HarvestedTurn
from .kinds import Fact
from .questions import may_mean_the_same
from .records import Candidate
from .rule_words import is_pet
from .rules import read_by_rules
from .settings import CompactSettings
from .spans import sentences

_CORRECTS = re.compile(
    r"\b(actually|no longer|not any ?more|any ?more|scratch that|correction|i meant|instead|these days|as of|"
    r"changed|now(?! and then)|no,|wait|sorry|used to|moved|switched|swapped|sold|turned|renamed|since)\b",
    re.IGNORECASE,
)
_FEW_SHOT_KINDS = 6
_ANSWER_TOKENS = 96
_ALIKE = 0.65  # share of the letters of two words that are the same
_RELATIVES = {
    "bro": "brother",
    "hubby": "husband",
    "lad": "son",
    "lass": "daughter",
    "missus": "wife",
    "sis": "sister",
}
USER = "user"
_PAST = re.compile(r"\b(?:previous|former|past|old|first)\b")
_NOTES = Sampling(max_tokens=_ANSWER_TOKENS)
_AT_ONCE = 16  # turns read side by side
_LEAST_CHARS = 200  # a piece that does not fit and is shorter means that no piece can


@dataclass(frozen=True, slots=True)
class Scribe:
    """Who plays the role: an engine, with the role adapter or, for a larger base, by examples alone."""

    engine: WakeEngine
    adapter: Mount | None

    @property
    def name(self) -> str:
        return self.adapter.name if self.adapter else "base"

    def write(self, prompt: str, request: str, sampling: Sampling) -> Completion:
        return self.engine.complete(self._shown(prompt, request), sampling, adapters=self._stack)

    def write_all(self, prompt: str, asked: Sequence[tuple[str, Sampling]]) -> list[Completion]:
        """What it writes to each (request, sampling), side by side."""
        questions = [(self._shown(prompt, request), sampling) for request, sampling in asked]
        return self.engine.complete_all(questions, adapters=self._stack)

    @property
    def _stack(self) -> tuple[Mount, ...]:
        return (self.adapter,) if self.adapter else ()

    def _shown(self, prompt: str, request: str) -> list[Message]:
        shown = [] if self.adapter else _examples(prompt)
        return [Message("system", prompt), *shown, Message("user", request)]


def _examples(prompt: str) -> list[Message]:
    """Worked examples from the bank, for a base that no role adapter was trained for."""
    messages: list[Message] = []
    step = len(kinds.bank()) // _FEW_SHOT_KINDS
    for kind in kinds.bank()[::step][:_FEW_SHOT_KINDS]:
        if prompt == scribe.ASKING_PROMPT:
            told = kinds.tell(kind.told[0], random.Random(0))[0]
            messages += [
                Message("user", scribe.asking_request(*kind.key, told)),
                Message("assistant", scribe.asking_reply(kind.asked[:5])),
            ]
            continue
        text, facts = kinds.tell(kind.told[0], random.Random(0))
        messages += [
            Message("user", scribe.notes_request(text)),
            Message("assistant", scribe.notes_reply(facts)),
            Message("user", scribe.notes_request(kinds.talk_without_facts()[len(messages)])),
            Message("assistant", scribe.NOTHING),
        ]
    return messages


def pieces(text: str, max_words: int) -> list[str]:
    """The turn in runs of whole sentences of at most `max_words`; a longer sentence is cut at a word."""
    out: list[str] = []
    for sentence in sentences(text):
        tokens = sentence.split()
        for start in range(0, len(tokens), max_words):
            part = " ".join(tokens[start : start + max_words])
            if out and len(out[-1].split()) + len(part.split()) <= max_words:
                out[-1] = f"{out[-1]} {part}"
            else:
                out.append(part)
    return out


def quote_for(value: str, text: str) -> str:
    """The sentence of `text` that holds `value`; the whole text when the value spans two."""
    return next((sentence for sentence in sentences(text) if stands_in(value, sentence)), text)


@cache
def _known_subjects() -> frozenset[str]:
    return frozenset(kind.subject for kind in kinds.bank())


def as_told(subject: str, text: str) -> str:
    """The word of `text` that a small scribe misspelt as `subject`: a lad for a "lady", a Fusca for a "fuse".

    One that stands in the text, or that the bank knows, is left as it is. Everyday words for relatives become
    the plain ones.
    """
    words = dict.fromkeys(re.findall(r"[^\W\d_]+", text.casefold()))
    if " " not in subject and subject not in words and subject not in _known_subjects():
        near = [word for word in words if word[:3] == subject[:3] and _alike(word, subject) >= _ALIKE]
        subject = max(near, key=lambda word: _alike(word, subject), default=subject)
    return _RELATIVES.get(subject, subject)


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _line_confidences(completion: Completion) -> list[float]:
    """Mean log-probability of the tokens of each line of an answer."""
    sums: list[list[float]] = [[]]
    for token in completion.tokens:
        sums[-1].append(token.logprob)
        if "\n" in token.text:
            sums.append([])
    return [sum(line) / len(line) if line else 0.0 for line in sums]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some sentences of a turn, with the words said just before them. Both are shown to the scribe with the
    nouns of those whom the user named earlier.
    """

    text: str
    said_before: str
    turn: HarvestedTurn
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        return with_nouns(self.text, self.names)

    @property
    def before(self) -> str:
        return with_nouns(self.said_before, self.names)

    @property
    def request(self) -> str:
        return scribe.notes_request(self.shown, self.before)


def _pieces_of(turn: HarvestedTurn, max_words: int, names: Mapping[str, str]) -> list[_Piece]:
    texts = pieces(turn.content, max_words)
    before = [turn.before, *texts]
    said = [" ".join(earlier.split()[-max_words:]) for earlier in before]
    return [_Piece(text, earlier, turn, names) for text, earlier in zip(texts, said, strict=False)]


def _read_all(writer: Scribe, read: Sequence[_Piece], limit: int) -> list[list[Candidate]]:
    """What the scribe notes of each piece, which it reads side by side."""
    try:
        notes = writer.write_all(scribe.NOTES_PROMPT, [(piece.request, _NOTES) for piece in read])
    except ContextOverflow:
        return [_read_piece(writer, piece, limit) for piece in read]
    return [_noted(writer, piece, note, limit) for piece, note in zip(read, notes, strict=True)]


def _read_piece(writer: Scribe, piece: _Piece, limit: int) -> list[Candidate]:
    try:
        return _noted(writer, piece, writer.write(scribe.NOTES_PROMPT, piece.request, _NOTES), limit)
    except ContextOverflow:
        # Few words can be many tokens (a pasted key, a script without spaces), and must not stop the night.
        if piece.before:
            return _read_piece(writer, replace(piece, said_before=""), limit)
        if len(piece.text) < _LEAST_CHARS:
            raise
        middle = len(piece.text) // 2
        halves = (piece.text[:middle], piece.text[middle:])
        return [found for half in halves for found in _read_piece(writer, replace(piece, text=half), limit)]


def _noted(writer: Scribe, piece: _Piece, note: Completion, limit: int) -> list[Candidate]:
    confidences = _line_confidences(note)
    found: list[Candidate] = []
    for number, line in enumerate(note.text.splitlines()):
        for subject, attribute, value in scribe.read_notes(line):
            confidence = confidences[min(number, len(confidences) - 1)]
            quote = quote_for(value, piece.text)
            subject = as_told(subject, f"{piece.before} {piece.shown}")
            corrects = bool(_CORRECTS.search(piece.text))
            turn_id = piece.turn.id
            found.append(
                Candidate(subject, attribute, value, quote, turn_id, writer.name, confidence, corrects)
            )
    return list(dict.fromkeys(found))[:limit]


def _with_rules(written: Sequence[Candidate], piece: _Piece) -> list[Candidate]:
    """What the scribe wrote, and what the rules read beside it.

    Where the scribe gives the user what the rules read as somebody else's, or a name to somebody else, the
    rules' reading holds.
    """
    read = [
        Candidate(subject, attribute, value, quote_for(value, piece.text), piece.turn.id, "rules")
        for subject, attribute, value in read_by_rules(piece.shown)
    ]
    kept = [*written]
    for rule in read:
        same = [each for each in kept if each.value.casefold() == rule.value.casefold()]
        mistaken = [each for each in same if _mistaken(each, rule, piece.shown)]
        if mistaken or not same:
            kept = [each for each in kept if each not in mistaken]
            kept.append(rule)
    return kept


def _mistaken(written: Candidate, rule: Candidate, text: str) -> bool:
    """Whether the scribe took what the rules read plainly for something else, or for somebody else's.

    A name is another's where that other stands in the text too; the scribe's own word for whoever has the
    name ("dog" for a dachshund) is left, if it is for an animal. So is its own word for the same thing.
    """
    if may_mean_the_same(_pair(written), [_pair(rule)]):
        return False
    if USER not in (written.subject, rule.subject) and written.subject != rule.subject:
        if written.attribute == rule.attribute == "name":
            beside = re.search(rf"\b{re.escape(written.subject)}\b", text.casefold())
            return not is_pet(rule.subject) or bool(beside)
        if written.attribute != rule.attribute and {*written.subject.split()}.isdisjoint(
            rule.subject.split()
        ):
            return False
    return not _of_one_thing(written, rule)


def _of_one_thing(written: Candidate, rule: Candidate) -> bool:
    """Whether both name the same in other words: "favourite trail" and "favourite hiking trail"."""
    ours, theirs = written.attribute.split(), rule.attribute.split()
    if written.subject != rule.subject:
        return not (
            {*ours}.isdisjoint(rule.subject.split()) and {*theirs}.isdisjoint(written.subject.split())
        )
    past = [bool(_PAST.search(each.attribute)) for each in (written, rule)]
    return past[0] is past[1] and not {*ours}.isdisjoint(theirs)


def _pair(candidate: Candidate) -> kinds.Pair:
    return candidate.subject, candidate.attribute


def compact(
    turns: Sequence[HarvestedTurn],
    writer: Scribe,
    settings: CompactSettings,
    progress: Callable[[int, int], None] = lambda done, total: None,
    told: Iterable[Fact] = (),
) -> list[Candidate]:
    """Candidates in the order they were told; rules add what the scribe did not find.

    Who has a name in `told`, or was given one earlier, is known by it. As turns are read side by
    side, those that turn out to name somebody are read once more.
    """
    found: list[Candidate] = []
    told = [*told]
    for at in range(0, len(turns), _AT_ONCE):
        some = turns[at : at + _AT_ONCE]
        known = names_among((*told, *map(_fact, found)))
        read = [piece for turn in some for piece in _pieces_of(turn, settings.max_words, known)]
        noted = _read_all(writer, read, settings.lines_per_turn)
        again = _named_since(read, noted, (*told, *map(_fact, found)))
        noted_again = _read_all(writer, [*again.values()], settings.lines_per_turn)
        for place, notes in zip(again, noted_again, strict=True):
            read[place], noted[place] = again[place], notes
        for piece, notes in zip(read, noted, strict=True):
            found.extend(_with_rules(notes, piece))
        progress(at + len(some), len(turns))
    return found


def _fact(candidate: Candidate) -> Fact:
    return candidate.subject, candidate.attribute, candidate.value


def _named_since(
    read: Sequence[_Piece], noted: Sequence[Sequence[Candidate]], told: Iterable[Fact]
) -> dict[int, _Piece]:
    """Place -> the piece as it is to be read, of those that name somebody whom an earlier one named."""
    facts = [*told]
    again: dict[int, _Piece] = {}
    for place, (piece, notes) in enumerate(zip(read, noted, strict=True)):
        better = replace(piece, names=names_among(facts))
        if better.shown != piece.shown:
            again[place] = better
        facts += map(_fact, _with_rules(notes, piece))
    return again
