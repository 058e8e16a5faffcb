"""What every part of an agent stands on: its open home, one turn at a time, and a night that gives way to it.

Promise: turns are taken one after the other, in the order they came, and a night stands still meanwhile.
Knows who may go when; nothing of what is said, learnt or looked at.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from ..memory.fifo_lock import FifoLock
from ..sleep.right_of_way import RightOfWay
from . import neighbours
from .errors import AgentClosed
from .spec import Spec
from .workspace import Workspace

if TYPE_CHECKING:
    from ..graphs.wake import WakeGraph
    from ..verifiers.abc import Verifier
    from .canary import Canary


class Part(ABC):
    """One of the parts an `Agent` is made of. What they share is set by the agent itself."""

    spec: Spec
    ticking: Callable[[], float]
    """Seconds that pass, by which turns are dated."""
    _space: Workspace
    _turn_lock: FifoLock
    _way: RightOfWay
    _closed: bool
    _last_turn: float | None

    @property
    @abstractmethod
    def _wake(self) -> WakeGraph:
        """The graph that answers."""

    def _open(self) -> Workspace:
        """The open home. Raises AgentClosed."""
        if self._closed:
            raise AgentClosed
        return self._space

    @cached_property
    def _canary(self) -> Canary:
        """What watches a version that was published just now."""
        from .canary import Canary

        return Canary(self._space, self.spec.exam.canary, self.spec.persona)

    @cached_property
    def _verifiers(self) -> tuple[Verifier, ...]:
        """The verifiers that judge calls and answers while awake. Raises NoModel and UnusableCheck."""
        from ..verifiers.declared import built
        from .asking import means_of

        means = means_of(self.spec, lambda: self._space.engine)
        return tuple(built(declared, means) for declared in self.spec.awake)

    def _close_verifiers(self) -> None:
        """Have them let go of what they hold, if any was needed."""
        from ..verifiers.declared import close_all

        close_all(self.__dict__.get("_verifiers", ()))

    def _answered(self, turn_id: int | None, given: Sequence[str] = ()) -> None:
        """Have the canary look at an answer, if it was journaled; `given` are words before it that may not
        have been.
        """
        if turn_id is not None:
            self._canary.answered(turn_id, given)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Around a turn being answered: a night stands still, and other turns wait."""
        with neighbours.turn(self._way), self._between_turns():
            self._open()
            self._last_turn = self.ticking()
            try:
                yield
            finally:
                self._last_turn = self.ticking()

    @contextmanager
    def _between_turns(self) -> Iterator[None]:
        """While no turn is being answered, each caller in the order they came."""
        ticket = self._turn_lock.acquire()
        try:
            yield
        finally:
            self._turn_lock.release(ticket)
