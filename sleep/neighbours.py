"""Neighbours of what was told: the same attribute of another subject, another attribute of the same subject.

Promise: no neighbour is a pair that was told, or one that could mean the same. They are what an adapter
invents answers for, so the night trains it to decline them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from ..memory.records import Memory
from . import kinds
from .kinds import Pair
from .questions import asked_for, may_mean_the_same, plain_questions
from .rule_words import is_pet, is_somebody

_FURTHER_PEOPLE = [
    "stepmother",
    "stepfather",
    "stepson",
    "stepdaughter",
    "mother-in-law",
    "father-in-law",
    "sister-in-law",
    "brother-in-law",
    "godson",
    "goddaughter",
    "godmother",
    "great-aunt",
    "twin",
    "ex-wife",
    "ex-husband",
    "friend",
    "pen friend",
    "classmate",
    "teammate",
    "coach",
    "tutor",
    "trainer",
    "mentor",
    "assistant",
    "apprentice",
    "lawyer",
    "accountant",
    "therapist",
    "physiotherapist",
    "optician",
    "hairdresser",
    "plumber",
    "gardener",
    "babysitter",
    "cleaner",
    "lodger",
]
_PEOPLE = [
    "mother",
    "father",
    "brother",
    "sister",
    "son",
    "daughter",
    "wife",
    "husband",
    "partner",
    "girlfriend",
    "boyfriend",
    "grandson",
    "granddaughter",
    "aunt",
    "uncle",
    "cousin",
    "grandmother",
    "grandfather",
    "niece",
    "nephew",
    "boss",
    "neighbour",
    "flatmate",
    "teacher",
    "doctor",
    "dentist",
    "landlord",
    "colleague",
    "best friend",
    *_FURTHER_PEOPLE,
]
_ANIMALS = ["dog", "cat", "rabbit", "horse", "parrot", "goldfish", "tortoise", "hamster"]
_THINGS = ["car", "bike", "boat", "guitar", "phone", "laptop", "house", "garden", "camera"]
_OF_PEOPLE = (
    "name",
    "age",
    "job",
    "home city",
    "birthday",
    "hobby",
    "favourite food",
    "allergy",
    "employer",
    "nickname",
)
_OF_ANIMALS = ("name", "age", "breed", "colour", "vet", "favourite food", "birthday")
_OF_THINGS = ("name", "colour", "make", "age", "year", "brand", "model", "price", "nickname")
_THINGS_ONLY = frozenset(("make", "year", "brand", "model", "price", "colour", "number plate", "size"))
"""What is asked of a thing and of nobody: whatever noun has one of these is a thing or an animal."""
_ASKED_FIRST = (
    "mother",
    "father",
    "sister",
    "brother",
    "son",
    "daughter",
    "wife",
    "husband",
    "dog",
    "cat",
    "best friend",
    "boss",
    "neighbour",
)
"""Whom people ask about first: of those none is left to chance."""
_CLOSE = (
    ("wife", "husband", "partner", "girlfriend", "boyfriend"),
    ("brother", "sister", "mother", "father"),
    ("mother", "father", "grandmother", "sister"),
    ("son", "daughter", "brother", "grandson"),
    ("grandson", "granddaughter", "niece", "nephew"),
    ("grandmother", "grandfather", "aunt", "uncle"),
    ("aunt", "uncle", "cousin", "grandmother"),
    ("niece", "nephew", "cousin", "son"),
    ("best friend", "neighbour", "colleague", "flatmate"),
    ("boss", "colleague", "teacher", "mentor"),
    ("doctor", "dentist", "therapist", "vet"),
    ("dog", "cat", "parrot", "rabbit"),
    ("car", "bike", "boat"),
    ("phone", "laptop", "camera"),
)
"""Who is most easily taken for whom: a subject's are those of the first line it stands in, else of people."""
_AKIN = (
    (
        "home city",
        "hometown",
        "birthplace",
        "street",
        "neighbourhood",
        "previous city",
        "school",
        "university",
    ),
    (
        "home city",
        "hometown",
        "next trip destination",
        "dream destination",
        "football club",
        "favourite cafe",
    ),
    ("job", "employer", "previous job", "first job", "side job", "degree subject", "university"),
    ("hobby", "sport", "instrument", "craft", "collection", "football club"),
    ("birthday", "age", "wedding anniversary", "star sign", "lucky number", "number of children"),
    ("allergy", "intolerance", "illness", "medication", "diet", "hated food"),
    (
        "favourite food",
        "favourite dish",
        "favourite cake",
        "favourite soup",
        "favourite fruit",
        "favourite drink",
    ),
)
"""What one may ask of the user where another of the group was told."""
_FAVOURITES = [
    "food",
    "colour",
    "book",
    "film",
    "song",
    "drink",
    "dish",
    "season",
    "number",
    "author",
    "cake",
    "soup",
    "fruit",
    "band",
    "game",
]


