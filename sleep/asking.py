"""Asking: the questions by which a memory would be asked for, and what the model takes each to ask for.

Promise: a question is written from the user's own words and never gives the value away; what it is taken to
ask for is the model's own reading, made by the weights that training starts from. Which questions are trained
is decided elsewhere.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from ..memory.engine import Message, Sampling
from ..memory.records import Asked, Memory
from . import scribe
from .compact import Scribe
from .questions import asked_for, other_nouns

_DRAFT = Sampling(max_tokens=110, temperature=0.8, top_p=0.95, seed=0)
_NAME_TOKENS = 20
_FROM_BANK = 8
_WITH_OTHER_NOUNS = 3
_OPENING = re.compile(r"Your (?:(?P<subject>.+?)(?:'s|(?<=s)') )?(?P<attribute>[^']+)")
_VERBS = (" is ", " are ")
_VERB = re.compile(" (?:is|are) ")


def written_for(writer: Scribe, memories: Sequence[Memory]) -> list[tuple[str, ...]]:
    """For each memory the questions that the scribe writes when it reads its telling again; the same ones
    each time.
    """
    asked = [
        (scribe.asking_request(memory.subject, memory.attribute, memory.quote), _DRAFT) for memory in memories
    ]
    replies = writer.write_all(scribe.ASKING_PROMPT, asked)
    return [
        tuple(dict.fromkeys(scribe.read_asking(reply.text, memory.value)))
        for memory, reply in zip(memories, replies, strict=True)
    ]


def read_name(opening: str) -> tuple[str, str] | None:
    """(subject, attribute) of an answer's opening, such as "Your dog's name"; None if it is none."""
    found = _OPENING.fullmatch(opening.strip())
    if found is None:
        return None
    return (found["subject"] or "user").lower(), found["attribute"].lower()


def taken_for(writer: Scribe, persona: str, questions: Sequence[str]) -> list[tuple[str, str] | None]:
    """What the role adapter names when it is asked each question; None where it does not answer so."""
    sampling = Sampling(max_tokens=_NAME_TOKENS, stop=_VERBS)
    asked = [([Message("system", persona), Message("user", question)], sampling) for question in questions]
    stack = (writer.adapter,) if writer.adapter else ()
    return [
        read_name(_VERB.split(done.text)[0]) if done.finish == "stop" else None
        for done in writer.engine.complete_all(asked, adapters=stack)
    ]


def ways_to_ask(writer: Scribe, persona: str, memories: Sequence[Memory]) -> list[tuple[Asked, ...]]:
    """For each memory its questions, each with what it is taken to ask for.

    A base without a role adapter does not name what it is asked for: its questions go by the memory's own.
    """
    of_each = [
        list(dict.fromkeys([*written, *_of_bank(memory)]))
        for memory, written in zip(memories, written_for(writer, memories), strict=True)
    ]
    everything = [question for questions in of_each for question in questions]
    pairs = iter(taken_for(writer, persona, everything) if writer.adapter else [None] * len(everything))
    return [
        tuple(Asked(question, *(next(pairs) or (memory.subject, memory.attribute))) for question in questions)
        for memory, questions in zip(memories, of_each, strict=True)
    ]


def _of_bank(memory: Memory) -> list[str]:
    """Some of the bank's questions, and those with other nouns for the subject."""
    rng = random.Random(memory.id)
    banked: Sequence[str] = asked_for(memory.subject, memory.attribute)
    drawn = rng.sample(banked, min(_FROM_BANK, len(banked)))
    with_nouns = [other for question in drawn for other in other_nouns(question, memory.subject)]
    return [*drawn, *with_nouns[:_WITH_OTHER_NOUNS]]
