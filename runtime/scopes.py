"""Several users of one assistant: each has a scope of their own, which is a home of their own.

Promise: an agent that was opened for one user has no path to what another told, neither journal nor index nor
weights; only the base and the engine that computes are shared. Knows nothing of tokens or of HTTP.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..memory.base_weights import BaseWeights, resolve
from ..memory.engine import WakeEngine
from ..memory.errors import BadInput
from ..memory.home import cache_path, default_home
from .agent import Agent
from .doors.at_home import daemon_at
from .engines import SharedBase, served
from .errors import AgentClosed
from .scoped_engine import ScopedEngine
from .spec import Spec

if TYPE_CHECKING:
    from ..memory.episodes.embedder import Embedder

USERS = "users"


class Scopes:
    """The agents of one home: the owner's over the home itself, each other user's over `<home>/users/<name>`.

    `owner` is the name that stands for the home itself; where a daemon owns that, the owner's agent is the
    daemon's. At most `max_open` agents stay open, and
    `max_fused` of them have what their nights made served from a copy of the base. `engine`, `base` and
    `embedder` replace what the spec names. Raises HomeLocked and the like at once.
    """

    def __init__(
        self,
        spec: Spec,
        home: Path | None = None,
        *,
        owner: str,
        command: str,
        max_open: int = 64,
        max_fused: int = 4,
        engine: WakeEngine | None = None,
        base: BaseWeights | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        self._given_embedder = embedder
        self.spec, self.path = spec, (home or default_home()).expanduser().absolute()
        self._owner, self._command = owner, command
        self._max_open, self._max_fused = max_open, max_fused
        self._given_engine, self._given_base = engine, base
        self._agents: OrderedDict[str, Agent] = OrderedDict()
        self._used: dict[str, int] = {}
        self._lock = threading.RLock()
        self._closed = False
        self._closing = ExitStack()
        # The owner's agent holds the lock on the home, for as long as the server runs.
        self._agents[owner] = self._owners_agent()
        self._used[owner] = 1
        try:
            self._agents[owner].memories()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def using(self, user: str) -> Iterator[Agent]:
        """The user's agent, which stays open meanwhile."""
        with self._lock:
            if self._closed:
                raise AgentClosed
            agent = self._agents.get(user)
            if agent is None:
                agent = self._agents[user] = self._new_agent(self.home_of(user))
            self._agents.move_to_end(user)
            self._used[user] = self._used.get(user, 0) + 1
        try:
            yield agent
        finally:
            with self._lock:
                self._used[user] -= 1
                for (
                    idle
                ) in self._idle_ones():  # under the lock: their homes are free before they are asked for
                    idle.close()

    def home_of(self, user: str) -> Path:
        """Where a user's memories are. BadInput for a name that would leave the users' folder."""
        if user == self._owner:
            return self.path
        path = (self.path / USERS / user).resolve()
        if path.parent != (self.path / USERS).resolve():
            raise BadInput(f"A user's name must be a folder's, and it is {user[:80]!r}.")
        return path

    def engine(self) -> WakeEngine:
        """The engine all scopes share, opened when it is first needed. BaseWeightsError, EngineError."""
        with self._lock:
            return self._engine

    def embedder(self) -> Embedder:
        """The embedder the spec declares, opened when it is first needed. BadEmbedder, BaseWeightsError."""
        with self._lock:
            if self._closed:
                raise AgentClosed
            return self._embedder

    @cached_property
    def base(self) -> BaseWeights:
        """The base weights. Raises BaseWeightsError."""
        return self._given_base or resolve(self.spec.model.source, cache_path())

    @cached_property
    def _shared(self) -> SharedBase:
        model = self.spec.model
        shared = SharedBase(served(self.base, model), model, self._max_fused)
        self._closing.callback(shared.close)
        return shared

    @cached_property
    def _engine(self) -> WakeEngine:
        if self._given_engine is not None:
            return self._closing.enter_context(self._given_engine)
        return self._shared.engine()

    @cached_property
    def _embedder(self) -> Embedder:
        from ..memory.episodes.embedder import open_embedder

        declared = self.spec.memory.store
        return self._closing.enter_context(
            self._given_embedder or open_embedder(declared.embedder, cache_path(), declared.threads)
        )

    def close(self) -> None:
        """Close every agent, then the engine. Safe to call twice."""
        with self._lock:
            self._closed = True
            agents = list(self._agents.values())
        for agent in agents:
            agent.close()
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _owners_agent(self) -> Agent:
        """The daemon's, where one is at home. The other users' homes are no daemon's."""
        if self._given_engine is None and daemon_at(self.path, self._command):
            return Agent(self.spec, home=self.path, command=self._command)
        return self._new_agent(self.path)

    def _new_agent(self, home: Path) -> Agent:
        engine = self._shared.scoped() if self._given_engine is None else ScopedEngine(self.engine)
        return Agent(self.spec, home=home, engine=engine, base=self.base, command=self._command)

    def _idle_ones(self) -> list[Agent]:
        """Agents to close, the longest unused first, so that no more than `max_open` stay open."""
        over = len(self._agents) - self._max_open
        idle = [user for user in self._agents if not self._used.get(user)][: max(0, over)]
        return [self._agents.pop(user) for user in idle]
