"""Which of an agent's methods are called through a door: the one place where the two meet.

Promise: what a method takes and gives is the same on both sides, as its annotations say. A method that is
built on these alone (`chat`, `tell`, `exam`) needs no line here. Knows signatures; nothing of sockets.
"""

from __future__ import annotations

import inspect
from collections import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import GenericAlias
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ..agent import Agent
from ..errors import DoorError

REMOTE: dict[str, Callable[..., Any]] = {
    method.__name__: method
    for method in (
        Agent.new_session,
        Agent.ask,
        Agent.heard,
        Agent.sleep,
        Agent.memories,
        Agent.sessions,
        Agent.turns,
        Agent.night,
        Agent.rollback,
        Agent.remember,
        Agent.recall,
        Agent.recalled_for,
        Agent.pieces,
        Agent.forget,
        Agent.unforget,
        Agent.withheld,
        Agent.allow_again,
        Agent.hear,
        Agent.answer,
        Agent.said,
        Agent.waiting,
        Agent.why,
        Agent.overview,
        Agent.session_views,
        Agent.transcript,
        Agent.turns_by_id,
        Agent.unread,
        Agent.search,
        Agent.rename_session,
        Agent.take_back,
        Agent.memory_views,
        Agent.correct,
        Agent.adapter,
        Agent.nights,
        Agent.watch_night,
        Agent.naps,
        Agent.wait_for_nap,
        Agent.warm_up,
        Agent.context,
        Agent.store_state,
        Agent.reindex_store,
        Agent.compact_store,
    )
}
"""Called by name; `stream` has messages of its own."""

CALLBACKS = ("progress", "emit")
"""Parameters of these names are callbacks: their calls come over the wire, each under the name."""

CANCELLED = "cancelled"
"""A parameter of this name is asked whether to stop; over the wire the client says so."""

ONCE = "once"
"""A parameter of this name is an idempotency key: a call made again with it has no second effect."""


@dataclass(frozen=True)
class Shape:
    """How the arguments, the progress records and the result of one method are read from JSON."""

    parameters: Mapping[str, TypeAdapter[Any]]
    told: Mapping[str, tuple[TypeAdapter[Any], ...]]
    result: TypeAdapter[Any]
    signature: inspect.Signature
    starred: frozenset[str]

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What a client sent, as the method takes it. Raises DoorError."""
        unknown = set(given) - set(self.parameters)
        if unknown:
            raise DoorError(f"there is no argument {min(unknown)!r}")
        try:
            return {name: self.parameters[name].validate_python(value) for name, value in given.items()}
        except ValidationError as error:
            raise DoorError(f"an argument does not fit ({error.errors()[0]['msg'].lower()})") from error


@cache
def shape(name: str) -> Shape:
    """The shape of one of REMOTE. Raises DoorError for another name."""
    if name not in REMOTE:
        raise DoorError(f"there is no call {name!r}")
    method = REMOTE[name]
    hints = get_type_hints(method, localns=_names())
    result = hints.pop("return")
    hints.pop(CANCELLED, None)
    told = {name: _told(hints.pop(name)) for name in CALLBACKS if name in hints}
    signature = inspect.signature(method)
    starred = frozenset(n for n, p in signature.parameters.items() if p.kind is p.VAR_POSITIONAL)
    kinds: dict[str, Any] = {n: GenericAlias(list, (h,)) if n in starred else h for n, h in hints.items()}
    taken = {name: TypeAdapter[Any](kind) for name, kind in kinds.items()}
    return Shape(taken, told, TypeAdapter(result), signature, starred)


def _told(callback: Any) -> tuple[TypeAdapter[Any], ...]:
    """What a callback is called with; `callback` may be optional."""
    taken, _ = get_args(callback) if get_origin(callback) is abc.Callable else get_args(get_args(callback)[0])
    return tuple(TypeAdapter(kind) for kind in taken)


def _names() -> dict[str, Any]:
    """What an agent's parts import for their annotations alone."""
    from ...graphs import chat, context
    from ...memory import records as memory_records
    from ...memory.episodes import records as store_records
    from ...sleep import records
    from .. import chats, nights, receipts, turns, why

    rooms = (records, memory_records, store_records, chat, context, nights, receipts, turns, why)
    found = {name: value for room in rooms for name, value in vars(room).items()}
    heard = {"Chats": chats.Chats, "ChatReply": chats.ChatReply, "Heard": chats.Heard}
    return {**found, **heard, "ChatEmit": chats.Emit}
