"""The routes to what is remembered, of the user whose token it is: sessions, memories, nights, adapters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, ConfigDict, Field

from ...memory.adapters import LogEntry
from ...memory.errors import UnknownRecord
from ...memory.records import MemoryState, Turn
from ..agent import Agent
from ..views import memory_views, show
from ..workspace import Workspace
from .faults import REFUSALS
from .state import house_of

router = APIRouter(prefix="/v1", responses=REFUSALS)

Result = TypeVar("Result")
Id = Annotated[str, Path(min_length=1, max_length=200)]
_Most = Annotated[int, Query(ge=1, le=1000)]


class Remembered(BaseModel):
    """What is to be remembered, and in which session it was said."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, description="In the user's words.")
    session: str | None = Field(
        default=None, min_length=1, max_length=200, description="A new one by default."
    )
    trusted: bool = Field(default=True, description="Whether nights may train on it.")


class Forgotten(BaseModel):
    """What is to be forgotten."""

    model_config = ConfigDict(extra="forbid")

    matching: str = Field(min_length=1, max_length=4000, description="Words that the memories hold.")


async def with_agent(request: Request, use: Callable[[Agent], Result]) -> Result:
    """What `use` makes of the user's agent, in a thread."""
    house, user = house_of(request), request.state.user

    def used() -> Result:
        with house.scopes.using(user) as agent:
            return use(agent)

    return await asyncio.to_thread(used)


async def looked(request: Request, look: Callable[[Workspace], Result]) -> Result:
    """What `look` sees in the user's scope, which it cannot change."""
    house, user = house_of(request), request.state.user

    def seen() -> Result:
        with ExitStack() as stack:
            stack.enter_context(house.scopes.using(user))
            space = Workspace(
                house.spec,
                house.scopes.home_of(user),
                command="dormouse serve",
                read_only=True,
                base=house.scopes.base,
            )
            return look(stack.enter_context(space))

    return await asyncio.to_thread(seen)


@router.get("/sessions")
async def sessions(request: Request, limit: _Most = 100) -> dict[str, Any]:
    """The latest sessions, the newest first."""
    found = await looked(request, lambda space: space.journal.sessions())
    return {"data": [_dated(asdict(session)) for session in found[::-1][:limit]]}


@router.get("/sessions/{session}/turns")
async def turns(request: Request, session: Id) -> dict[str, Any]:
    """A session's turns, in order."""
    found = await looked(request, lambda space: space.journal.turns(session))
    return {"data": [_turn(turn) for turn in found]}


@router.get("/memories")
async def memories(request: Request, state: MemoryState | None = None) -> dict[str, Any]:
    """Every memory, or those in one state, with the words it rests on."""
    found = await looked(request, lambda space: memory_views(space, state))
    return {"data": [_dated(asdict(view)) for view in found]}


@router.post("/memories", status_code=201)
async def remember(request: Request, body: Remembered) -> dict[str, Any]:
    """Journal something as the user's words; a night makes memories of it."""
    turn = await with_agent(
        request, lambda agent: agent.remember(body.text, body.session, trusted=body.trusted)
    )
    return {"turn": turn}


@router.get("/recall")
async def recall(
    request: Request,
    query: Annotated[str, Query(min_length=1, max_length=4000)],
    k: _Most = 5,
    untrusted: bool = False,
) -> dict[str, Any]:
    """The user's turns nearest to the query, the nearest first; with `untrusted` also what does not count as
    the user's own word.
    """
    found = await with_agent(request, lambda agent: agent.recall(query, k, untrusted=untrusted))
    return {"data": [{**_turn(turn), "score": score} for turn, score in found]}


@router.get("/memories/{id}")
async def memory(request: Request, id: Id) -> dict[str, Any]:
    """One memory, by its id or the start of it."""

    def found(space: Workspace) -> dict[str, Any]:
        views = [view for view in memory_views(space) if view.id.startswith(id)]
        if len(views) != 1:
            raise UnknownRecord("memory", id, len(views))
        return _dated(asdict(views[0]))

    return await looked(request, found)


@router.delete("/memories/{id}")
async def forget(request: Request, id: Id) -> dict[str, Any]:
    """Forget one memory; its text is gone with the answer, the weights follow with the next night."""
    receipt = await with_agent(request, lambda agent: agent.forget(id))
    return _dated(asdict(receipt))


@router.post("/forget")
async def forget_matching(request: Request, body: Forgotten) -> dict[str, Any]:
    """Forget every memory that holds the words; the receipt says what was done, and not what it was."""
    receipt = await with_agent(request, lambda agent: agent.forget(matching=body.matching))
    return _dated(asdict(receipt))


@router.get("/why")
async def why(request: Request, text: Annotated[str, Query(min_length=1, max_length=4000)]) -> dict[str, Any]:
    """Which memories, turns, night and adapters are behind a question or an answer."""
    found: dict[str, Any] = jsonable_encoder(await with_agent(request, lambda agent: agent.why(text)))
    return found


@router.post("/sleep", status_code=202)
async def sleep(request: Request, response: Response) -> dict[str, Any]:
    """Begin a night over what was said since the last one (202), or find one running (200)."""
    night, begun = house_of(request).sleepers.begin(request.state.user)
    response.status_code = 202 if begun else 200
    return asdict(night)


@router.get("/sleep")
async def sleeping(request: Request) -> dict[str, Any]:
    """How far the night is that was begun last, or how it ended."""
    night = house_of(request).sleepers.of(request.state.user)
    if night is None:
        raise UnknownRecord("night", "since the server began")
    return asdict(night)


@router.get("/nights")
async def nights(request: Request) -> dict[str, Any]:
    """Every night, the oldest first."""
    found = await looked(request, lambda space: space.journal.nights())
    return {"data": [_dated(asdict(night)) for night in found]}


@router.get("/nights/{id}")
async def night(request: Request, id: Id) -> dict[str, Any]:
    """One night."""
    found = [night for night in await looked(request, lambda space: space.journal.nights()) if night.id == id]
    if not found:
        raise UnknownRecord("night", id)
    return _dated(asdict(found[0]))


@router.get("/adapters")
async def adapters(request: Request) -> dict[str, Any]:
    """Every move of what is served, the oldest first."""
    entries: list[LogEntry] = await looked(request, lambda space: space.shelf.log())
    return {"data": [_dated(asdict(entry)) for entry in entries]}


@router.get("/adapters/{id}")
async def adapter(request: Request, id: Id) -> dict[str, Any]:
    """One adapter with its exam, by its id or the start of it."""

    def shown(space: Workspace) -> dict[str, Any]:
        manifest = space.shelf.get(id)
        return asdict(show(space, manifest.id))

    return _dated(await looked(request, shown))


def _turn(turn: Turn) -> dict[str, Any]:
    told = asdict(turn)
    del told["evidence"]
    return _dated(told)


def _dated(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in record.items()}
