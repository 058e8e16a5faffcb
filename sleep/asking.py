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

_DRAFTS = 2
_DRAFT_TOKENS = 110
_NAME_TOKENS = 20
_FROM_BANK = 8
_WITH_OTHER_NOUNS = 3
_OPENING = re.compile(r"Your (?:(?P<subject>.+?)(?:'s|(?<=s)') )?(?P<attribute>[^']+)")
_VERBS = (" is ", " are ")
_VERB = re.compile(" (?:is|are) ")


def written_for(writer: Scribe, memory: Memory) -> tuple[str, ...]:
    """Questions that the scribe writes when it reads the telling again; the same ones each time."""
    request = scribe.asking_request(memory.subject, memory.attribute, memory.quote)
    drafts = [
        Sampling(max_tokens=_DRAFT_TOKENS, temperature=0.8, top_p=0.95, seed=seed) for seed in range(_DRAFTS)
    ]
    replies = [writer.write(scribe.ASKING_PROMPT, request, draft).text for draft in drafts]
    return tuple(dict.fromkeys(q for reply in replies for q in scribe.read_asking(reply, memory.value)))


def read_name(opening: str) -> tuple[str, str] | None:
    """(subject, attribute) of an answer's opening, such as "Your dog's name"; None if it is none."""
    found = _OPENING.fullmatch(opening.strip())
    if found is None:
        return None
    return (found["subject"] or "user").lower(), found["attribute"].lower()


def taken_for(writer: Scribe, persona: str, question: str) -> tuple[str, str] | None:
    """What the role adapter names when it is asked `question`; None where it does not answer so."""
    messages = [Message("system", persona), Message("user", question)]
    sampling = Sampling(max_tokens=_NAME_TOKENS, stop=_VERBS)
    stack = (writer.adapter,) if writer.adapter else ()
    completion = writer.engine.complete(messages, sampling, adapters=stack)
    return read_name(_VERB.split(completion.text)[0]) if completion.finish == "stop" else None


def ways_to_ask(writer: Scribe, persona: str, memory: Memory) -> tuple[Asked, ...]:
    """Questions for a memory, each with what it is taken to ask for.

    A base without a role adapter does not name what it is asked for: its questions go by the memory's own.
    """
    own = (memory.subject, memory.attribute)
    questions = [*written_for(writer, memory), *_of_bank(memory)]
    named = []
    for question in dict.fromkeys(questions):
        pair = taken_for(writer, persona, question) if writer.adapter else None
        named.append(Asked(question, *(pair or own)))
    return tuple(named)


def _of_bank(memory: Memory) -> list[str]:
    """Some of the bank's questions, and those with other nouns for the subject."""
    rng = random.Random(memory.id)
    banked: Sequence[str] = asked_for(memory.subject, memory.attribute)
    drawn = rng.sample(banked, min(_FROM_BANK, len(banked)))
    with_nouns = [other for question in drawn for other in other_nouns(question, memory.subject)]
    return [*drawn, *with_nouns[:_WITH_OTHER_NOUNS]]
