"""What an agent does for apps that keep their own messages, and for notes that want no answer.

Promise: what an app passes on is journaled once, however often the app sends it. The work stands in
`chats`; this says which of it an agent offers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..graphs.context import own_word
from ..memory.journal import Turn
from .inputs import checked_turn
from .part import Part
from .screening import screen, spoken_of
from .turns import Cancelled

if TYPE_CHECKING:
    from ..graphs.chat import ChatRequest
    from .chats import ChatReply, Chats, Heard
    from .chats import Emit as ChatEmit


def _unheard(event: object) -> None:
    pass


def _never_cancelled() -> bool:
    return False


class Listening(Part):
    """The part of an agent that other apps talk through."""

    def hear(
        self,
        request: ChatRequest,
        session: str | None = None,
        *,
        journal: bool = True,
        once: str | None = None,
        again: bool = False,
    ) -> Heard:
        """Journal what is new in a chat of an app that keeps its own messages; `answer` then answers it.

        `session` names the session; without it, it is found by the messages before, or begun. With
        `journal=False` nothing is journaled or recalled. With `once`, an idempotency key, the same call made
        again journals nothing again. `again` says that the app sends the chat again since no answer reached
        it, even where the answer is whole here. Raises BadTurn and JournalError.
        """
        for message in request.messages:
            if message.content.strip():
                checked_turn(message.content, self.spec.memory.max_turn_chars)
        self._open()
        return self._chats.hear(request, session, journal, once, again)

    def answer(
        self,
        heard: Heard,
        emit: ChatEmit = _unheard,
        cancelled: Cancelled = _never_cancelled,
        *,
        once: str | None = None,
    ) -> ChatReply:
        """Answer what was heard, and journal the answer. `emit` is given its tokens and calls as they come,
        and `cancelled` is asked before each.

        With `once`, an idempotency key, an answer of the same call made before is withdrawn. Raises
        EngineError, ContextOverflow and JournalError.
        """
        with self._answering():
            reply = self._chats.answer(heard, emit, cancelled, once)
            given = [message.content for message in heard.request.messages if message.role != "assistant"]
            self._answered(reply.turn_id, given)
            return reply

    def said(self, heard: Heard, text: str, *, once: str | None = None) -> int | None:
        """Journal what another model answered to what was heard; returns the turn's id, None for nothing.

        With `once`, an idempotency key, the same call made again journals nothing again.
        """
        self._open()
        return self._chats.said(heard, text, once)

    def remember(
        self, text: str, session: str | None = None, *, trusted: bool = True, once: str | None = None
    ) -> int:
        """Journal `text` as the user's words, without answering; returns the turn's id.

        What was forgotten is taken out of it. What is not `trusted` can be recalled, and no night trains on
        it. With `once`, an idempotency key, the same call made again journals nothing again. Raises BadTurn
        and JournalError.
        """
        checked_turn(text, self.spec.memory.max_turn_chars)
        space = self._open()
        journal = space.journal
        if once is not None and (known := journal.written_under(once)):
            return known[0].id
        if journal.tombstones():
            from .forgetting import withheld

            text = withheld(space, text)
        opened = journal.open_session(session)
        return journal.add_turn(opened.id, "user", text, trusted=trusted, once=once).id

    def recall(self, query: str, k: int = 5, *, untrusted: bool = False) -> list[tuple[Turn, float]]:
        """The `k` turns of the user's nearest to `query`, the nearest first, each with its score.

        Of each the user's own words, without what was forgotten. With `untrusted` also what was remembered as
        not trusted, whole, unless it speaks of something forgotten. Raises BadEmbedder, StoreError.
        """
        space = self._open()
        screened, forgotten = screen(space), spoken_of(space)

        def shown(turn: Turn) -> Turn | None:
            if turn.trusted or not untrusted:
                return own_word(turn, screened)
            return None if forgotten(turn.content) else turn

        return space.nearest(query, k, shown)

    def recalled_for(self, heard: Heard) -> tuple[str, tuple[int, ...]]:
        """What a system message may say of earlier turns, for a model that is not ours to answer what was
        heard with; and the ids of those turns. Its tokens are counted as the embedder's.

        Raises BadEmbedder, StoreError.
        """
        self._open()
        return self._chats.recalled(heard, self._space.episodes.tokens_of)

    def pieces(self, token_ids: Sequence[int]) -> list[str]:
        """The bytes that tokens of the engine's stand for, each as hexadecimal digits. Raises EngineError."""
        engine = self._open().engine
        return [engine.piece(id).hex() for id in token_ids]

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
            search=space.recalled,
            screen=lambda: screen(space),
            verifiers=lambda: self._verifiers,
        )
