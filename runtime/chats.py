"""Chats of apps that keep their own messages: what is new in them is journaled, and the answer too.

Promise: the new words are in the journal when `hear` returns, before anything is generated; the answer's turn
is pending there while it is generated, and complete or interrupted afterwards. Knows nothing of HTTP.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..graphs.chat import ChatAnswer, ChatMessage, ChatRequest, FunctionCall, with_system
from ..graphs.chatting import Chatting
from ..graphs.context import keywords, recalled, spoken
from ..graphs.evidence import pack
from ..graphs.running import Route
from ..memory.engine import Token, WakeEngine
from ..memory.journal import Journal
from ..memory.settings import MemorySettings

_REMEMBERED_CHATS = 1024
_LOOKED_THROUGH_SESSIONS = 200
_MORE_HITS = 8

Emit = Callable[[Token | FunctionCall], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Heard:
    """A request whose new words are journaled. `session` and the ids are None when nothing is."""

    request: ChatRequest
    session: str | None
    user_turn_id: int | None


@dataclass(frozen=True)
class ChatReply:
    """The answer to a chat: what was generated, its turn, the turns it was shown, its wall time."""

    answer: ChatAnswer
    session: str | None
    turn_id: int | None
    sources: tuple[int, ...]
    ms: int


class Chats:
    """The chats over one journal. `engine` is called when the first answer is generated; `route` says which
    adapters answer a user's turn, `forgotten` which turns are not to be shown.
    """

    def __init__(
        self,
        journal: Journal,
        engine: Callable[[], WakeEngine],
        persona: str,
        memory: MemorySettings,
        route: Route = lambda turn_id: None,
        *,
        forgotten: Callable[[str], bool] = lambda text: False,
    ) -> None:
        self._forgotten = forgotten
        self._journal, self._engine, self._route = journal, engine, route
        self._persona, self._memory = persona, memory
        self._known: OrderedDict[str, str] = OrderedDict()
        self._looked_through = False

    def hear(self, request: ChatRequest, session: str | None, journal: bool) -> Heard:
        """Journal what is new in the request: the user's last words, or what the app's functions gave.

        With a `session` and nothing before the new words, the history is the journal's. Without one the
        session is found by the messages before the new words, or begun.
        """
        if not journal:
            return Heard(request, None, None)
        before, new = _split(request.messages)
        if session is None:
            session = self._journal.open_session(self._session_of(before)).id
        else:
            session = self._journal.open_session(session).id
            if not any(message.role != "system" for message in before):
                told = [ChatMessage(m.role, m.content) for m in spoken(self._journal.turns(session))]
                request = replace(request, messages=(*before, *told, *new))
        heard: int | None = None
        for message in new:
            if message.role == "user":
                heard = self._journal.add_turn(session, "user", message.content).id
            elif message.role == "tool":
                self._add_result(session, message, request.messages)
        return Heard(request, session, heard)

    def answer(self, heard: Heard, emit: Emit, cancelled: Cancelled) -> ChatReply:
        """Generate the answer to what was heard, and journal it. Raises EngineError and JournalError."""
        engine = self._engine()
        began = time.perf_counter()
        request = replace(heard.request, messages=with_system(heard.request.messages, self._persona))
        aside, sources = self._recalled(request, heard, engine) if heard.session is not None else ("", ())
        turn_id: int | None = None
        if heard.session is not None:
            turn_id = self._journal.add_turn(
                heard.session, "assistant", "", reply_to=heard.user_turn_id, state="pending"
            ).id
        said: list[str] = []
        try:
            stack = None if heard.user_turn_id is None else self._route(heard.user_turn_id)
            chatting = Chatting(engine, stack, aside=aside, cancelled=cancelled)
            answer = self._generated(chatting, request, emit, said)
        except BaseException:
            if turn_id is not None:
                self._journal.update_turn(turn_id, content="".join(said), state="interrupted")
            raise
        if turn_id is not None:
            self._record(turn_id, answer)
            assert heard.session is not None
            if answer.finish in ("stop", "length"):
                reply = ChatMessage("assistant", answer.text)
                self._remember((*heard.request.messages, reply), heard.session)
        ms = round(1000 * (time.perf_counter() - began))
        return ChatReply(answer, heard.session, turn_id, sources, ms)

    def said(self, heard: Heard, text: str) -> int | None:
        """Journal an answer that was generated elsewhere; nothing for one without words."""
        if heard.session is None or not text.strip():
            return None
        turn = self._journal.add_turn(heard.session, "assistant", text, reply_to=heard.user_turn_id)
        self._remember((*heard.request.messages, ChatMessage("assistant", text)), heard.session)
        return turn.id

    def _generated(self, chatting: Chatting, request: ChatRequest, emit: Emit, said: list[str]) -> ChatAnswer:
        events = chatting.run(request)
        try:
            while True:
                event = next(events)
                if isinstance(event, Token):
                    said.append(event.text)
                emit(event)
        except StopIteration as end:
            answer: ChatAnswer = end.value
            return answer
        finally:
            events.close()

    def _record(self, turn_id: int, answer: ChatAnswer) -> None:
        self._journal.update_turn(
            turn_id,
            content=answer.text,
            state="interrupted" if answer.finish == "cancelled" else "complete",
            adapter=answer.adapter,
            tokens=answer.generated_tokens,
            evidence=pack(answer.tokens),
        )

    def _add_result(self, session: str, message: ChatMessage, messages: Sequence[ChatMessage]) -> None:
        """What a function of the app's gave is untrusted: nothing trains on it."""
        call = next(c for said in messages for c in said.calls if c.id == message.call_id)
        turn = self._journal.add_turn(session, "tool", message.content, trusted=False)
        try:
            arguments = json.loads(call.arguments)
        except ValueError:
            arguments = {"text": call.arguments}
        known = arguments if isinstance(arguments, dict) else {"value": arguments}
        self._journal.add_tool_call(turn.id, call.name, known, message.content, ok=True)

    def _recalled(
        self, request: ChatRequest, heard: Heard, engine: WakeEngine
    ) -> tuple[str, tuple[int, ...]]:
        settings = self._memory.recall
        if not settings.enabled or not request.asked.strip():
            return "", ()
        view = "\n".join(message.content for message in request.messages)
        k = settings.top_k + _MORE_HITS + len(request.messages)
        found = [turn for turn, _ in self._journal.search(keywords(request.asked), k)]
        hits = [turn for turn in found if turn.id != heard.user_turn_id and turn.content not in view]
        hits = [turn for turn in hits if not self._forgotten(turn.content)]
        return recalled(hits[: settings.top_k], settings.budget_tokens, engine.count)

    def _session_of(self, before: Sequence[ChatMessage]) -> str | None:
        if not any(message.role == "user" for message in before):
            return None
        key = _digest(before)
        if key not in self._known and not self._looked_through:
            self._look_through()
        return self._known.get(key)

    def _look_through(self) -> None:
        """Find again what this process has not heard itself: chats from before it began."""
        self._looked_through = True
        for session in self._journal.sessions()[-_LOOKED_THROUGH_SESSIONS:]:
            told = spoken(self._journal.turns(session.id))
            if told and told[-1].role == "assistant":
                self._remember([ChatMessage(m.role, m.content) for m in told], session.id)

    def _remember(self, messages: Sequence[ChatMessage], session: str) -> None:
        self._known[_digest(messages)] = session
        while len(self._known) > _REMEMBERED_CHATS:
            self._known.popitem(last=False)


def _split(messages: Sequence[ChatMessage]) -> tuple[tuple[ChatMessage, ...], tuple[ChatMessage, ...]]:
    """The messages before what is new, and what is new: all that follows the assistant's last words."""
    last = max((at for at, message in enumerate(messages) if message.role == "assistant"), default=-1)
    before, new = messages[: last + 1], messages[last + 1 :]
    system = tuple(message for message in new if message.role == "system")
    return (*before, *system), tuple(message for message in new if message.role != "system")


def _digest(messages: Sequence[ChatMessage]) -> str:
    """What identifies a chat: who said what, whatever the system prompt and the functions were."""
    said = [
        (m.role, m.content.strip()) for m in messages if m.role in ("user", "assistant") and m.content.strip()
    ]
    return hashlib.sha256(json.dumps(said).encode("utf-8", "surrogatepass")).hexdigest()
