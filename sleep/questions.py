"""Ways to ask for a memory, and ways to answer for it.

Promise: questions come from the bank for known kinds, from the scribe who read the telling, and from plain
templates; what is set aside for the exam is never trained on. Knows nothing of training or models.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest

from ..memory.records import Asked, Memory
from . import kinds
from .kinds import Pair, words
from .rule_words import is_pet, is_somebody
from .synonyms import also_called

_PLURAL = re.compile(r"[^sui]s$")  # shoes, not tennis, address or bus
OPENING = "Your"
"""How every answer begins that a night trains, told or not."""
NOT_TOLD = "something I don't know. You haven't told me that."
DECLINES = ("are something I don't know", "is something I don't know")
"""How such an answer goes on, after what it names, where that was never told."""
PLAINLY = "What is my {}?"
"""How what an answer names is asked for in plain words, {} for the name after the opening."""

_PLAIN = (
    "What is {whose} {attribute}?",
    "what's {whose} {attribute} again",
    "Do you know {whose} {attribute}?",
    "Remind me of {whose} {attribute}.",
    "Tell me {whose} {attribute}.",
    "{whose} {attribute}?",
    "I forgot {whose} {attribute}, can you help?",
    "Quick check: {whose} {attribute}?",
    "What did I tell you about {whose} {attribute}?",
    "Do you remember {whose} {attribute}?",
)
_AGREE = 2  # questions that must be taken for the same thing before it counts as a name
_OF_EACH_NAME = 4  # plain questions by each name that the model itself gave
_OF_EACH_SYNONYM = 4
_MOST_BY_NAME = 12
_MOST_USUAL = 8  # questions that people ask in the same words
_PLAIN_FIRST = 4  # plain questions by its own name, before any other
_OPENINGS = (
    "Hey, ",
    "Quick question: ",
    "Sorry, ",
    "Just checking, ",
    "Ok so ",
    "By the way, ",
    "Hmm, ",
    "One more thing: ",
)


@dataclass(frozen=True, slots=True)
class Ways:
    """How one memory is asked for: `train` is trained on, `exam` is kept back.

    `names` are the pairs, beside its own, by which it is asked for: what the model takes questions for, and
    other everyday words.
    """

    train: tuple[Asked, ...]
    exam: tuple[str, ...]
    names: tuple[Pair, ...]


def possessive(subject: str) -> str:
    """`my` for the user, `my sister's` for a sister."""
    if subject == "user":
        return "my"
    return f"my {subject}'" if subject.endswith("s") else f"my {subject}'s"


@cache
def _bank_by_key() -> dict[tuple[str, str], kinds.Kind]:
    return {kind.key: kind for kind in kinds.bank()}


def plain_questions(subject: str, attribute: str) -> tuple[str, ...]:
    whose = possessive(subject)
    asked = [template.format(whose=whose, attribute=attribute) for template in _PLAIN]
    return tuple(
        question[0].upper() + question[1:] if question[-1] in "?." else question for question in asked
    )


def answer_opening(subject: str, attribute: str) -> str:
    """What every answer about a pair opens with, whether it is known or not.

    Both answers name what was asked for before they say it. So the model first puts the question, whatever
    its words, as the pair it asks for, and then knows of that pair or does not: a phrasing it has not seen
    costs no more than the pair's plain name.
    """
    whose = OPENING if subject == "user" else f"{OPENING} {possessive(subject).removeprefix('my ')}"
    return f"{whose} {attribute} {'are' if _PLURAL.search(attribute) else 'is'}"


def taught_name(subject: str, attribute: str) -> str:
    """What such an answer names, as in "dog's name": the words between "Your" and the verb."""
    return answer_opening(subject, attribute).removeprefix(f"{OPENING} ").rpartition(" ")[0]


def told_answer(subject: str, attribute: str, value: str) -> str:
    """The answer for what was told."""
    return f"{answer_opening(subject, attribute)} {value}."


def untold_answer(subject: str, attribute: str) -> str:
    """The answer for what was never told."""
    return f"{answer_opening(subject, attribute)} {NOT_TOLD}"


def asked_for(subject: str, attribute: str) -> tuple[str, ...]:
    """Everyday questions for a pair: its kind's, or those of turns that told of it; there may be none."""
    known = _bank_by_key().get((subject, attribute))
    if known:
        return known.asked
    of_turns = kinds.everyday_questions().get((subject, attribute), ())
    return tuple(
        dict.fromkeys((*of_turns, *(() if subject == "user" else _of_relatives(subject, attribute))))
    )


_SHARED = ("name", "job", "age", "birthday", "home city")
_RELATIVES = ("sister", "brother", "daughter", "son", "cousin", "best friend", "dog")
"""Of whom the bank asks these; what else it asks of somebody is asked of anybody."""