NEAREST = 3
"""So many pairs at most are the ones most easily taken for a memory."""


def _group(subject: str, attribute: str) -> tuple[Sequence[str], Sequence[str]]:
    """Subjects of which one may ask the same as of this one, and what one may ask of this one."""
    nouns = {subject, subject.rpartition(" ")[2]}  # a tabby cat is a cat
    if any(noun in _ANIMALS or is_pet(noun) for noun in nouns):
        return _ANIMALS + (_PEOPLE[:8] if attribute in _OF_PEOPLE else []), _OF_ANIMALS
    person = any(noun in _PEOPLE or is_somebody(noun) for noun in nouns)
    if not person and (nouns.intersection(_THINGS) or attribute in _THINGS_ONLY):
        return _THINGS, _OF_THINGS
    return _PEOPLE + (_ANIMALS[:3] if attribute in _OF_ANIMALS else []), _OF_PEOPLE


def _of_user(attribute: str) -> list[Pair]:
    """The same of the user, where that is something one asks."""
    return [kind.key for kind in kinds.bank() if kind.key == ("user", attribute)][:1]


def like(memory: Memory) -> list[Pair]:
    """All neighbours of one memory, told or not."""
    subject, attribute = memory.subject, memory.attribute
    subjects, attributes = _group(subject, attribute)
    if subject == "user":
        words = set(attribute.split())
        akin = [
            kind.key
            for kind in kinds.bank()
            if kind.subject == "user" and words & set(kind.attribute.split())
        ]
        akin += [("user", other) for group in _AKIN if attribute in group for other in group]
        if "favourite" in words:
            akin += [("user", f"favourite {thing}") for thing in _FAVOURITES]
        same_of_others = [(other, attribute) for other in subjects] if attribute in _OF_PEOPLE else []
        return [*akin, *same_of_others]
    others = [*_of_user(attribute), *((other, attribute) for other in subjects)]
    return [*others, *((subject, other) for other in attributes)]


def nearest(memory: Memory, taken: Sequence[Pair]) -> list[Pair]:
    """Up to `NEAREST` pairs that were not told and are most easily answered with this memory's value."""
    subject, attribute = memory.subject, memory.attribute
    if subject == "user":
        found = [("user", other) for group in _AKIN if attribute in group for other in group]
    else:
        close = next((group for group in _CLOSE if subject in group), ())
        subjects, _ = _group(subject, attribute)
        first = [other for other in _ASKED_FIRST if other in subjects] or subjects
        found = [(other, attribute) for other in (*close, *first)]
        found = [*found, *_of_user(attribute)] if attribute == "name" else [*_of_user(attribute), *found]
    free = [pair for pair in dict.fromkeys(found) if not may_mean_the_same(pair, taken)]
    return free[:NEAREST]


def neighbours(
    memories: Sequence[Memory], taken: Sequence[Pair], per_memory: int, rng: random.Random
) -> list[Pair]:
    """Up to `per_memory` neighbours of each memory that were not told, each pair once, in a fixed order."""
    found: dict[Pair, None] = {}
    for memory in memories:
        first = nearest(memory, taken)
        free = [pair for pair in like(memory) if pair not in found and not may_mean_the_same(pair, taken)]
        free = list(dict.fromkeys(free))
        of_others = [pair for pair in free if pair[1] == memory.attribute]
        of_same = [pair for pair in free if pair[1] != memory.attribute]
        rng.shuffle(of_others)
        rng.shuffle(of_same)
        of_others.sort(key=lambda pair: (pair not in first, not asked_first(pair)))
        of_same.sort(key=lambda pair: pair not in first)
        half = max(per_memory // 2, per_memory - len(of_same))
        found.update(dict.fromkeys([*of_others[:half], *of_same[: per_memory - min(half, len(of_others))]]))
    return list(found)


def asked_first(pair: Pair) -> bool:
    """Whether it is about somebody whom people ask about first."""
    return pair[0] in _ASKED_FIRST


def ask_about(pair: Pair) -> tuple[str, ...]:
    """Ways to ask for a pair: the bank's where it has them, and the plain ones."""
    return (*asked_for(*pair), *plain_questions(*pair))
