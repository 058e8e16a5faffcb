"""What the journal holds, as frozen records. Knows nothing of how they are stored.

Every time is an aware UTC datetime.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .engine import Role

TurnState = Literal["complete", "interrupted", "pending"]
MemoryState = Literal["admitted", "consolidated", "superseded", "rejected", "forgotten"]
Ruling = Literal["supported", "duplicate", "contradicted", "tainted", "secret", "forgotten", "unverified"]
CallState = Literal["asked", "running", "done", "failed", "refused", "lost"]
JudgedOutcome = Literal["passed", "failed", "unsure"]
NightState = Literal["running", "published", "nothing-new", "rejected", "failed"]
NapState = Literal["published", "nothing-new", "rejected", "failed"]


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation. `title` is the one it was given, else how its first user turn begins, else ""."""

    id: str
    created_at: datetime
    title: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance. `trusted` is False for tool output and documents; `night_id` is who harvested it.

    `evidence` is the engine's record of an answer (token ids and log-probabilities), opaque to the journal.
    `withdrawn_at` is when the user took it back: it stays on record, and nothing reads or learns it.
    """

    id: int
    session_id: str
    role: Role
    content: str
    created_at: datetime
    state: TurnState = "complete"
    adapter: str | None = None
    reply_to: int | None = None
    tokens: int = 0
    trusted: bool = True
    evidence: bytes | None = None
    night_id: str | None = None
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool made while writing a turn; `arguments` is a JSON object.

    `state`: it waits for its owner's yes, is being made, was made (done, failed), was refused, or is lost:
    the program ended while it was being made, so that nobody knows. `evidence` is as in Turn.
    """

    id: int
    turn_id: int
    name: str
    arguments: dict[str, Any]
    result: str
    ok: bool
    state: CallState = "done"
    evidence: bytes | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the verifier of that name said of a turn's answer, or of one call made for it, and why."""

    turn_id: int
    call_id: int | None
    verifier: str
    outcome: JudgedOutcome
    evidence: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A question for a memory, and what the model takes it to ask for: `attribute` of `subject`."""

    question: str
    subject: str
    attribute: str


@dataclass(frozen=True, slots=True)
class Memory:
    """One thing learnt: `attribute` of `subject` is `value`, as `quote` from the turns it rests on supports.

    `reason` says why it is in its state, where that needs saying; `superseded_by` is what replaced it;
    `asked` are questions that ask for it, written when it was first to be trained.
    """

    id: str
    subject: str
    attribute: str
    value: str
    quote: str
    statement: str
    turn_ids: tuple[int, ...]
    created_at: datetime
    state: MemoryState = "admitted"
    reason: str = ""
    night_id: str | None = None
    superseded_by: str | None = None
    asked: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Night:
    """One night. `adapter` is the one it made, if any; `report` is a JSON object, empty while it runs."""

    id: str
    state: NightState
    started_at: datetime
    seed: int
    ended_at: datetime | None = None
    adapter: str | None = None
    report: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Nap:
    """One nap: `passes` over the turns of a session up to the turn `upto`, which left its context.

    `adapter` is the day adapter it made, if any; `report` is a JSON object; `night_id` is the night that has
    learnt since what this nap had. A nap that is rejected or failed took nothing out of the context.
    """

    session_id: str
    state: NapState
    upto: int
    passes: int
    started_at: datetime
    ended_at: datetime
    adapter: str | None = None
    report: dict[str, Any] = field(default_factory=dict)
    night_id: str | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a night's filter ruled on one candidate, for a person to read.

    `supported` alone was admitted: `memory` is then the memory it became. Elsewhere `memory` is the one it
    repeats or contradicts, if there is one. No secret stands in any of its texts.
    """

    ruling: Ruling
    text: str
    reason: str
    turn_id: int
    quote: str
    memory: str | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of something the owner had removed: salted hashes to know it by, and no text.

    `id` is the memory's, or one of its own where no memory was made of it. `rebuilt_at` is when the weights
    were made anew without it, `lifted_at` when the owner allowed it to be told again. `fingerprint` is JSON
    that only its maker reads.
    """

    id: str
    forgotten_at: datetime
    fingerprint: dict[str, Any]
    receipt: str
    rebuilt_at: datetime | None = None
    lifted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExamAnswer:
    """What one adapter answered to one question of one night's exam."""

    night_id: str
    adapter: str
    item_id: str
    kind: str
    question: str
    answer: str
    passed: bool


def memory_id(subject: str, attribute: str, value: str, turn_ids: Sequence[int]) -> str:
    """The id of a memory: 10 hex digits of its content, the same whenever and wherever it is made."""
    content = json.dumps([subject, attribute, value, list(turn_ids)], ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:10]