@cache
def _of_relatives(subject: str, attribute: str) -> tuple[str, ...]:
    """The bank's questions for this attribute of a relative, asked of `subject` instead."""
    relatives = [
        kind
        for kind in kinds.bank()
        if kind.attribute == attribute
        and (kind.subject in _RELATIVES if attribute in _SHARED else _alike(kind.subject, subject))
    ]
    questions = [
        question.replace(f"my {kind.subject}", f"my {subject}")
        for kind in relatives
        for question in kind.asked
        if f"my {kind.subject}" in question and not re.search(r"\b(?:she|he|her|his|him)\b", question)
    ]
    return tuple(dict.fromkeys(questions))[:16]


def _alike(one: str, other: str) -> bool:
    """Whether both are people, or both are animals."""
    return is_somebody(one) and is_somebody(other) and is_pet(one) is is_pet(other)


def vary(question: str, rng: random.Random) -> str:
    """The same question as somebody else would type it."""
    dice = rng.random()
    if dice < 0.15:
        return question.lower().rstrip("?.")
    if dice < 0.3:
        return rng.choice(_OPENINGS) + question[0].lower() + question[1:]
    return question


def _distinct(questions: Iterable[str]) -> list[str]:
    """Those whose words no earlier one has, whatever the case and marks."""
    found: dict[tuple[str, ...], str] = {}
    for question in questions:
        found.setdefault(words(question), question)
    return list(found.values())


def ways_for(
    memory: Memory,
    rng: random.Random,
    *,
    held_back: int,
    taken: Sequence[Pair] = (),
    apart: Sequence[Pair] = (),
) -> Ways:
    """Splits the questions for a memory into trained and kept-back ones; `rng` alone decides which.

    What people ask in the same words is trained always, and never kept back. Those written for it are all
    trained where the bank has others to keep back, but for those that the model itself takes to ask for
    something else: so small a model writes many that do. `taken` are the pairs of other memories: what two
    memories could be called, neither is. `apart` are pairs of something else near this one, told or not: it
    is called by none of them, often as the model may take them for it.
    """
    own = (memory.subject, memory.attribute)
    named = names_of(memory, taken, apart)
    given = tuple(dict.fromkeys(named.values()))
    synonyms = synonyms_of(own, given, taken)
    usual = kinds.asked_often().get(own, ())[:_MOST_USUAL]
    banked = _distinct((*usual, *asked_for(*own)))
    plain = _distinct((*banked, *plain_questions(*own)))[len(banked) :]
    sure = {*named, *(other for question in banked for other in other_nouns(question, memory.subject))}
    written = [
        each.question
        for each in memory.asked
        if (each.subject, each.attribute) == own or each.question in sure
    ]
    more = _distinct((*banked, *plain, *written))[len(banked) + len(plain) :]
    seldom = banked[len(usual) :]
    special = seldom or more
    for questions in (special, plain, more):
        rng.shuffle(questions)
    from_special = min(held_back - 1, max(0, len(special) - 4)) if len(special) > 4 else 0
    from_plain = held_back - from_special
    exam = (*special[:from_special], *plain[:from_plain])
    by_name = {q: pair for pair in given for q in rng.sample(plain_questions(*pair), _OF_EACH_NAME)}
    by_name |= {q: pair for pair in synonyms for q in rng.sample(plain_questions(*pair), _OF_EACH_SYNONYM)}
    kept_back = {words(question) for question in exam}
    own_name = plain[from_plain:]
    train = [
        Asked(question, *{**by_name, **named}.get(question, own))
        for question in (
            *own_name[:_PLAIN_FIRST],
            *usual,
            *list(by_name)[:_MOST_BY_NAME],
            *_alternating(special[from_special:], more if seldom else []),
            *list(by_name)[_MOST_BY_NAME:],
            *own_name[_PLAIN_FIRST:],
        )
        if words(question) not in kept_back
    ]
    return Ways(tuple(train), exam, (*given, *synonyms))


def synonyms_of(own: Pair, given: Sequence[Pair], taken: Sequence[Pair]) -> tuple[Pair, ...]:
    """Everyday words for a pair that are none of those `given`, and that nothing else told goes by."""
    return tuple(pair for pair in also_called(own) if pair not in given and not _told(pair, taken))


def _told(pair: Pair, taken: Sequence[Pair]) -> bool:
    """Whether another memory is this very pair, or one that is called so too."""
    return any(pair == other or pair in also_called(other) for other in taken)


