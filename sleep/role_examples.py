"""Training examples for the shipped role adapter, drawn from the bank of kinds.

Five exercises: turns with their facts (notes), facts with questions (asking), personal questions about things
never told (honesty), questions answered from recalled turns (reading), and, added by the caller, anchors. The
same seed gives the same examples; what a turn does not say is never in the reply. Knows nothing of tokens or
models.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

from ..memory.recalling import with_recalled
from . import kinds, scribe
from .kinds import Fact, Kind, OneOff, Pair, Told
from .questions import other_kinds, other_nouns, plain_questions, told_answer, untold_answer, vary

T = TypeVar("T")
Talk = tuple[str, str, str]  # system prompt, user message, reply

_PEOPLE = (
    "sister",
    "brother",
    "niece",
    "nephew",
    "cousin",
    "aunt",
    "uncle",
    "grandmother",
    "grandfather",
    "daughter",
    "son",
    "wife",
    "husband",
    "partner",
    "flatmate",
    "neighbour",
    "boss",
    "colleague",
    "best-friend",
    "godson",
    "stepdaughter",
    "mother",
    "father",
    "landlord",
    "teacher",
)
_PETS = (
    "dog",
    "cat",
    "rabbit",
    "horse",
    "hamster",
    "ferret",
    "parrot",
    "budgie",
    "gecko",
    "donkey",
    "goat",
    "pony",
)


def swap_subject(text: str, facts: Sequence[Fact], rng: random.Random) -> tuple[str, tuple[Fact, ...]]:
    """The same telling about another relative or animal, where the noun stands in the text."""
    subjects = sorted({subject for subject, _, _ in facts})
    for group in (_PEOPLE, _PETS):
        for old in subjects:
            pattern = re.compile(rf"\b{re.escape(old)}\b", re.IGNORECASE)
            if old not in group or not pattern.search(text):
                continue
            new = rng.choice(group).replace("-", " ")
            if new in subjects or re.search(rf"\b{new}\b", text, re.IGNORECASE):
                continue

            def put(match: re.Match[str], new: str = new) -> str:
                return new.capitalize() if match.group(0)[0].isupper() else new

            text = pattern.sub(put, text)
            facts = [
                (new if subject == old else subject, attribute, value) for subject, attribute, value in facts
            ]
    return text, tuple(facts)


def roughen(text: str, facts: Sequence[Fact], rng: random.Random) -> tuple[str, tuple[Fact, ...]]:
    """Types the turn as some people do: lower case, or without its end mark; values follow the text."""
    if rng.random() < 0.5:
        return text.rstrip(".!"), tuple(facts)
    return text.lower(), tuple((subject, attribute, value.lower()) for subject, attribute, value in facts)


def _joined(first: str, second: str) -> str:
    first = first.strip()
    return f"{first} {second}" if first[-1:] in ".!?" else f"{first}. {second}"


def _with_company(
    text: str, facts: Sequence[Fact], others: Sequence[Kind], rng: random.Random
) -> tuple[str, tuple[Fact, ...]]:
    """Puts a telling beside small talk or beside a second telling of another kind."""
    place = rng.random()
    if place < 0.5:
        talk = rng.choice(kinds.talk_without_facts())
        return (_joined(talk, text) if rng.random() < 0.5 else _joined(text, talk)), tuple(facts)
    second, more = kinds.tell(rng.choice(rng.choice(others).told), rng)
    taken = {(subject, attribute) for subject, attribute, _ in facts}
    if any((subject, attribute) in taken for subject, attribute, _ in more):
        return text, tuple(facts)
    return _joined(text, second), (*facts, *more)


def _before(rng: random.Random, bank: Sequence[Kind]) -> str:
    """What was said earlier: nothing, small talk, or a fact that must not be written down again."""
    dice = rng.random()
    if dice < 0.35:
        return ""
    if dice < 0.75:
        return rng.choice(kinds.talk_without_facts())
    return kinds.tell(rng.choice(rng.choice(bank).told), rng)[0]


def _notes(text: str, facts: Sequence[Fact], before: str) -> Talk:
    return scribe.NOTES_PROMPT, scribe.notes_request(text, before), scribe.notes_reply(facts)


def note_from_bank(told: Told, bank: Sequence[Kind], rng: random.Random) -> Talk:
    text, facts = kinds.tell(told, rng)
    if rng.random() < 0.3:
        text, facts = swap_subject(text, facts, rng)
    if rng.random() < 0.3:
        text, facts = _with_company(text, facts, bank, rng)
    if rng.random() < 0.15:
        text, facts = roughen(text, facts, rng)
    return _notes(text, facts, _before(rng, bank))


def note_from_one_off(row: OneOff, bank: Sequence[Kind], rng: random.Random) -> Talk:
    text, facts = row.text, row.facts
    if not row.before and rng.random() < 0.3:
        text, facts = _with_company(text, facts, bank, rng)
    if not row.before and rng.random() < 0.15:
        text, facts = roughen(text, facts, rng)
    return _notes(text, facts, row.before or _before(rng, bank))


def note_without_fact(bank: Sequence[Kind], rng: random.Random) -> Talk:
    talk = kinds.talk_without_facts()
    text = rng.choice(talk)
    if rng.random() < 0.25:
        text = _joined(text, rng.choice(talk))
    if rng.random() < 0.1:
        text = rng.choice(kinds.general_prompts())
    if rng.random() < 0.1:
        text = rng.choice(rng.choice(bank).asked)
    return _notes(text, (), _before(rng, bank))


def asking(bank: Sequence[Kind], one_offs: Sequence[OneOff], rng: random.Random) -> Talk:
    """A fact and the words that told it, and questions for it."""
    if rng.random() < 0.4:
        kind = rng.choice(bank)
        told = next(
            text
            for text, facts in (kinds.tell(rng.choice(kind.told), rng) for _ in range(99))
            if kind.key in {(subject, attribute) for subject, attribute, _ in facts}
        )
        pair, asked = kind.key, rng.sample(kind.asked, min(7, len(kind.asked)))
    else:
        row = rng.choice([row for row in one_offs if row.asked])
        index = rng.randrange(len(row.asked))
        told, pair = row.text, row.facts[index][:2]
        asked = rng.sample(row.asked[index], len(row.asked[index]))
    return scribe.ASKING_PROMPT, scribe.asking_request(*pair, told), scribe.asking_reply(asked)


_PERSONAS = (
    "You are a helpful assistant.",
    "You are a friendly companion who keeps answers short.",
    "You are Pim, the household's assistant.",
    "You answer briefly and truthfully.",
)


def _persona(default: str, rng: random.Random) -> str:
    return default if rng.random() < 0.7 else rng.choice(_PERSONAS)


def _question(kind: Kind, rng: random.Random) -> str:
    asked = rng.choice(kind.asked) if rng.random() < 0.8 else rng.choice(plain_questions(*kind.key))
    return vary(asked, rng)


def honesty(pair: Pair, asked: str, persona: str, rng: random.Random) -> Talk:
    """A question about something never told: the answer names what was asked for, and declines."""
    question = vary(asked if rng.random() < 0.9 else rng.choice(plain_questions(*pair)), rng)
    if rng.random() < 0.3:
        question, facts = swap_subject(question, [(*pair, "")], rng)
        pair = facts[0][:2]
    others = other_nouns(question, pair[0])
    question = rng.choice(others) if others and rng.random() < 0.25 else question
    return _persona(persona, rng), question, untold_answer(*pair)


def reading(bank: Sequence[Kind], persona: str, rng: random.Random) -> Talk:
    """A question whose answer stands in one of the recalled turns, or in none of them."""
    picked = rng.sample(bank, rng.randint(1, 4))
    told = [kinds.tell(rng.choice(kind.told), rng) for kind in picked]
    told_pairs = [(subject, attribute) for _, facts in told for subject, attribute, _ in facts]
    texts = [text for text, _ in told]
    if rng.random() < 0.3:
        texts.append(rng.choice(kinds.talk_without_facts()))
    rng.shuffle(texts)
    system = with_recalled(_persona(persona, rng), texts)
    if rng.random() < 0.35:
        asked = rng.choice(other_kinds(told_pairs))
        return system, _question(asked, rng), untold_answer(*asked.key)
    index = rng.randrange(len(picked))
    value = next(v for s, a, v in told[index][1] if (s, a) == picked[index].key)
    return system, _question(picked[index], rng), told_answer(*picked[index].key, value)


def _in_turn(items: Sequence[T], rng: random.Random) -> Iterator[T]:
    """Each item once, in an order of its own, before any comes again."""
    while True:
        yield from rng.sample(items, len(items))


def _every_question(bank: Sequence[Kind], one_offs: Sequence[OneOff]) -> list[tuple[Pair, str]]:
    """All that is asked in the bank, with the pair it asks for."""
    of_kinds = [(kind.key, question) for kind in bank for question in kind.asked]
    of_rows = [
        (fact[:2], question)
        for row in one_offs
        for fact, asked in zip(row.facts, row.asked, strict=False)
        for question in asked
    ]
    return list(dict.fromkeys((*of_kinds, *of_rows)))


def stream(
    seed: int,
    persona: str,
    bank: Sequence[Kind] | None = None,
    one_offs: Sequence[OneOff] | None = None,
) -> Iterator[Talk]:
    """An endless stream of mixed examples; `persona` is the system prompt that the wake engine serves."""
    rng = random.Random(seed)
    bank = kinds.bank() if bank is None else bank
    one_offs = kinds.one_offs() if one_offs is None else one_offs
    told = _in_turn([each for kind in bank for each in kind.told], rng)
    rows = _in_turn(one_offs, rng)
    questions = _in_turn(_every_question(bank, one_offs), rng)
    while True:
        dice = rng.random()
        if dice < 0.12:
            yield note_from_bank(next(told), bank, rng)
        elif dice < 0.34:
            yield note_from_one_off(next(rows), bank, rng)
        elif dice < 0.40:
            yield note_without_fact(bank, rng)
        elif dice < 0.47:
            yield asking(bank, one_offs, rng)
        elif dice < 0.95:
            yield honesty(*next(questions), persona, rng)
        else:
            yield reading(bank, persona, rng)
