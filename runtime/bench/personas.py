"""The people the benchmarks are about: what each tells, what can be asked of it, what was never told.

Promise: `dev_*` personas are for choosing settings, `test_*` are what `bench loop` judges by; both were
written independently of the bank that training draws from, and no night is trained or tuned on a `test_*`
one. Knows the files' format; nothing of agents or figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Literal

from ...memory.errors import BadInput
from ...sleep.exam import ExamItem
from ..records import ToldTurn

Split = Literal["test", "dev"]
Style = Literal["natural", "plain"]
PLAIN_EVERY = 3  # every third persona chosen is one that tells in plain statements


@dataclass(frozen=True, slots=True)
class Fact:
    """One told thing: `attribute` of `subject` is `value`. An answer is right when it holds any of `expect`.

    `aliases` are other words for the subject or the attribute; `changes` is the id of the fact it makes
    untrue.
    """

    id: str
    subject: str
    attribute: str
    value: str
    aliases: tuple[str, ...]
    questions: tuple[str, ...]
    expect: tuple[str, ...]
    changes: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """What is told before one night: `sessions` of user turns, and the facts in them."""

    sessions: tuple[tuple[str, ...], ...]
    facts: tuple[Fact, ...]

    def turns(self, label: str) -> list[ToldTurn]:
        """Every turn in order; session ids begin with `label`."""
        return [
            ToldTurn(f"{label}-{number}", content)
            for number, session in enumerate(self.sessions, 1)
            for content in session
        ]


@dataclass(frozen=True, slots=True)
class Persona:
    """One person: a first day, a later one (None where there is a single night), questions about what was
    never told, and plain general questions with what is right.
    """

    name: str
    style: Style
    first: Day
    later: Day | None
    unknown: tuple[str, ...]
    skills: tuple[tuple[str, tuple[str, ...]], ...]

    def held(self) -> list[Fact]:
        """The first day's facts that the later day leaves true."""
        changed = {fact.changes for fact in self.later.facts} if self.later else set()
        return [fact for fact in self.first.facts if fact.id not in changed]

    def unknown_items(self) -> list[ExamItem]:
        return [ExamItem(f"unknown:{n}", question, "unknown") for n, question in enumerate(self.unknown)]

    def skill_items(self) -> list[ExamItem]:
        return [ExamItem(f"skill:{n}", q, "skill", expect) for n, (q, expect) in enumerate(self.skills)]


def fact_items(group: str, facts: Iterable[Fact], most: int | None = None) -> list[ExamItem]:
    """The questions about `facts`, `most` of each at most; ids are `group:fact:number`."""
    return [
        ExamItem(f"{group}:{fact.id}:{number}", question, "fact", fact.expect)
        for fact in facts
        for number, question in enumerate(fact.questions[:most])
    ]


def read_persona(file: Traversable) -> Persona:
    """The persona in a JSON file of this package."""
    row = json.loads(file.read_text(encoding="utf-8"))
    return Persona(
        name=row["name"],
        style=row["style"],
        first=_day(row),
        later=_day(row["later"]) if row.get("later") else None,
        unknown=tuple(row["unknown"]),
        skills=tuple((skill["question"], tuple(skill["expect"])) for skill in row["skill"]),
    )


def personas(split: Split, count: int | None = None) -> list[Persona]:
    """`count` personas of a split (all by default): two of natural talk, then one of plain statements, and
    so on.

    Raises BadInput when there are not as many.
    """
    folder = resources.files(__package__) / "personas"
    files = sorted((file for file in folder.iterdir() if file.name.startswith(f"{split}_")), key=str)
    everyone = _interleaved([read_persona(file) for file in files])
    if count is not None and not 1 <= count <= len(everyone):
        raise BadInput(
            f"The number of personas must be from 1 to {len(everyone)} ({split}), and it is {count}."
        )
    return everyone[:count]


def _day(row: Mapping[str, Any]) -> Day:
    return Day(
        sessions=tuple(tuple(session) for session in row["sessions"]),
        facts=tuple(_fact(fact) for fact in row["facts"]),
    )


def _fact(row: Mapping[str, Any]) -> Fact:
    return Fact(
        id=row["id"],
        subject=row["subject"],
        attribute=row["attribute"],
        value=row["value"],
        aliases=tuple(row["aliases"]),
        questions=tuple(row["questions"]),
        expect=tuple(row["expect"]),
        changes=row.get("changes"),
    )


def _interleaved(everyone: Sequence[Persona]) -> list[Persona]:
    natural = [persona for persona in everyone if persona.style == "natural"]
    plain = [persona for persona in everyone if persona.style == "plain"]
    chosen: list[Persona] = []
    while natural or plain:
        wants_plain = len(chosen) % PLAIN_EVERY == PLAIN_EVERY - 1
        source = plain if (wants_plain and plain) or not natural else natural
        chosen.append(source.pop(0))
    return chosen
