"""The bank of kinds of personal facts: how people tell each kind, and how they ask for it.

Promise: everything here was written for training and shares no telling with the benchmarks' personas; of the
questions some are everybody's ("How old is my dog?"), and `bench loop` also counts without those. The night
draws questions from it; the role adapters are trained on it. Knows nothing of models.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

Fact = tuple[str, str, str]  # subject, attribute, value
Pair = tuple[str, str]  # subject, attribute

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TOLD_IN_PASSING = (  # files of one-off turns in which the last question of a fact leans on the telling
    "work",
    "places",
    "family",
    "friends_and_animals",
    "health_and_food",
    "hobbies",
    "things_and_dates",
    "whole_people",
    "animals_and_things",
    "health_food_habits",
    "hobbies_and_plans",
    "people",
    "places_and_origins",
    "plain_statements",
    "whole_lives",
    "work_and_study",
)
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Told:
    """One way to tell: a text with slots, the facts it holds (values may be slots), what fills the slots."""

    text: str
    facts: tuple[Fact, ...]
    slots: Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Kind:
    subject: str
    attribute: str
    values: str | tuple[str, ...]
    told: tuple[Told, ...]
    asked: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        return self.subject, self.attribute


@dataclass(frozen=True, slots=True)
class OneOff:
    """A turn with literal values, its facts, and for each fact some questions."""

    text: str
    before: str
    facts: tuple[Fact, ...]
    asked: tuple[tuple[str, ...], ...]


def _rows(name: str) -> list[dict[str, Any]]:
    path = resources.files(__package__) / "data" / name
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def _fill(values: Any) -> str | tuple[str, ...]:
    return values if isinstance(values, str) else tuple(values)


def _told(entry: Any, subject: str, attribute: str, values: Any) -> Told:
    if isinstance(entry, str):
        return Told(entry, ((subject, attribute, "{v}"),), {"v": _fill(values)})
    slots = {"v": _fill(values)} | {name: _fill(fill) for name, fill in entry["slots"].items()}
    return Told(entry["text"], tuple((s, a, v) for s, a, v in entry["facts"]), slots)


@cache
def bank() -> tuple[Kind, ...]:
    """All kinds, in a fixed order. Rows of one pair are one kind, each telling with the values of its row.

    To a kind's own questions come the everyday ones that one-off turns ask for the same pair.
    """
    everyday = everyday_questions()
    return tuple(
        replace(kind, asked=tuple(dict.fromkeys((*kind.asked, *everyday.get(kind.key, ())))))
        for kind in _written_kinds()
    )


@cache
def _written_kinds() -> tuple[Kind, ...]:
    kinds: dict[Pair, Kind] = {}
    folder = resources.files(__package__) / "data" / "kinds"
    for path in sorted(folder.iterdir(), key=lambda item: item.name):
        for row in _rows(f"kinds/{path.name}"):
            kind = _kind(row)
            first = kinds.setdefault(kind.key, kind)
            if first is not kind:
                asked = tuple(dict.fromkeys((*first.asked, *kind.asked)))
                kinds[kind.key] = replace(first, told=(*first.told, *kind.told), asked=asked)
    return tuple(kinds.values())


def _kind(row: Mapping[str, Any]) -> Kind:
    subject, attribute, values = row["subject"], row["attribute"], row["values"]
    told = tuple(_told(entry, subject, attribute, values) for entry in row["told"])
    return Kind(subject, attribute, _fill(values), told, tuple(row["asked"]))


@cache
def everyday_questions() -> Mapping[Pair, Sequence[str]]:
    """By pair, one that is no kind too, what one-off turns ask for it and a stranger to the telling could
    ask; nothing that is asked for two pairs."""
    asks: dict[tuple[str, ...], set[Pair]] = {}
    found: dict[Pair, list[str]] = {}
    for kind in _written_kinds():
        for question in kind.asked:
            asks.setdefault(words(question), set()).add(kind.key)
    for row in _one_offs(f"passing/{name}.jsonl" for name in _TOLD_IN_PASSING):
        for (subject, attribute, _), asked in zip(row.facts, row.asked, strict=False):
            for question in asked[:-1]:
                asks.setdefault(words(question), set()).add((subject, attribute))
                found.setdefault((subject, attribute), []).append(question)
    return {pair: [q for q in asked if asks[words(q)] == {pair}] for pair, asked in found.items()}


@cache
def asked_often() -> Mapping[Pair, tuple[str, ...]]:
    """By pair, what more than one of those turns asked for it in the same words, the most usual first."""
    often: dict[Pair, tuple[str, ...]] = {}
    for pair, asked in everyday_questions().items():
        counts = Counter(map(words, asked))
        first = {words(question): question for question in reversed(asked)}
        often[pair] = tuple(first[each] for each, count in counts.most_common() if count > 1)
    return often


@cache
def one_offs() -> tuple[OneOff, ...]:
    earlier = (f"oneoff_{letter}.jsonl" for letter in "abcde")
    passing = (f"passing/{name}.jsonl" for name in _TOLD_IN_PASSING)
    return _one_offs((*earlier, *passing, "context.jsonl"))


def _one_offs(names: Iterable[str]) -> tuple[OneOff, ...]:
    return tuple(
        OneOff(
            row.get("text") or row["now"],
            row.get("before", ""),
            tuple((s, a, v) for s, a, v in row["facts"]),
            tuple(tuple(questions) for questions in row.get("asked", ())),
        )
        for name in names
        for row in _rows(name)
    )


def words(question: str) -> tuple[str, ...]:
    """The words of a question, whatever their case and the marks between them."""
    return tuple(re.findall(r"[\w']+", question.casefold()))


@cache
def talk_without_facts() -> tuple[str, ...]:
    folder = resources.files(__package__) / "data"
    names = ("nofact.txt", "nofact_b.txt", "nofact_c.txt")
    lines = [line.strip() for name in names for line in (folder / name).read_text().splitlines()]
    return tuple(filter(None, lines))


@cache
def general_prompts() -> tuple[str, ...]:
    """Prompts that have nothing to do with the user's own facts: what anchors are made of."""
    return tuple(row["question"] for row in _rows("general.jsonl"))


