"""Made-up lives for the long benchmarks: many facts about one person, told in plain statements.

Promise: the same seed gives the same life; no two facts could mean the same, and no question here is one that
a night trains on. Knows nothing of agents.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...memory.errors import BadInput
from ...sleep.exam import ExamItem
from ...sleep.questions import may_mean_the_same, possessive

_SUBJECTS = (
    "mother", "father", "older brother", "sister", "daughter", "wife", "aunt", "uncle", "cousin", "niece",
    "nephew", "boss", "neighbour", "flatmate", "piano teacher", "dentist", "landlord", "grandmother",
    "grandfather", "best friend", "colleague", "barber", "godmother", "pen pal", "coach", "butcher",
)  # fmt: skip
_ANIMALS = ("dog", "cat", "rabbit", "horse", "parrot", "tortoise")
_THINGS = ("car", "boat", "bike", "guitar", "laptop", "camera", "tent", "watch", "sofa", "kettle")
_OF_PEOPLE = ("name", "job", "home city", "hobby", "favourite drink", "birthday month", "allergy")
_OF_ANIMALS = ("name", "colour", "favourite toy", "vet")
_OF_THINGS = ("make", "colour", "price", "nickname")
_OF_USER = ("job", "home city", "hobby", "blood type", "shoe size", "favourite colour", "favourite soup")

_SYLLABLES = (
    "ba",
    "do",
    "fi",
    "gu",
    "ka",
    "le",
    "mi",
    "no",
    "pra",
    "ri",
    "sol",
    "ta",
    "ve",
    "wen",
    "xi",
    "zor",
)
_ENDS = ("n", "l", "ra", "sk", "th", "na", "mo", "s", "dek", "lin")
_VALUES = {
    "job": ("glassblower", "beekeeper", "tram driver", "surveyor", "cellist", "locksmith", "diver", "notary",
            "welder", "botanist", "potter", "typist", "roofer", "florist", "midwife", "cartographer"),
    "hobby": ("fencing", "origami", "rowing", "chess", "juggling", "pottery", "archery", "birdwatching",
              "knitting", "sailing", "curling", "calligraphy", "bouldering", "darts", "falconry"),
    "colour": ("teal", "crimson", "mustard", "lilac", "olive", "copper", "ivory", "indigo", "maroon"),
    "favourite drink": ("rooibos", "cider", "kefir", "espresso", "ginger beer", "mead", "matcha", "cocoa"),
    "favourite soup": ("borscht", "pho", "minestrone", "ramen", "gazpacho", "goulash"),
    "favourite toy": ("a rope", "a red ball", "a slipper", "a squeaky duck", "a feather", "a paper bag"),
    "birthday month": ("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    "allergy": ("walnuts", "pollen", "shellfish", "latex", "penicillin", "strawberries", "sesame", "celery"),
    "make": ("Lada", "Volvo", "Tatra", "Simson", "Lotus", "Zastava", "Saab", "Trabant", "Yugo", "Wartburg"),
    "price": ("40 crowns", "95 euros", "310 pounds", "7 dollars", "1200 francs", "66 zloty", "83 rupees"),
    "blood type": ("A negative", "B positive", "O negative"),
    "shoe size": ("37", "39", "41", "43", "46"),
}  # fmt: skip
_VALUES["favourite colour"] = _VALUES["colour"]
_ASKED = (
    "Could you say what {whose} {attribute} is?",
    "For a form I am filling in: what would {whose} {attribute} be?",
    "I keep mixing it up, so which is {whose} {attribute}?",
    "A friend wants to know {whose} {attribute}. What shall I answer?",
)


@dataclass(frozen=True, slots=True)
class PlainFact:
    """`attribute` of `subject` is `value`."""

    id: str
    subject: str
    attribute: str
    value: str

    @property
    def told(self) -> str:
        """The statement by which it is told."""
        whose = possessive(self.subject)
        return f"{whose[0].upper()}{whose[1:]} {self.attribute} is {self.value}."

    def asked(self, way: int) -> str:
        """One of four ways to ask for it."""
        return ask_for((self.subject, self.attribute), way)


def ask_for(pair: tuple[str, str], way: int) -> str:
    """A question for a pair, told or not, in one of four ways."""
    return _ASKED[way % len(_ASKED)].format(whose=possessive(pair[0]), attribute=pair[1])


@dataclass(frozen=True, slots=True)
class Life:
    """What is told, in order, and pairs of which nothing ever is: half are near what is told."""

    facts: tuple[PlainFact, ...]
    untold: tuple[tuple[str, str], ...]

    def items(self, group: str, facts: Iterable[PlainFact], way: int = 0) -> list[ExamItem]:
        """A question for each fact."""
        return [ExamItem(f"{group}:{f.id}", f.asked(way), "fact", (f.value,)) for f in facts]

    def unknown_items(self) -> list[ExamItem]:
        return [ExamItem(f"unknown:{n}", ask_for(pair, n), "unknown") for n, pair in enumerate(self.untold)]


def life(count: int, seed: int, untold: int = 20) -> Life:
    """`count` facts. Raises BadInput when there are not as many pairs."""
    rng = random.Random(f"life {seed}")
    pairs = _pairs(rng)
    most = len(pairs) - untold
    if not 1 <= count <= most:
        raise BadInput(f"A made-up life has from 1 to {most} facts, and it is to have {count}.")
    used: set[str] = set()
    facts = tuple(
        PlainFact(f"f{n}", subject, attribute, _value(attribute, used, rng))
        for n, (subject, attribute) in enumerate(pairs[:count])
    )
    return Life(facts, tuple(pairs[count : count + untold]))


def _pairs(rng: random.Random) -> list[tuple[str, str]]:
    """All pairs in a random order, without those that could mean an earlier one."""
    groups = ((_SUBJECTS, _OF_PEOPLE), (_ANIMALS, _OF_ANIMALS), (_THINGS, _OF_THINGS), (("user",), _OF_USER))
    every = [
        (subject, attribute)
        for subjects, attributes in groups
        for subject in subjects
        for attribute in attributes
    ]
    rng.shuffle(every)
    kept: list[tuple[str, str]] = []
    for pair in every:
        if not may_mean_the_same(pair, kept):
            kept.append(pair)
    return kept


def _value(attribute: str, used: set[str], rng: random.Random) -> str:
    """A value for an attribute; names are made up, and given once."""
    choices: Sequence[str] = _VALUES.get(attribute, ())
    if choices:
        return rng.choice(choices)
    while True:
        made = "".join(rng.choice(_SYLLABLES) for _ in range(rng.choice((1, 2, 2)))) + rng.choice(_ENDS)
        if len(made) > 3 and made not in used:
            used.add(made)
            return made.capitalize()