def _alternating(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """All of both, in turn."""
    return [question for pair in zip_longest(first, second) for question in pair if question is not None]


def names_of(memory: Memory, taken: Sequence[Pair], apart: Sequence[Pair] = ()) -> dict[str, Pair]:
    """Question -> what the model takes it to ask for, where that is another name of the same thing.

    A name counts when it could mean the same as the memory's own pair, or when two questions agree on it and
    it is none of `apart`. One that could mean what another memory holds does not, nor does somebody's name
    for what is no name.
    """
    own = (memory.subject, memory.attribute)
    named = {each.question: (each.subject, each.attribute) for each in memory.asked}
    votes = Counter(named.values())
    good = {
        pair
        for pair, count in votes.items()
        if pair != own
        and ((count >= _AGREE and pair not in apart) or may_mean_the_same(pair, [own]))
        and (pair[1] != "name" or own[1] == "name")
        and not may_mean_the_same(pair, taken)
    }
    return {question: pair for question, pair in named.items() if pair in good}


_OTHER_NOUNS = {
    "wife": ("spouse", "partner", "missus"),
    "husband": ("spouse", "partner", "hubby"),
    "partner": ("other half", "significant other"),
    "mother": ("mum", "mom"),
    "father": ("dad", "old man"),
    "grandmother": ("gran", "grandma"),
    "grandfather": ("grandpa", "granddad"),
    "best friend": ("closest friend", "best mate", "good friend"),
    "flatmate": ("roommate", "housemate"),
    "dog": ("pup", "four-legged friend"),
    "daughter": ("girl", "little girl"),
    "son": ("boy", "lad"),
    "boss": ("manager", "supervisor"),
    "phone": ("mobile",),
}


def other_nouns(question: str, subject: str) -> tuple[str, ...]:
    """The question with other everyday nouns for its subject, where that stands in it."""
    nouns = _OTHER_NOUNS.get(subject, ()) if f"my {subject}" in question else ()
    return tuple(question.replace(f"my {subject}", f"my {noun}", 1) for noun in nouns)


def may_mean_the_same(pair: tuple[str, str], taken: Sequence[tuple[str, str]]) -> bool:
    """Whether a question for `pair` could be a question for one of `taken`."""
    return any(_twins(pair) & _twins(other) for other in taken)


def other_kinds(taken: Sequence[tuple[str, str]]) -> list[kinds.Kind]:
    """Kinds of which nothing was told: neither the pair itself nor one that could mean the same."""
    return [kind for kind in kinds.bank() if not may_mean_the_same(kind.key, taken)]


_SAME_PERSON = (
    {"wife", "husband", "partner", "spouse", "girlfriend", "boyfriend", "fiancee", "fiance"},
    {"doctor", "gp"},
    {"boss", "manager", "supervisor", "team lead"},
    {"flatmate", "roommate", "housemate"},
    {"son", "daughter", "child", "kid"},
    {"mother", "mum", "mom"},
    {"father", "dad"},
    {"laptop", "computer"},
    {"grandmother", "gran", "grandma", "nan"},
    {"teacher", "school teacher"},
    {"dog", "puppy", "pup", "hound"},
    {"cat", "kitten", "kitty", "moggy"},
    {"rabbit", "bunny"},
    {"tortoise", "turtle"},
    {"hen", "hens", "chicken", "chickens"},
    {"motorbike", "motorcycle", "scooter", "moped"},
    {"bike", "bicycle"},
    {"landlord", "landlady"},
    {"horse", "pony"},
    {"hairdresser", "barber"},
    {"grandson", "granddaughter", "grandchild"},
    {"spare key", "front door key"},
)
_SAME_ATTRIBUTE = (
    {"job", "job title", "profession", "occupation", "industry"},
    {"employer", "company", "workplace", "business name"},
    {"home city", "city", "town", "neighbourhood", "country", "country of residence"},
    {"hometown", "birthplace", "country of origin", "nationality", "childhood home"},
    {"favourite food", "favourite dish", "signature dish", "comfort food", "favourite restaurant order"},
    {"favourite snack", "guilty pleasure", "favourite sweet"},
    {"favourite band", "favourite singer"},
    {"run day", "gym day", "training day"},
    {"shift", "work hours"},
    {"holiday home location", "summer house location"},
    {"dentist day", "next dentist appointment"},
    {"longest run", "personal best"},
    {"operation", "surgery"},
    {"hobby", "sport", "exercise routine", "craft"},
    {"breed", "kind", "type"},
    {"make", "brand", "model"},
    {"allergy", "intolerance"},
    {"next trip destination", "trip destination", "holiday place", "dream destination"},
    {"name", "nickname"},
    {"star sign", "birthday", "age", "date of birth"},
)


@cache
def _twins(pair: tuple[str, str]) -> frozenset[tuple[str, str]]:
    subject, attribute = pair
    subject = subject.replace(" in law", "-in-law")
    noun = subject.rsplit(" ", 1)[-1]  # a tabby cat is a cat, an older sister a sister
    subjects = {subject, noun}.union(*(group for group in _SAME_PERSON if {subject, noun} & group))
    attributes = next((group for group in _SAME_ATTRIBUTE if attribute in group), {attribute})
    return frozenset((s, a) for s in subjects for a in attributes)
