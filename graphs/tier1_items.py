"""Tier 1 as items of a LangGraph store: what the user said, and what nights made of it, to be read.

Promise: found as our own agent finds it, by the same index and the same words; nothing is written. Knows the
part of an agent that it reads, and nothing of where items are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from langgraph.store.base import GetOp, Item, Op, PutOp, Result, SearchItem, SearchOp

from ..memory.errors import BadInput, UnknownRecord
from ..memory.records import Memory, Session, Turn
from .item_filters import fits

ROOT = "dormouse"
TURNS, MEMORIES = (ROOT, "turns"), (ROOT, "memories")
_HOLD = ("admitted", "consolidated")
_AT_FIRST = 32  # looked at for a query that a filter goes with


class InSession(Protocol):
    """A turn that says where it was said."""

    @property
    def session(self) -> str: ...


class Tier1(Protocol):
    """What is read of an agent: of one user's, and of no other's."""

    def recall(self, query: str, k: int = 5) -> list[tuple[Turn, float]]: ...
    def sessions(self) -> list[Session]: ...
    def turns(self, session: str) -> list[Turn]: ...
    def turns_by_id(self, ids: Sequence[int]) -> Sequence[InSession]: ...
    def memories(self) -> list[Memory]: ...


class Tier1Items:
    """The user's turns under ("dormouse", "turns"), each by its id, and the memories that hold under
    ("dormouse", "memories"). With a query, a turn shows what of it is the user's own word, and a memory
    stands where the nearest of the turns it rests on does; without one, the newest come first.
    """

    def __init__(self, tier1: Tier1) -> None:
        self._tier1 = tier1

    def takes(self, op: Op) -> bool:
        """Whether an operation is about tier 1 alone."""
        if isinstance(op, SearchOp):
            return op.namespace_prefix[:1] == (ROOT,)
        return isinstance(op, GetOp | PutOp) and op.namespace[:1] == (ROOT,)

    def read(self, op: Op) -> Result:
        """What an operation that `takes` has comes to. Raises BadInput for one that would write."""
        if isinstance(op, SearchOp):
            return self.search(op)
        if isinstance(op, GetOp):
            return self.get(op.namespace, op.key)
        raise BadInput(
            f"What is under the namespace {ROOT!r} was said, and is neither put nor deleted; "
            "tell the agent (`remember`, `forget`)."
        )

    def namespaces(self) -> list[tuple[str, ...]]:
        """Those that hold something."""
        found = [(TURNS, self._said()), (MEMORIES, iter(self._held()))]
        return [namespace for namespace, items in found if next(items, None) is not None]

    def get(self, namespace: Sequence[str], key: str) -> Item | None:
        """The item of that key, whole."""
        if tuple(namespace) == MEMORIES:
            return next((_of_memory(memory) for memory in self._held() if memory.id == key), None)
        if tuple(namespace) != TURNS or not (key.isascii() and key.isdecimal()):
            return None
        for place in self._tier1.turns_by_id([int(key)]):
            return next((_of_turn(turn) for turn in self._of(place.session) if str(turn.id) == key), None)
        return None

    def search(self, op: SearchOp) -> list[SearchItem]:
        """The items under the operation's prefix, as it wants them."""
        found: list[Iterable[SearchItem]] = []
        prefix, most = tuple(op.namespace_prefix), op.offset + op.limit
        if TURNS[: len(prefix)] == prefix:
            found.append(self._near(op.query, op, most) if op.query else map(_of_turn, self._said()))
        if MEMORIES[: len(prefix)] == prefix:
            found.append(self._resting_on(op.query, most) if op.query else map(_of_memory, self._held()))
        fitting = [islice((item for item in items if fits(item.value, op.filter)), most) for items in found]
        every = [item for items in fitting for item in items]
        every.sort(key=lambda item: (item.score or 0.0, item.created_at), reverse=True)
        return every[op.offset : most]

    def _near(self, query: str, op: SearchOp, most: int) -> list[SearchItem]:
        """The turns nearest to the query: as many as are wanted, or as there are."""
        k = max(most, _AT_FIRST) if op.filter else most
        while True:
            found = self._tier1.recall(query, k)
            items = [_of_turn(turn, score) for turn, score in found]
            if len(found) < k or sum(fits(item.value, op.filter) for item in items) >= most:
                return items
            k *= 2

    def _resting_on(self, query: str, most: int) -> list[SearchItem]:
        scores = {turn.id: score for turn, score in self._tier1.recall(query, max(most, _AT_FIRST))}
        return [
            _of_memory(memory, max(scores[id] for id in memory.turn_ids if id in scores))
            for memory in self._held()
            if any(id in scores for id in memory.turn_ids)
        ]

    def _said(self) -> Iterator[Turn]:
        for session in reversed(self._tier1.sessions()):
            yield from reversed(self._of(session.id))

    def _of(self, session: str) -> list[Turn]:
        try:
            turns = self._tier1.turns(session)
        except UnknownRecord:  # forgotten meanwhile
            return []
        return [turn for turn in turns if turn.role == "user" and turn.trusted and turn.content.strip()]

    def _held(self) -> list[Memory]:
        return [memory for memory in reversed(self._tier1.memories()) if memory.state in _HOLD]


def _of_turn(turn: Turn, score: float | None = None) -> SearchItem:
    value = {"text": turn.content, "session": turn.session_id}
    return _item(TURNS, str(turn.id), value, turn.created_at, score)


def _of_memory(memory: Memory, score: float | None = None) -> SearchItem:
    value = {
        "text": memory.statement,
        "subject": memory.subject,
        "attribute": memory.attribute,
        "value": memory.value,
        "state": memory.state,
        "turns": list(memory.turn_ids),
    }
    return _item(MEMORIES, memory.id, value, memory.created_at, score)


def _item(
    namespace: tuple[str, ...], key: str, value: dict[str, Any], at: datetime, score: float | None
) -> SearchItem:
    return SearchItem(namespace=namespace, key=key, value=value, created_at=at, updated_at=at, score=score)
