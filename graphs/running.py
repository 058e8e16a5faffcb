"""One turn while it is taken: what it was asked with, what it may still spend, and what becomes of it.

Promise: holds what must not, or cannot, stand in a checkpoint. Knows nothing of the graph's nodes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..memory.engine import Completion, Mount, Token
from .events import Approve, Asked, OnEvent, WakeEvent

_LAST_WORDS = 16  # tokens


def _say_nothing(piece: str) -> None:
    pass


def _never() -> bool:
    return False


Route = Callable[[int], Sequence[Mount] | None]
"""Which adapters answer the user's turn of that id; None for those mounted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one turn may take: calls made, seconds, and tokens generated, those of one call among them."""

    max_steps: int = 3
    timeout_s: float = 300.0
    tokens: int = 4096
    call_tokens: int = 512


@dataclass(frozen=True)
class WakeTurn:
    """One turn to take. Without a `session_id` nothing is journaled and the context is empty.

    `variation` above 0 asks for another answer than the likeliest, a different one for each number.
    `adapters` is as in WakeEngine.stream; `emit` is given the answer's pieces as they come, `on_event` all
    that happens; `cancelled` is asked before each token. `approve` says whether a call may be made; without
    it such calls are refused, or, with `wait`, the turn ends there and waits for WakeGraph.resume. `once` is
    the idempotency key that the user's words are journaled under.
    """

    text: str
    session_id: str | None = None
    recall: bool = True
    tools: bool = True
    variation: int = 0
    adapters: Sequence[Mount] | None = None
    emit: Callable[[str], None] = _say_nothing
    cancelled: Callable[[], bool] = _never
    on_event: OnEvent | None = None
    approve: Approve | None = None
    wait: bool = False
    once: str | None = None


@dataclass(frozen=True)
class WakeAnswer:
    """What became of a turn. `user_turn_id` and `turn_id` are None when nothing was journaled.

    `waiting` is the call a turn waits with for its owner's yes; its `completion` then is empty. `seconds` is
    the wall time from when the engine was open to the end, without what its owner took to say yes or no;
    `calls` are the ids of the calls made.
    """

    completion: Completion
    sources: tuple[int, ...]
    user_turn_id: int | None
    turn_id: int | None
    seconds: float
    calls: tuple[int, ...] = ()
    waiting: Asked | None = None


@dataclass
class Run:
    """The state of a turn that lives in memory alone."""

    turn: WakeTurn
    limits: Limits
    clock: Callable[[], float] = time.perf_counter
    began: float = field(init=False)
    said: list[Token] = field(default_factory=list)
    spent_tokens: int = 0
    completion: Completion | None = None
    routed: bool = False
    """Whether the turn has the adapters it is answered with."""
    answered: int | None = None
    """The id of the call whose yes or no the turn goes on with."""
    turn_id: int | None = None
    """The id of the answer's turn in the journal, once the user's words are there."""

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """The engine is open: the turn's time runs from now on."""
        self.began = self.clock()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """What happens within takes none of the turn's time."""
        since = self.clock()
        try:
            yield
        finally:
            self.began += self.clock() - since

    def tell(self, event: WakeEvent) -> None:
        """Lets whoever watches know."""
        if self.turn.on_event is not None:
            self.turn.on_event(event)

    def seconds(self) -> float:
        """Since the engine was open, without what was waited."""
        return self.clock() - self.began

    def over(self) -> bool:
        """Whether the turn's time is up."""
        return self.seconds() > self.limits.timeout_s

    def stopped(self) -> bool:
        """Whether the turn is to go no further."""
        return self.turn.cancelled() or self.over()

    def tokens_left(self, wanted: int) -> int:
        """Of `wanted` tokens, how many the turn may still generate; at least a few, to end in words."""
        return max(min(wanted, _LAST_WORDS), min(wanted, self.limits.tokens - self.spent_tokens))


def served_by(completion: Completion) -> str | None:
    """The id of the adapter an answer came from (the topmost); None for the bare base."""
    return completion.adapters[-1] if completion.adapters else None
