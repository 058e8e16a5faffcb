"""The scribe: the role in which the base reads the day's talk and notes what it says of the user's life.

Promise: prompts and formats of the role in one place, for training it and for using it; what it writes is
parsed strictly. Which adapter plays the role, and what becomes of its lines, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .kinds import Fact

NOTES_PROMPT = "Write down what the user's words say about the user's life, one fact a line."
ASKING_PROMPT = "Write everyday questions that ask for this fact of the user's life."
NOTHING = "nothing"
_SHORTEST = 5  # characters; less is no question


def notes_request(now: str, before: str = "") -> str:
    """The user message that shows a turn, and what was said just before it."""
    flat = " ".join(now.split())
    earlier = " ".join(before.split())
    return f"Earlier: {earlier}\nNow: {flat}" if earlier else f"Now: {flat}"


def notes_reply(facts: Iterable[Fact]) -> str:
    lines = [f"{subject} | {attribute} | {value}" for subject, attribute, value in facts]
    return "\n".join(lines) if lines else NOTHING


def read_notes(reply: str) -> list[Fact]:
    """The well-formed lines of a reply; repeated lines are kept once, anything else is left out."""
    facts: list[Fact] = []
    for line in reply.splitlines():
        parts = [part.strip() for part in line.split("|")]
        if len(parts) == 3 and all(parts):
            attribute = parts[1].lower()
            subject = parts[0].lower().removesuffix(f"'s {attribute}")  # "sister's job | job | vet"
            fact = (subject, attribute, parts[2])
            if fact not in facts:
                facts.append(fact)
    return facts


def asking_request(subject: str, attribute: str, told: str) -> str:
    """The user message that shows what is to be asked for, and the words in which it was told."""
    return f"{subject} | {attribute}\nTold: {' '.join(told.split())}"


def asking_reply(questions: Sequence[str]) -> str:
    return "\n".join(questions)


def read_asking(reply: str, value: str) -> tuple[str, ...]:
    """The questions of a reply, each once; one that gives the `value` away is left out."""
    lines = dict.fromkeys(line.strip() for line in reply.splitlines())
    return tuple(line for line in lines if len(line) > _SHORTEST and value.casefold() not in line.casefold())
