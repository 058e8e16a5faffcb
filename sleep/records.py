"""The plain records that pass from stage to stage of a night.

All of them survive JSON, since the night's checkpoint holds them. Knows nothing of how a stage does its work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

NightStatus = Literal["published", "nothing-new", "rejected"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A memory that compaction proposes, before the filter: who says so, where, and how sure the writer was.

    `confidence` is the mean natural-log probability of the line's tokens (0 is certain); rules give 0.
    """

    subject: str
    attribute: str
    value: str
    quote: str
    turn_id: int
    writer: str
    confidence: float = 0.0
    corrects: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A candidate that did not become a memory, and why, in words for a person."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and the answer to be learnt, about `attribute` of `subject`; `memory` is the id it serves.

    `kind` is new, old (an earlier memory asked for anew), unknown, stored (drawn from the buffer for its
    answer) or dark (drawn for its distribution).
    """

    question: str
    answer: str
    kind: str
    memory: str = ""
    subject: str = ""
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A question kept back for the exam: its answer must hold `expect`, or decline where that is empty.

    `kind` is new, old, untrue (learnt once, and denied since), neighbour (near what was told) or unknown.
    """

    question: str
    kind: str
    expect: str = ""
    memory: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is: `done` of `total` in the stage's own unit, `note` for a person.

    Training tells its `loss` (nats per answer token, smoothed) and its speed too.
    """

    stage: str
    done: float
    total: float
    note: str = ""
    loss: float | None = None
    tokens_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class NightReport:
    """What came of a night. `seconds` is by stage; `exam` is the exam's record, None when none was held."""

    status: NightStatus
    adapter: str | None
    memories: list[dict[str, Any]]
    rejected: list[dict[str, str]]
    exam: dict[str, Any] | None
    seconds: dict[str, float]
    train_tokens_per_s: float
    night: str = ""
    reasons: list[str] = field(default_factory=list)


def statement(subject: str, attribute: str, value: str) -> str:
    """A memory as one sentence about the user, in the third person."""
    owner = "The user's" if subject == "user" else f"The user's {subject}'s"
    return f"{owner} {attribute} is {value}."
