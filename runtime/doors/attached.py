"""An agent at the other end of a door: used like any other, while the daemon does the work.

Promise: a turn is answered or its caller is told that it was cut short; a call that writes has its effect
once, however often it is made again after a crash; when the daemon comes back, the agent attaches again by
itself and says so. Holds no home, no engine and no journal.
"""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from pydantic import TypeAdapter

from ...graphs.events import Approve, WakeEvent
from ...memory.conversation import new_session_id
from ...memory.engine import WakeEngine
from ...memory.errors import UnknownRecord
from ...memory.home import Home, default_home
from ...memory.journal import Turn
from ..agent import Agent
from ..errors import AgentClosed, DoorClosed
from ..inputs import checked_turn
from ..nights import report_of
from ..records import Reply
from ..spec import Spec
from ..turns import Cancelled, Emit, ReplyStream
from .client import RETURNS_S, Connection, knock
from .methods import CANCELLED, ONCE, shape

if TYPE_CHECKING:
    from ...memory.base_weights import BaseWeights
    from ...memory.gguf_file import Meter
    from ...sleep.records import NightReport, Progress

_TRIES = 8  # of one call at least, each with a daemon that came back and died of it, or of something else

P = ParamSpec("P")
R = TypeVar("R")


def _far(
    method: Callable[Concatenate[Agent, P], R],
) -> Callable[Concatenate[AttachedAgent, P], R]:
    """The same method, called in the daemon."""
    name = method.__name__

    def call(self: AttachedAgent, /, *args: P.args, **kwargs: P.kwargs) -> R:
        known = shape(name)
        if ONCE in known.parameters:
            kwargs.setdefault(ONCE, _new_key())
        given = known.signature.bind(self, *args, **kwargs).arguments
        given.pop("self", None)
        cancelled = given.pop(CANCELLED, None)
        on = {n: _heard(given.pop(n), kinds) for n, kinds in known.told.items() if given.get(n) is not None}
        for callback in known.told:
            given.pop(callback, None)
        result: R = known.result.validate_python(self._call(name, given, on, cancelled))
        return result

    call.__name__, call.__doc__ = name, method.__doc__
    return call


def _heard(callback: Callable[..., None], kinds: Sequence[TypeAdapter[Any]]) -> Callable[[Any], None]:
    """Calls the callback with what came over the wire."""
    return lambda told: callback(*(k.validate_python(v) for k, v in zip(kinds, told, strict=True)))


