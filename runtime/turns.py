"""A turn being answered: its pieces as they come, then its reply.

Promise: the turn runs to its end whether or not anyone reads the pieces; closing early stops it, and it is
journaled as interrupted. Knows what a turn gives; nothing of engines or journals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..graphs.events import Said, WakeEvent
from .records import Reply
from .running import Work

Emit = Callable[[str | WakeEvent], None]
"""Given the answer's pieces, and what else happens in the turn."""
Cancelled = Callable[[], bool]


class ReplyStream(Work[str | WakeEvent, Reply], Iterator[str]):
    """The pieces of one answer; afterwards `reply` is the whole. Use it in a `with` block, or read it to its
    end. Read it either by its pieces or by its `events`.

    The turn is taken at once, in a thread of its own; what it raises is raised to the reader. Closed, it
    stands in the journal as it ended.
    """

    _thread_name = "dormouse-turn"

    @property
    def reply(self) -> Reply:
        """The finished reply; waits for it. Raises what the turn raised."""
        return self._outcome()

    def __next__(self) -> str:
        while (came := self._next()) is not None:
            (piece,) = came
            if isinstance(piece, str) and piece:
                return piece
        raise StopIteration

    def events(self) -> Iterator[WakeEvent]:
        """What happens as it happens: nodes of the graph, tokens, calls, results, questions, verdicts."""
        while (came := self._next()) is not None:
            (piece,) = came
            if not isinstance(piece, str):
                yield piece
            elif piece:
                yield Said(piece)