@cache
def pools() -> dict[str, Any]:
    path = resources.files(__package__) / "data" / "pools.json"
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def invented_word(rng: random.Random) -> str:
    parts = pools()["invented_syllables"]
    middle = rng.choice(parts["middle"]) if rng.random() < 0.4 else ""
    return str(rng.choice(parts["start"])).capitalize() + middle + str(rng.choice(parts["end"]))


def draw(pool: str, rng: random.Random) -> str:
    """A value of the named pool; names of people, places and companies are sometimes made up."""
    listed = pools()
    if pool in ("first_name", "pet_name", "city", "company", "surname", "street") and rng.random() < 0.15:
        return invented_word(rng) + (" Street" if pool == "street" else "")
    if pool in listed:
        return str(rng.choice(listed[pool]))
    day, month, year = rng.randint(1, 28), rng.choice(_MONTHS), rng.randint(1955, 2026)
    hour, minute = rng.randint(4, 12), rng.choice(("", ":15", ":30", ":45", ":10"))
    made = {
        "full_name": lambda: f"{rng.choice(listed['first_name'])} {rng.choice(listed['surname'])}",
        "date": lambda: rng.choice(
            (f"{day} {month}", f"{month} {day}", f"the {day}th of {month}", f"{day}th {month}")
        ),
        "time": lambda: rng.choice(
            (f"{hour}{minute} am", f"{hour}{minute}", f"{hour} o'clock", f"half past {hour}")
        ),
        "year": lambda: str(year),
        "number": lambda: str(rng.choice((rng.randint(2, 12), rng.randint(13, 99), rng.randint(100, 999)))),
        "weekday": lambda: rng.choice(_WEEKDAYS),
        "month": lambda: month,
        "invented": lambda: invented_word(rng),
    }
    return made[pool]()


def value_of(fill: str | Sequence[str], rng: random.Random) -> str:
    if isinstance(fill, str):
        return draw(fill.removeprefix("pool:"), rng)
    return rng.choice(list(fill))


def tell(told: Told, rng: random.Random) -> tuple[str, tuple[Fact, ...]]:
    """Fills the slots of one telling; returns the text and its facts with the same values."""
    values = {name: value_of(fill, rng) for name, fill in told.slots.items()}

    def filled(text: str) -> str:
        return _SLOT.sub(lambda match: values[match.group(1)], text)

    return filled(told.text), tuple((s, a, filled(v)) for s, a, v in told.facts)
