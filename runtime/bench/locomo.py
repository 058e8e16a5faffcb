"""LoCoMo's own file (`locomo10.json`), from a path: conversations, and questions with their evidence.

Promise: nothing of it is kept or copied, and its licence (CC BY-NC 4.0) is the reader's to follow. Another
file is
refused in one sentence. Source: Maharana et al., "Evaluating Very Long-Term Conversational Memory of LLM
Agents", 2024.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ...memory.episodes.records import Episode
from ...memory.errors import BadInput

_EVIDENCE = re.compile(r"D:?(\d+):0*(\d+)")
_WHEN = "%I:%M %p on %d %B, %Y"
_UNANSWERABLE = 5  # the category of questions about what was never said


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `evidence` are the ids of the episodes that answer it."""

    text: str
    category: int
    evidence: frozenset[int]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Two people's sessions, and what is asked about them."""

    name: str
    episodes: tuple[Episode, ...]
    questions: tuple[Question, ...]


def read_locomo(path: Path) -> list[Conversation]:
    """The conversations in the file, or in the folder of one JSON file each. Raises BadInput."""
    try:
        if path.is_dir():
            found = [json.loads(each.read_text(encoding="utf-8")) for each in sorted(path.glob("*.json"))]
        else:
            found = json.loads(path.read_text(encoding="utf-8"))
        conversations = [_conversation(each, str(n)) for n, each in enumerate(found)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise BadInput(
            f"{path} cannot be read as LoCoMo's locomo10.json ({type(cause).__name__}: {cause})."
        ) from cause
    if not conversations:
        raise BadInput(f"{path} holds no conversation of LoCoMo's.")
    return conversations


def _conversation(given: Mapping[str, Any], name: str) -> Conversation:
    talk = given.get("conversation", given)
    told = list(_turns(talk))
    ids = {dia_id: n for n, (dia_id, _) in enumerate(told, start=1)}
    episodes = tuple(
        Episode(n, episode.session, episode.speaker, episode.at, episode.text)
        for n, (_, episode) in enumerate(told, start=1)
    )
    questions = []
    for asked in given["qa"]:
        evidence = frozenset(
            ids[f"D{session}:{turn}"]
            for each in asked.get("evidence") or ()
            for session, turn in _EVIDENCE.findall(each)
            if f"D{session}:{turn}" in ids
        )
        if evidence and asked["category"] != _UNANSWERABLE:
            questions.append(Question(str(asked["question"]), int(asked["category"]), evidence))
    return Conversation(str(given.get("sample_id", name)), episodes, tuple(questions))


def _turns(talk: Mapping[str, Any]) -> Iterator[tuple[str, Episode]]:
    numbers = sorted(int(key[8:]) for key in talk if re.fullmatch(r"session_\d+", key))
    for number in numbers:
        began = _when(str(talk.get(f"session_{number}_date_time", "")))
        for n, turn in enumerate(talk[f"session_{number}"]):
            at = began + timedelta(seconds=30 * n)
            yield turn["dia_id"], Episode(0, f"session {number}", turn["speaker"], at, turn["text"])


def _when(text: str) -> datetime:
    """A session's beginning, such as "1:56 pm on 8 May, 2023"; the first of 2023 where it cannot be read."""
    try:
        return datetime.strptime(text, _WHEN).replace(tzinfo=UTC)
    except ValueError:
        return datetime(2023, 1, 1, tzinfo=UTC)
