"""Compaction measured by itself: which told facts became memories, and how many of the memories are true.

Promise: what is lost here is not blamed on training. Words for the same thing ("mum", "mother"; "city",
"where I live") count as the same; the lists are kept apart from those the night itself uses. Knows
records only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...memory.records import Memory
from ...verifiers.match import plain
from ...verifiers.support import stands_in
from .personas import Fact

_SAME = (
    ("user", "i", "me", "myself", "the user", "speaker"),
    ("mother", "mum", "mom", "mama"),
    ("father", "dad", "papa"),
    ("grandmother", "gran", "grandma", "nan", "nana"),
    ("grandfather", "grandad", "grandpa"),
    ("partner", "spouse", "girlfriend", "boyfriend", "fiance", "fiancee", "husband", "wife"),
    ("child", "kid", "son", "daughter"),
    ("flatmate", "roommate", "housemate"),
    ("boss", "manager", "supervisor"),
    ("doctor", "gp", "physician"),
    ("bike", "bicycle"),
    ("city", "home city", "town", "home town", "village", "residence", "where i live", "home"),
    ("birthplace", "hometown", "place of birth", "origin", "where i am from"),
    ("job", "work", "occupation", "profession", "job title"),
    ("birthday", "birth date", "date of birth"),
    ("illness", "health problem", "condition", "medical condition", "health condition"),
    ("hobby", "pastime"),
    ("studies", "study", "field of study", "degree subject", "degree", "major"),
    ("medicine", "medication", "pills"),
    ("allergy", "allergic to", "food allergy"),
    ("car", "vehicle"),
    ("favourite dish", "favourite food"),
)
_MEANS = {word: group[0] for group in _SAME for word in group}
_SPELT = {"favorite": "favourite", "color": "colour", "neighbor": "neighbour"}
USER = "user"


@dataclass(frozen=True, slots=True)
class Compaction:
    """Of `told` facts, how many became memories with the right value, and with the right subject and
    attribute too (`placed`); of `memories`, how many are `true`, `wrong`, or about something that is not
    among the facts.

    Unlisted memories may be true details or inventions: nothing here can say, so they count as neither.
    """

    told: int
    found: int
    placed: int
    memories: int
    true: int
    wrong: int
    unlisted: int
    missing: tuple[str, ...]
    mistaken: tuple[str, ...]


def judge(memories: Sequence[Memory], facts: Sequence[Fact]) -> Compaction:
    """Compares the memories of a night with the facts told before it."""
    named = _names(facts)
    found = [fact for fact in facts if any(same_value(m.value, fact) for m in memories)]
    placed = [
        fact
        for fact in facts
        if any(same_value(m.value, fact) and same_place(m, fact, named) for m in memories)
    ]
    verdicts = [(memory, _verdict(memory, facts, named)) for memory in memories]
    counted = [verdict for _, verdict in verdicts]
    return Compaction(
        told=len(facts),
        found=len(found),
        placed=len(placed),
        memories=len(memories),
        true=counted.count("true"),
        wrong=counted.count("wrong"),
        unlisted=counted.count("unlisted"),
        missing=tuple(fact.id for fact in facts if fact not in placed),
        mistaken=tuple(memory.statement for memory, verdict in verdicts if verdict == "wrong"),
    )


def same_value(value: str, fact: Fact) -> bool:
    """Whether `value` is the fact's: the one's words stand in the other, or it holds one of the stems
    expected.
    """
    if stands_in(value, fact.value) or stands_in(fact.value, value):
        return True
    return any(re.search(rf"(?<!\w){re.escape(plain(stem))}", plain(value)) for stem in fact.expect)


def same_place(memory: Memory, fact: Fact, names: dict[str, str]) -> bool:
    """Whether subject and attribute are the fact's, in the same words or in others for the same.

    `names` gives the subject a name belongs to: "Vjeko" is the husband, once he has been named.
    """
    subjects = _subjects(names.get(plain(memory.subject), memory.subject), loose="'s" not in memory.subject)
    mine = {place for subject in subjects for place in _places(subject, memory.attribute)}
    return not mine.isdisjoint(_fact_places(fact))


def _verdict(memory: Memory, facts: Sequence[Fact], names: dict[str, str]) -> str:
    valued = [fact for fact in facts if same_value(memory.value, fact)]
    placed = [fact for fact in facts if same_place(memory, fact, names)]
    if any(fact in placed or _same_subject(memory, fact, names) for fact in valued):
        return "true"
    return "wrong" if valued or placed else "unlisted"


def _same_subject(memory: Memory, fact: Fact, names: dict[str, str]) -> bool:
    mine = _subjects(names.get(plain(memory.subject), memory.subject), loose="'s" not in memory.subject)
    aliases = [] if fact.subject == USER else fact.aliases
    theirs = {word for subject in (fact.subject, *aliases) for word in _subjects(subject, loose=True)}
    return not mine.isdisjoint(theirs)


def _names(facts: Iterable[Fact]) -> dict[str, str]:
    """Name -> the subject that bears it, for whole names and for their first words."""
    named: dict[str, str] = {}
    for fact in facts:
        if fact.attribute == "name" and fact.subject != USER:
            named[plain(fact.value)] = fact.subject
            named.setdefault(plain(fact.value).split()[0], fact.subject)
    return named


def _fact_places(fact: Fact) -> set[str]:
    pairs = [(fact.subject, word) for word in (fact.attribute, *fact.aliases)]
    if fact.subject != USER:
        pairs += [(alias, fact.attribute) for alias in fact.aliases]
        own = set(plain(fact.subject).split())  # "house number" says whose it is, and "how old" does not
        named = fact.attribute == "name"
        pairs += [(USER, alias) for alias in fact.aliases if named or own & set(plain(alias).split())]
    return {
        place
        for subject, attribute in pairs
        for word in _subjects(subject, loose=True)
        for place in _places(word, attribute)
    }


def _places(subject: str, attribute: str) -> set[str]:
    """Ways to write "attribute of subject" that mean the same: (husband, name) is what the user's husband
    is.
    """
    attribute = _word(attribute)
    if subject == USER:
        return {attribute, attribute.removesuffix(" name")}
    return {f"{subject} {attribute}"} | ({subject} if attribute == "name" else set())


def _subjects(subject: str, *, loose: bool) -> set[str]:
    """A subject in its own word; if `loose`, also by its noun alone ("elder daughter" is a daughter)."""
    whole = _word(subject)
    return {whole, _word(whole.split()[-1])} if loose and whole else {whole}


def _word(text: str) -> str:
    """One spelling, and one word of those that mean the same."""
    words = re.findall(r"[\w-]+", plain(text).replace("'s", ""))
    if len(words) > 1 and words[0] in ("my", "the", "a", "their", "his", "her"):
        del words[0]
    spelt = " ".join(_SPELT.get(word, word) for word in words)
    return _MEANS.get(spelt, spelt)
