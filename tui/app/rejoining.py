"""The agent of an application that goes on without its daemon: opened again when a turn finds that gone.

Promise: a turn that was not begun yet is begun with whatever the home has by then, a daemon that came back
or an agent of this program's own, in the same session; looking at the agent opens nothing, so that a daemon
which is only being restarted finds its home free. Knows what opens an agent; nothing of screens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .abc import Companion

if TYPE_CHECKING:
    from ...graphs.events import Approve
    from ...runtime.turns import ReplyStream

T = TypeVar("T")


class Rejoining:
    """A companion; all that is not here is the open agent's. What `open_agent` opens is closed by who made
    that.
    """

    def __init__(self, open_agent: Callable[[], Companion]) -> None:
        self._open_agent, self._opening = open_agent, threading.Lock()
        self._agent = open_agent()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)

    def new_session(self, session: str | None = None) -> str:
        return self._begun(lambda agent: agent.new_session(session))

    def take_back(self, session: str) -> str:
        return self._begun(lambda agent: agent.take_back(session))

    def stream(
        self,
        text: str,
        session: str | None = None,
        *,
        approve: Approve | None = None,
        wait: bool = False,
        variation: int = 0,
    ) -> ReplyStream:
        return self._begun(
            lambda agent: agent.stream(text, session, approve=approve, wait=wait, variation=variation)
        )

    def _begun(self, call: Callable[[Companion], T]) -> T:
        from ...runtime.errors import DoorClosed

        agent = self._agent
        try:
            return call(agent)
        except DoorClosed:
            with self._opening:
                if self._agent is agent:
                    self._agent = self._open_agent()
            return call(self._agent)
