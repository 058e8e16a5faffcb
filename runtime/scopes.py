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
from .doors.attached import AttachedAgent
from .engines import SharedBase, served
from .errors import AgentClosed
from .scoped_engine import ScopedEngine
from .spec import Spec

if TYPE_CHECKING:
    from ..memory.episodes.embedder import Embedder

OWNER = "owner"
"""The user whose scope is the home itself, which the command line reads and writes too."""

USERS = "users"


class Scopes:
    """The agents of one home: the owner's over the home itself, each other user's over `<home>/users/<name>`.

    `owner` is the name that stands for the home itself. Where a daemon owns that, every agent is the
    daemon's, called through its door; `attach` False, or an engine of one's own, refuses that. At most
    `max_open` agents stay open, and `max_fused` of them have what their nights made served from a copy of the
    base. `engine`, `base` and `embedder` replace what the spec names. Raises HomeLocked and the like at once.
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
        attach: bool = True,
    ) -> None:
        self._given_embedder = embedder
        self.spec, self.path = spec, (home or default_home()).expanduser().absolute()
        self._owner, self._command = owner, command
        self._max_open, self._max_fused = max_open, max_fused
        self._given_engine, self._given_base = engine, base
        self._attach = attach
        self._agents: OrderedDict[str, Agent] = OrderedDict()
        self._used: dict[str, int] = {}
        self._lock = threading.RLock()
        # Apart, since an agent that is closed under the first may have a nap that still asks for the engine.
        self._opening = threading.RLock()
        self._closed = False
        self._closing = ExitStack()
        # The owner's agent holds the lock on the home, for as long as the server runs.
        self._agents[owner] = self._owners_agent()
        self._used[owner] = 1
        try:
            self.owner.memories()
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
                agent = self._agents[user] = self._new_agent(user)
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

    @property
    def owner(self) -> Agent:
        """The owner's agent."""
        return self._agents[self._owner]

    @property
    def guests(self) -> list[str]:
        """The other users who have a home here."""
        return sorted(path.name for path in (self.path / USERS).glob("*") if path.is_dir())

    @property
    def last_turn(self) -> float | None:
        """When the last turn of any agent that is open was, by its clock; None without one."""
        return max((said for agent in self._open() if (said := agent.last_turn) is not None), default=None)

    @property
    def in_use(self) -> bool:
        """Whether any engine is in memory."""
        return any(agent.space.engine_open for agent in self._open())

    def unload(self) -> bool:
        """Give the engines' memory back until the next turn or night. Whether there was any to give back.

        Waits for nothing: what is in use stays.
        """
        given = [agent.unload() for agent in self._open()]
        if "_shared" in self.__dict__:
            self._shared.unload()
        return any(given)

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
        with self._opening:
            return self._engine

    def embedder(self) -> Embedder:
        """The embedder the spec declares, opened when it is first needed. BadEmbedder, BaseWeightsError."""
        with self._opening:
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
        with self._lock, self._opening:
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
        if self._attach and self._given_engine is None and daemon_at(self.path, self._command):
            return Agent(self.spec, home=self.path, command=self._command)
        agent = Agent(
            self.spec,
            home=self.path,
            engine=self._scoped,
            base=self._given_base,
            command=self._command,
            attach=self._attach,
        )
        agent.space.embedder = self._lent
        return agent

    def _new_agent(self, user: str) -> Agent:
        """Another user's: the daemon's, where the owner's is."""
        home = self.home_of(user)
        if isinstance(self.owner, AttachedAgent):
            return AttachedAgent(self.spec, home=self.path, command=self._command, user=user, scope=home)
        agent = Agent(self.spec, home=home, engine=self._scoped, base=self.base, command=self._command)
        agent.ticking = self.owner.ticking
        agent.space.embedder = self._lent
        return agent

    def _lent(self) -> Embedder:
        """The embedder, for the store of one user: it stays open when that is closed."""
        from ..memory.episodes.lent_embedder import LentEmbedder

        return LentEmbedder(self.embedder())

    def _scoped(self) -> WakeEngine:
        return self._shared.scoped() if self._given_engine is None else ScopedEngine(self.engine)

    def _open(self) -> list[Agent]:
        with self._lock:
            return list(self._agents.values())

    def _idle_ones(self) -> list[Agent]:
        """Agents to close, the longest unused first, so that no more than `max_open` stay open."""
        over = len(self._agents) - self._max_open
        idle = [user for user in self._agents if not self._used.get(user)][: max(0, over)]
        return [self._agents.pop(user) for user in idle]
