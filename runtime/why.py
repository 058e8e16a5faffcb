"""Where an answer comes from: the memories that a question asks for or an answer states, the turns they rest
on, the night that made them, the adapters that learnt them.

Promise: answers from records alone (memories, verdicts, training questions, manifests), and works beside the
home's owner. It says what was told that fits, not what a network computed.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ..graphs.context import keywords
from ..memory.journal import Journal, Memory, Turn
from ..memory.manifest import Manifest
from ..sleep.forgetting import folded
from ..sleep.questions import asked_for, plain_questions
from ..sleep.spans import places, tokens
from .served import memories_now, version_served
from .workspace import Workspace

_MOST = 3
_LEAST_SHARE = 0.5  # of the weight of the text's telling words that a memory must explain
_SHOWN_ANSWERS = 3


@dataclass(frozen=True)
class SourceTurn:
    id: int
    session: str
    at: datetime
    words: str


@dataclass(frozen=True)
class Origin:
    """One memory and all that is behind it. `because` says how it fits; `adapters` are oldest first."""

    id: str
    statement: str
    state: str
    reason: str
    because: str
    turns: Sequence[SourceTurn]
    night: str | None
    verdict: str
    adapters: Sequence[str]
    in_served: bool


@dataclass(frozen=True)
class SaidTurn:
    id: int
    session: str
    at: datetime
    adapter: str | None


@dataclass(frozen=True)
class Explanation:
    """`memories` best first, none when nothing told explains the text; `answers` are turns that said it."""

    text: str
    served: str | None
    memories: Sequence[Origin]
    answers: Sequence[SaidTurn]


def explain(space: Workspace, text: str) -> Explanation:
    """What is behind a question or an answer."""
    journal = space.journal
    known = [memory for memory in memories_now(space) if memory.state not in ("forgotten", "rejected")]
    asked = training_questions(space)
    version = version_served(space)
    served = version.id if version else None
    manifests = space.shelf.adapters()
    found = [
        _origin(journal, memory, because, manifests, served)
        for memory, because in _fitting(text, known, asked)
    ]
    return Explanation(text, served, found, _said(journal, text))


def _fitting(
    text: str, memories: Sequence[Memory], asked: Mapping[str, frozenset[str]]
) -> list[tuple[Memory, str]]:
    """The memories that fit best, and how: trained for this question, stated by it, or asked for by it."""
    same = asked.get(folded(text), frozenset())
    exact = [memory for memory in memories if memory.id in same]
    if exact:
        return [(memory, "this question was trained for it") for memory in exact]
    bags = {memory.id: _words_about(memory) for memory in memories}
    common = Counter(word for bag in bags.values() for word in bag)
    wanted = {word for word, _, _ in tokens(keywords(text))}
    weight = {word: math.log(1 + len(memories) / (1 + common[word])) + 0.1 for word in wanted}
    whole = sum(weight.values())
    scored = []
    for memory in memories:
        stated = bool(places(memory.value, text))
        share = sum(weight[word] for word in wanted & bags[memory.id]) / whole if whole else 0.0
        if stated and (share >= _LEAST_SHARE or len(wanted) <= len(tokens(memory.value))):
            scored.append((1 + share, memory, "the text states its value"))
        elif share >= _LEAST_SHARE:
            scored.append((share, memory, "the text asks for it"))
    best = max((score for score, _, _ in scored), default=0.0)
    near = [row for row in scored if row[0] >= 0.8 * best]
    near.sort(key=lambda row: (-row[0], row[1].created_at))
    return [(memory, because) for _, memory, because in near[:_MOST]]


def _words_about(memory: Memory) -> frozenset[str]:
    about = (memory.subject, memory.attribute)
    texts = (*about, memory.value, *asked_for(*about), *plain_questions(*about))
    bag = {word for text in texts for word, _, _ in tokens(keywords(text))}
    return frozenset(bag - {"user"})


def training_questions(space: Workspace) -> dict[str, frozenset[str]]:
    """Folded question -> ids of the memories it was trained for, from what the nights left on the disk."""
    found: dict[str, set[str]] = {}
    for path in sorted(space.home.nights_path.glob("*/training.jsonl")):
        with suppress(OSError, ValueError):
            for line in path.read_text().splitlines():
                row = json.loads(line)
                if row.get("memory"):
                    found.setdefault(folded(row["question"]), set()).add(row["memory"])
    return {question: frozenset(ids) for question, ids in found.items()}


def _origin(
    journal: Journal, memory: Memory, because: str, manifests: Iterable[Manifest], served: str | None
) -> Origin:
    learnt = [m.id for m in manifests if any(each.id == memory.id for each in m.memories)]
    verdicts = journal.verdicts(memory.night_id) if memory.night_id else []
    return Origin(
        id=memory.id,
        statement=memory.statement,
        state=memory.state,
        reason=memory.reason,
        because=because,
        turns=[_source(journal.turn(id)) for id in memory.turn_ids],
        night=memory.night_id,
        verdict=next((v.reason for v in verdicts if v.memory == memory.id), ""),
        adapters=learnt,
        in_served=served in learnt,
    )


def _source(turn: Turn) -> SourceTurn:
    return SourceTurn(turn.id, turn.session_id, turn.created_at, turn.content)


def _said(journal: Journal, text: str) -> list[SaidTurn]:
    """The latest answers of the journal that were just this text."""
    wanted = folded(text)
    said = [
        SaidTurn(turn.id, turn.session_id, turn.created_at, turn.adapter)
        for session in journal.sessions()
        for turn in journal.turns(session.id)
        if turn.role == "assistant" and wanted and folded(turn.content) == wanted
    ]
    return sorted(said, key=lambda turn: turn.id)[-_SHOWN_ANSWERS:]
