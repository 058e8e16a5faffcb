"""One turn under way: a thread reads the agent's stream, and the screen is told.

Promise: words come in a list to be drained at the screen's own pace, all else as messages in order; stopping
answers an open question with no. Knows threads; nothing of how a turn is shown.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from textual.message import Message

from ....memory.errors import BadInput
from ..abc import Companion
from ..calling import sentence
from ..messages import Ended, Happened, Permission

if TYPE_CHECKING:
    from ....graphs.events import Asked
    from ....runtime.turns import ReplyStream

_numbers = itertools.count(1)


class StillWaiting(BadInput):
    """A question that its owner left open."""


class TurnRun:
    """Begun by `start`. `post` is called from its thread."""

    heard = False
    """Whether the turn's words stand in the journal already, and in the conversation."""

    def __init__(
        self, agent: Companion, session: str, text: str, variation: int, post: Callable[[Message], object]
    ) -> None:
        self.number, self.session, self.text, self.variation = next(_numbers), session, text, variation
        self._agent, self._post = agent, post
        self._words: deque[str] = deque()
        self._stream: ReplyStream | None = None
        self._question: Future[bool] | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="dormouse-turn-watch", daemon=True).start()

    def drained(self) -> str:
        """What was said since this was asked last."""
        words = []
        while self._words:
            words.append(self._words.popleft())
        return "".join(words)

    def stop(self) -> None:
        """End it soon; it is kept as interrupted."""
        self._stopped.set()
        if self._question is not None and not self._question.done():
            self._question.set_result(False)
        if self._stream is not None:
            threading.Thread(target=self._stream.close, daemon=True).start()  # it waits for the turn's end

    def _run(self) -> None:
        try:
            with self._begun() as stream:
                self._stream = stream
                if self._stopped.is_set():
                    stream.close()
                for event in stream.events():
                    if event.kind == "token":
                        self._words.append(event.text)
                    else:
                        self._post(Happened(self.number, event))
                reply = stream.reply
        except Exception as error:  # noqa: BLE001 (shown, whatever it is)
            self._post(Ended(self.number, None, sentence(error)))
        else:
            self._post(Ended(self.number, reply))

    def _begun(self) -> ReplyStream:
        return self._agent.stream(self.text, self.session, approve=self._approve, variation=self.variation)

    def _approve(self, asked: Asked) -> bool:
        """Asked in the turn's own thread; waits as long as its owner does."""
        self._question = Future()
        if (
            self._stopped.is_set()
        ):  # looked at after the question stands, so that one of the two sees the other
            return False
        self._post(Permission(self.number, asked, self._question))
        return self._question.result()


class WaitingRun(TurnRun):
    """The rest of a turn whose call waits for its owner's yes; stopped before one was given, it waits on."""

    heard = True

    def __init__(
        self, agent: Companion, session: str, call: Asked, post: Callable[[Message], object]
    ) -> None:
        super().__init__(agent, session, "", 0, post)
        self._call = call

    def _begun(self) -> ReplyStream:
        yes = self._approve(self._call)
        if self._stopped.is_set() or self._call.id is None:
            raise StillWaiting(f"The call of {self._call.name} still waits for your yes or no.")
        return self._agent.resume(self._call.id, yes, approve=self._approve)
