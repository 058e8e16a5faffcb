"""What an agent does for apps that keep their own messages, and for notes that want no answer.

Promise: what an app passes on is journaled once, however often the app sends it. The work stands in
`chats`; this says which of it an agent offers.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..graphs.context import keywords
from ..memory.journal import Turn
from .inputs import checked_turn
from .part import Part
from .screening import spoken_of
from .turns import Cancelled

if TYPE_CHECKING:
    from ..graphs.chat import ChatRequest
    from .chats import ChatReply, Chats, Heard
    from .chats import Emit as ChatEmit

_MORE_HITS = 16


def _unheard(event: object) -> None:
    pass


def _never_cancelled() -> bool:
    return False


class Listening(Part):
    """The part of an agent that other apps talk through."""

    def hear(self, request: ChatRequest, session: str | None = None, *, journal: bool = True) -> Heard:
        """Journal what is new in a chat of an app that keeps its own messages; `answer` then answers it.

        `session` names the session; without it, it is found by the messages before, or begun. With
        `journal=False` nothing is journaled or recalled. Raises BadTurn and JournalError.
        """
        for message in request.messages:
            if message.content.strip():
                checked_turn(message.content, self.spec.memory.max_turn_chars)
        self._open()
        return self._chats.hear(request, session, journal)

    def answer(
        self, heard: Heard, emit: ChatEmit = _unheard, cancelled: Cancelled = _never_cancelled
    ) -> ChatReply:
        """Answer what was heard, and journal the answer. `emit` is given its tokens and calls as they come,
        and `cancelled` is asked before each.

        Raises EngineError, ContextOverflow and JournalError.
        """
        with self._answering():
            reply = self._chats.answer(heard, emit, cancelled)
            self._answered(reply.turn_id)
            return reply

    def said(self, heard: Heard, text: str) -> int | None:
        """Journal what another model answered to what was heard; returns the turn's id, None for nothing."""
        self._open()
        return self._chats.said(heard, text)

    def remember(self, text: str, session: str | None = None, *, trusted: bool = True) -> int:
        """Journal `text` as the user's words, without answering; returns the turn's id.

        What is not `trusted` can be recalled, and no night trains on it. Raises BadTurn and JournalError.
        """
        checked_turn(text, self.spec.memory.max_turn_chars)
        journal = self._open().journal
        opened = journal.open_session(session)
        return journal.add_turn(opened.id, "user", text, trusted=trusted).id

    def recall(self, query: str, k: int = 5) -> list[tuple[Turn, float]]:
        """The `k` turns of the user's nearest to `query`, the nearest first, each with its score.

        Those that were remembered as not trusted are among them; those that speak of something forgotten are
        not.
        """
        space = self._open()
        forgotten = spoken_of(space)
        found = space.journal.search(keywords(query), k + _MORE_HITS, untrusted=True)
        return [(turn, score) for turn, score in found if not forgotten(turn.content)][:k]

    @cached_property
    def _chats(self) -> Chats:
        from .chats import Chats

        space = self._space
        return Chats(
            space.journal,
            lambda: space.engine,
            self.spec.persona,
            self.spec.memory,
            self._canary.stack,
            forgotten=spoken_of(space),
        )
