"""What an agent hands back: frozen records, each ready to be printed as JSON. Knows nothing of how they came
about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ..graphs.events import Asked
from ..memory.records import MemoryState

Tiers = Literal["weights", "store", "both"]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a journaled turn.

    `turn_id` is the answer's, `sources` are the ids of the earlier turns it was shown, `adapter` the fast
    weights it came from (None: the bare base), `tokens` how many were generated, `ms` the turn's wall time.
    `interrupted` is True when it was cut short; `text` then is what had been said. `calls` are the ids of
    the tool calls made for it. When `waiting` names a call that waits for its owner's yes, there is no answer
    yet, and `turn_id` is the user's.
    """

    text: str
    session: str
    turn_id: int
    abstained: bool
    sources: tuple[int, ...]
    adapter: str | None
    tokens: int
    ms: int
    interrupted: bool = False
    calls: tuple[int, ...] = ()
    waiting: Asked | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question that was not journaled; the fields are those of Reply. `prompt_tokens` is how
    many tokens the whole context had.
    """

    answer: str
    abstained: bool
    sources: tuple[int, ...]
    adapter: str | None
    tokens: int
    ms: int
    prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ToldTurn:
    """One line of a `tell` file: a user turn and the session it belongs to."""

    session: str
    content: str


@dataclass(frozen=True, slots=True)
class ToldReport:
    """What was told: how many turns, in which sessions (in order of appearance), and every answer.

    `withheld` is how many turns held something forgotten, which was taken out of them.
    """

    turns: int
    sessions: tuple[str, ...]
    replies: tuple[Reply, ...]
    withheld: int = 0


@dataclass(frozen=True, slots=True)
class CanaryView:
    """A version being watched since it was published: what it is compared with (None: the bare base), how
    many answers of its own were seen of how many, how often each sign was seen in them, and in those before.
    """

    adapter: str
    previous: str | None
    since: datetime
    seen: int
    turns: int
    signs: Mapping[str, int]
    seen_before: int
    signs_before: Mapping[str, int]


@dataclass(frozen=True)
class Status:
    """What an agent holds now.

    `adapter` is the one served, `to_sleep_on` how many turns no night has read yet, `memories` and `nights`
    count by state, `running_night` is one that was cut short and will be finished by the next. `day_adapter`
    is what naps have made since the last night and is served on top, `naps` count by state, `nap_refused`
    says why the latest nap could not be used. `alarms` say that the agent does not learn as it should.
    `canary` is how the version served is being watched, if it is.
    """

    name: str
    home: str
    base: Mapping[str, Any] | None
    adapter: str | None
    sessions: int
    turns: int
    to_sleep_on: int
    memories: Mapping[str, int]
    nights: Mapping[str, int]
    running_night: str | None
    alarms: tuple[str, ...]
    warnings: tuple[str, ...]
    canary: CanaryView | None = None
    day_adapter: str | None = None
    naps: Mapping[str, int] = field(default_factory=dict)
    nap_refused: str | None = None


@dataclass(frozen=True)
class MemoryView:
    """One memory, with the words of the turns it rests on."""

    id: str
    statement: str
    subject: str
    attribute: str
    value: str
    quote: str
    turns: tuple[int, ...]
    words: Mapping[int, str]
    state: MemoryState
    reason: str
    night: str | None
    superseded_by: str | None
    created_at: datetime


@dataclass(frozen=True)
class AdapterView:
    """One adapter: its manifest, its exam if it sat one, and whether it is the one served."""

    manifest: Mapping[str, Any]
    exam: Mapping[str, Any] | None
    served: bool


@dataclass(frozen=True, slots=True)
class SessionView:
    """One conversation: `turns` are what was said in it by either side, `last_at` when the last of them."""

    id: str
    title: str
    created_at: datetime
    last_at: datetime
    turns: int


@dataclass(frozen=True, slots=True)
class VerdictView:
    """What a verifier said of an answer or a tool's result; `outcome` is passed, failed or unsure."""

    verifier: str
    outcome: str
    evidence: str


@dataclass(frozen=True, slots=True)
class CallView:
    """One call of a tool. `result` is what it gave, or why it failed when `ok` is False.

    `state` is asked (it waits for its owner's yes), running, done, failed, refused or lost.
    """

    name: str
    arguments: Mapping[str, Any]
    result: str
    ok: bool
    id: int | None = None
    state: str = "done"
    verdicts: tuple[VerdictView, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnView:
    """One turn as the journal holds it. `night` is the night that read it; `calls` those of a tool turn.

    `verdicts` are those on the turn's own words.
    """

    id: int
    session: str
    role: str
    content: str
    created_at: datetime
    state: str
    adapter: str | None
    tokens: int
    night: str | None
    withdrawn: bool = False
    calls: tuple[CallView, ...] = ()
    verdicts: tuple[VerdictView, ...] = ()