class AttachedAgent(Agent):
    """The agent a daemon has open. Made by `Agent(...)` itself where a daemon owns the home.

    With `user` it is the one of that other user, whose home is `scope`.
    """

    def __init__(
        self,
        spec: Spec | None = None,
        *,
        home: str | Path | None = None,
        engine: WakeEngine | Callable[[], WakeEngine] | None = None,
        base: BaseWeights | None = None,
        meter: Meter | None = None,
        command: str = "a program using the dormouse library",
        attach: bool = True,
        returns_s: float = RETURNS_S,
        user: str | None = None,
        scope: Path | None = None,
    ) -> None:
        self._home = Path(home) if home is not None else default_home()
        self._user, self._scope, self._name = user, scope or self._home, _new_key()
        self._command, self._returns_s = command, returns_s
        self._free: list[Connection] = []
        self._changing = threading.Lock()
        self._said_so: list[str] = []
        self._session = None
        self._attached_closed = False
        self._pid: int | None = None
        with self._connection() as connection:
            self.spec = Spec.model_validate(connection.about["spec"])
        if spec is not None and spec not in (Spec(), self.spec):
            self._said_so.append(
                f"The daemon (process {self._pid}) runs with another spec than the one given, and answers by "
                "its own; restart it with the new one."
            )

    ask = _far(Agent.ask)
    heard = _far(Agent.heard)
    memories = _far(Agent.memories)
    sessions = _far(Agent.sessions)
    turns = _far(Agent.turns)
    night = _far(Agent.night)
    rollback = _far(Agent.rollback)
    remember = _far(Agent.remember)
    recall = _far(Agent.recall)
    recalled_for = _far(Agent.recalled_for)
    pieces = _far(Agent.pieces)
    forget = _far(Agent.forget)
    unforget = _far(Agent.unforget)
    withheld = _far(Agent.withheld)
    allow_again = _far(Agent.allow_again)
    hear = _far(Agent.hear)
    answer = _far(Agent.answer)
    said = _far(Agent.said)
    waiting = _far(Agent.waiting)
    why = _far(Agent.why)
    overview = _far(Agent.overview)
    session_views = _far(Agent.session_views)
    transcript = _far(Agent.transcript)
    turns_by_id = _far(Agent.turns_by_id)
    unread = _far(Agent.unread)
    search = _far(Agent.search)
    rename_session = _far(Agent.rename_session)
    memory_views = _far(Agent.memory_views)
    correct = _far(Agent.correct)
    adapter = _far(Agent.adapter)
    nights = _far(Agent.nights)
    watch_night = _far(Agent.watch_night)
    naps = _far(Agent.naps)
    wait_for_nap = _far(Agent.wait_for_nap)
    warm_up = _far(Agent.warm_up)
    context = _far(Agent.context)
    store_state = _far(Agent.store_state)
    reindex_store = _far(Agent.reindex_store)
    compact_store = _far(Agent.compact_store)
    _new_session = _far(Agent.new_session)
    _take_back = _far(Agent.take_back)

    @property
    def home(self) -> Home:
        return Home.open(self._scope, command=self._command, read_only=True)

    @property
    def warnings(self) -> tuple[str, ...]:
        try:
            return (*self._call("warnings", {}), *self._said_so)
        except DoorClosed:  # whoever calls next is told
            return tuple(self._said_so)

    def daemon(self) -> Mapping[str, Any] | None:
        told: dict[str, Any] = self._call("status", {})
        return told

    def new_session(self, session: str | None = None) -> str:
        self._session = self._new_session(session or new_session_id())
        return self._session

    def take_back(self, session: str, turn: int | None = None) -> str:
        if turn is None:
            turn = max((said.id for said in self.turns(session) if said.role == "user"), default=None)
        return self._take_back(session, turn)

    def sleep(self, progress: Callable[[Progress], None] | None = None) -> NightReport:
        known = {night.id for night in self.nights() if night.ended_at is not None}

        def slept() -> NightReport | None:
            ended = [n for n in self.nights() if n.ended_at is not None and n.id not in known]
            return report_of(ended[-1], self.memories()) if ended else None

        form = shape("sleep")
        on = {} if progress is None else {"progress": _heard(progress, form.told["progress"])}
        report: NightReport = form.result.validate_python(self._call("sleep", {}, on, done=slept))
        return report

    def stream(
        self,
        text: str,
        session: str | None = None,
        *,
        approve: Approve | None = None,
        wait: bool = False,
        variation: int = 0,
        once: str | None = None,
    ) -> ReplyStream:
        checked_turn(text, self.spec.memory.max_turn_chars)
        chosen = self._new_session(session) if session is not None else self._session or self.new_session()
        ask = wait or approve is not None
        turn = {"text": text, "session": chosen, "wait": ask, "variation": variation}

        def take(emit: Emit, cancelled: Cancelled) -> Reply:
            reply = self._say({**turn, ONCE: once or _new_key()}, emit, cancelled)
            return reply if wait else self._approved(reply, approve, emit, cancelled)

        return ReplyStream(take)

    def resume(
        self, call_id: int, approved: bool, *, approve: Approve | None = None, wait: bool = False
    ) -> ReplyStream:
        if call_id not in [call.id for call in self.waiting()]:
            raise UnknownRecord("waiting tool call", call_id)
        ask = wait or approve is not None

        def take(emit: Emit, cancelled: Cancelled) -> Reply:
            reply = self._resumed_there(call_id, approved, ask, emit, cancelled)
            return reply if wait else self._approved(reply, approve, emit, cancelled)

        return ReplyStream(take)

    def close(self) -> None:
        """Hang up; the daemon goes on."""
        self._attached_closed = True
        with self._changing:
            for connection in self._free:
                connection.close()
            self._free.clear()

    def _approved(self, reply: Reply, approve: Approve | None, emit: Emit, cancelled: Cancelled) -> Reply:
        """The reply once its owner, who is here, has been asked about each call that waits for a yes."""
        while reply.waiting is not None and reply.waiting.id is not None and approve is not None:
            reply = self._resumed_there(reply.waiting.id, approve(reply.waiting), True, emit, cancelled)
        return reply

    def _resumed_there(
        self, call_id: int, approved: bool, wait: bool, emit: Emit, cancelled: Cancelled
    ) -> Reply:
        turn = {"call_id": call_id, "approved": approved, "wait": wait}
        with self._connection() as connection:
            return _reply(connection.call("resume", turn, _passing(emit), cancelled))

    def _say(self, turn: Mapping[str, Any], emit: Emit, cancelled: Cancelled) -> Reply:
        """Have one turn answered; after a crash it is said again only if the journal never had it."""
        said: list[str] = []

        def take(piece: str | WakeEvent) -> None:
            if isinstance(piece, str):
                said.append(piece)
            emit(piece)

        for _ in self._tries():
            try:
                with self._connection() as connection:
                    return _reply(connection.call("stream", turn, _passing(take), cancelled))
            except DoorClosed:
                heard = self.heard(turn[ONCE])
            if heard:
                return _cut_short("".join(said), heard)
        raise DoorClosed

    def _call(
        self,
        name: str,
        given: Mapping[str, Any],
        on: Mapping[str, Callable[[Any], None]] | None = None,
        cancelled: Cancelled | None = None,
        done: Callable[[], Any] = lambda: None,
    ) -> Any:
        """A call that is made again when the daemon was killed during it, unless by then it is `done`, which
        gives its result.
        """
        for _ in self._tries():
            with self._connection() as connection:
                try:
                    return connection.call(name, given, on, cancelled)
                except DoorClosed:
                    if self._attached_closed:
                        raise AgentClosed from None
            if (result := done()) is not None:
                return result
        raise DoorClosed

    def _tries(self) -> Iterator[int]:
        """So many, and more while there is time: a daemon killed again and again lives for moments."""
        deadline = time.monotonic() + self._returns_s
        for number in itertools.count(1):
            yield number
            if number >= _TRIES and time.monotonic() > deadline:
                return

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """One that nobody uses meanwhile. Raises DoorClosed when there is no daemon any more."""
        if self._attached_closed:
            raise AgentClosed
        with self._changing:
            connection = self._free.pop() if self._free else None
        if connection is None or connection.stale():
            connection = knock(self._home, self._command, self._returns_s, self._user, self._name)
        if connection is None:
            raise DoorClosed
        try:
            self._notice(int(connection.about["pid"]))
            yield connection
        finally:
            with self._changing:
                keep = not connection.closed and not self._attached_closed
                if keep:
                    self._free.append(connection)
            if not keep:
                connection.close()

    def _notice(self, pid: int) -> None:
        before, self._pid = self._pid, pid
        if before not in (None, pid):
            self._said_so.append(
                f"The daemon was restarted (it is process {pid} now), and this is attached to it again."
            )


def _passing(emit: Emit) -> dict[str, Callable[[Any], None]]:
    """Hands on the pieces and events of a turn as they come over the wire."""
    event = TypeAdapter[WakeEvent](WakeEvent)
    return {"piece": emit, "event": lambda told: emit(event.validate_python(told))}


def _reply(told: Any) -> Reply:
    return TypeAdapter(Reply).validate_python(told)


def _new_key() -> str:
    return uuid.uuid4().hex


def _cut_short(text: str, heard: Sequence[Turn]) -> Reply:
    """Of a turn, with what replies to it."""
    return Reply(
        text=text,
        session=heard[0].session_id,
        turn_id=heard[-1].id,
        abstained=False,
        sources=(),
        adapter=None,
        tokens=0,
        ms=0,
        interrupted=True,
    )
