"""Chats of apps that keep their own messages: what is new in them is journaled, and the answer too.

Promise: the new words are in the journal when `hear` returns, before anything is generated, and once, though
the app sends them again because no answer reached it; the answer's turn is pending there while it is
generated, and complete or interrupted afterwards, with its tokens and what the verifiers say of it. Knows
nothing of HTTP.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from ..graphs.chat import ChatAnswer, ChatMessage, ChatRequest, FunctionCall, with_system
from ..graphs.chatting import Chatting
from ..graphs.context import Count, Screen, own_words_of, recalled, spoken
from ..graphs.evidence import pack
from ..graphs.judging import judge_answer, judge_call
from ..graphs.prompt import Search
from ..graphs.running import Route
from ..memory.engine import Token, WakeEngine
from ..memory.journal import Journal, Turn
from ..memory.settings import MemorySettings
from ..sleep.told_since import since_last_night
from ..verifiers.abc import Claim, Step, Verifier

_REMEMBERED_CHATS = 1024
_LOOKED_THROUGH_SESSIONS = 200
_MORE_HITS = 8

Emit = Callable[[Token | FunctionCall], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Heard:
    """A request whose new words are journaled. `session` and the ids are None when nothing is; `calls` are
    the journal's ids of the app's calls whose results are new in it.
    """

    request: ChatRequest
    session: str | None
    user_turn_id: int | None
    calls: tuple[int, ...] = ()


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
    adapters answer a user's turn. `search` finds the (at most so many) turns nearest to a text, `screen`
    is opened for each recall. `verifiers` gives those that judge calls and answers.
    """

    def __init__(
        self,
        journal: Journal,
        engine: Callable[[], WakeEngine],
        persona: str,
        memory: MemorySettings,
        route: Route = lambda turn_id: None,
        *,
        search: Search,
        screen: Callable[[], Screen],
        verifiers: Callable[[], Sequence[Verifier]] = lambda: (),
    ) -> None:
        self._search, self._screen, self._open_verifiers = search, screen, verifiers
        self._journal, self._engine, self._route = journal, engine, route
        self._persona, self._memory = persona, memory
        self._known: OrderedDict[str, str] = OrderedDict()
        self._looked_through = False

    def hear(
        self,
        request: ChatRequest,
        session: str | None,
        journal: bool,
        once: str | None = None,
        again: bool = False,
    ) -> Heard:
        """Journal what is new in the request: the user's last words, or what the app's functions gave.

        With a `session` and nothing before the new words, the history is the journal's. Without one the
        session is found by the messages before the new words, or begun. Words that are there already, and
        that no answer followed which the app knows of, are not journaled again; nor are those that the app
        says it sends `again`, nor is what was journaled under the idempotency key `once`.
        """
        if not journal:
            return Heard(request, None, None)
        before, new = _split(request.messages)
        keys = [None if once is None else f"{once}.{place}" for place in range(len(new))]
        first = next((turn for key in keys[:1] if key for turn in self._journal.written_under(key)), None)
        if first is not None:
            opened = first.session_id
        else:
            opened = self._journal.open_session(session or self._session_of(before, new, again)).id
        history = session is not None and not any(message.role != "system" for message in before)
        turns = self._journal.turns(opened)
        there = _resent(turns, before, new, by_position=not history, again=again) if first is None else []
        if there:
            self._withdraw_answers(turns, there)
            first = there[0]
        if history:
            earlier = [turn for turn in turns if first is None or turn.id < first.id]
            told = [ChatMessage(m.role, m.content) for m in spoken(earlier)]
            request = replace(request, messages=(*before, *told, *new))
        kept = there or [
            self._add(opened, message, request.messages, key) for message, key in zip(new, keys, strict=True)
        ]
        self._remember((*before, *new), opened)
        said = [turn.id for turn in kept if turn.role == "user"]
        results = [turn.id for turn in kept if turn.role == "tool"]
        calls = tuple(call.id for id in results for call in self._journal.tool_calls(id))
        return Heard(request, opened, said[-1] if said else None, calls)

    def answer(self, heard: Heard, emit: Emit, cancelled: Cancelled, once: str | None = None) -> ChatReply:
        """Generate the answer to what was heard, and journal it. Raises EngineError and JournalError.

        `once` is an idempotency key: answers journaled under it already are withdrawn, since their caller
        never had them.
        """
        engine = self._engine()
        began = time.perf_counter()
        request = replace(heard.request, messages=with_system(heard.request.messages, self._persona))
        if heard.session is not None:
            traced = max(request.sampling.top_logprobs, self._memory.traces.top_k)
            request = replace(request, sampling=replace(request.sampling, top_logprobs=traced))
        aside, sources = self.recalled(replace(heard, request=request), engine.count)
        turn_id: int | None = None
        if heard.session is not None:
            turn_id = self._journal.add_turn(
                heard.session,
                "assistant",
                "",
                reply_to=heard.user_turn_id,
                state="pending",
                once=None if once is None else self._unused(once),
            ).id
        said: list[str] = []
        since = None
        if heard.session is not None:
            everywhere = self._memory.recall.enabled
            since = since_last_night(self._journal, heard.session, everywhere, self._screen)
        try:
            stack = None if heard.user_turn_id is None else self._route(heard.user_turn_id)
            chatting = Chatting(engine, stack, aside=aside, since=since, cancelled=cancelled)
            answer = self._generated(chatting, request, emit, said)
        except BaseException:
            if turn_id is not None:
                self._journal.update_turn(turn_id, content="".join(said), state="interrupted")
            raise
        if turn_id is not None:
            self._record(turn_id, answer)
            self._judge(heard, turn_id, answer)
            assert heard.session is not None
            if answer.finish in ("stop", "length"):
                reply = ChatMessage("assistant", answer.text)
                self._remember((*heard.request.messages, reply), heard.session)
        if since is not None and since.turn_id is not None:
            sources = tuple(dict.fromkeys((*sources, since.turn_id)))
        ms = round(1000 * (time.perf_counter() - began))
        return ChatReply(answer, heard.session, turn_id, sources, ms)

    def said(self, heard: Heard, text: str, once: str | None = None) -> int | None:
        """Journal an answer that was generated elsewhere; nothing for one without words, or under an
        idempotency key `once` that was journaled already.
        """
        if heard.session is None or not text.strip():
            return None
        turn = self._journal.add_turn(
            heard.session, "assistant", text, reply_to=heard.user_turn_id, once=once
        )
        self._remember((*heard.request.messages, ChatMessage("assistant", text)), heard.session)
        return turn.id

    def _unused(self, once: str) -> str:
        """The key of this attempt at an answer; what the attempts before it wrote is withdrawn."""
        for attempt in count():
            earlier = self._journal.written_under(f"{once}.{attempt}")
            if not earlier:
                break
            self._journal.withdraw([earlier[0].id])
        return f"{once}.{attempt}"

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
        top_k = self._memory.traces.top_k
        tokens = [replace(token, top=token.top[:top_k]) for token in answer.tokens]
        self._journal.update_turn(
            turn_id,
            content=answer.text,
            state="interrupted" if answer.finish == "cancelled" else "complete",
            adapter=answer.adapter,
            tokens=answer.generated_tokens,
            evidence=pack(tokens) if top_k else None,
        )

    def _judge(self, heard: Heard, turn_id: int, answer: ChatAnswer) -> None:
        """Journal what the verifiers say of the results that are new, and of the answer, if it is one."""
        verifiers = self._open_verifiers()
        if not verifiers:
            return
        for id in heard.calls:
            call = self._journal.tool_call(id)
            if all(judged.call_id != id for judged in self._journal.judgements(call.turn_id)):
                judge_call(verifiers, self._journal, id, Step(call.name, call.arguments, call.result))
        if answer.finish in ("stop", "length"):
            claim = Claim(answer.text, heard.request.asked, steps=_steps(heard.request.messages))
            judge_answer(verifiers, self._journal, turn_id, claim)

    def _withdraw_answers(self, turns: Sequence[Turn], again: Sequence[Turn]) -> None:
        """Take back what was answered to turns that are sent again: it did not reach the app."""
        self._journal.withdraw(
            turn.id
            for turn in turns
            if turn.id > again[0].id and turn.role == "assistant" and turn.state != "pending"
        )

    def _add(
        self, session: str, message: ChatMessage, messages: Sequence[ChatMessage], once: str | None
    ) -> Turn:
        if message.role == "tool":
            return self._add_result(session, message, messages, once)
        return self._journal.add_turn(session, "user", message.content, once=once)

    def _add_result(
        self, session: str, message: ChatMessage, messages: Sequence[ChatMessage], once: str | None
    ) -> Turn:
        """What a function of the app's gave is untrusted: nothing trains on it."""
        call = next(c for said in messages for c in said.calls if c.id == message.call_id)
        turn = self._journal.add_turn(session, "tool", message.content, trusted=False, once=once)
        if not self._journal.tool_calls(turn.id):  # an attempt before this one may have come as far
            self._journal.add_tool_call(turn.id, call.name, _arguments(call), message.content, ok=True)
        return turn

    def recalled(self, heard: Heard, count: Count) -> tuple[str, tuple[int, ...]]:
        """What the model may be told of earlier turns that the request does not show, within the declared
        tokens, by `count`; and the ids of those turns. Nothing for a request that is not journaled.
        """
        settings, request = self._memory.recall, heard.request
        if heard.session is None or not settings.enabled or not request.asked.strip():
            return "", ()
        view = "\n".join(message.content for message in request.messages)
        found = self._search(request.asked, settings.top_k + _MORE_HITS + len(request.messages))
        others = (turn for turn in found if turn.id != heard.user_turn_id)
        hits = own_words_of(others, self._screen(), view)
        return recalled(hits[: settings.top_k], settings.budget_tokens, count)

    def _session_of(
        self, before: Sequence[ChatMessage], new: Sequence[ChatMessage], again: bool
    ) -> str | None:
        """The session in which `before` was said; without any, that in which `new` has had no answer yet, or
        none that reached the app, which sends it `again`.
        """
        if any(message.role == "user" for message in before):
            return self._found(_digest(before))
        session = self._found(_digest(new))
        if session is None:
            return None
        turns = self._journal.turns(session)
        return session if _resent(turns, before, new, by_position=False, again=again) else None

    def _found(self, key: str) -> str | None:
        if key not in self._known and not self._looked_through:
            self._look_through()
        return self._known.get(key)

    def _look_through(self) -> None:
        """Find again what this process has not heard itself: chats from before it began."""
        self._looked_through = True
        for session in self._journal.sessions()[-_LOOKED_THROUGH_SESSIONS:]:
            turns = self._journal.turns(session.id)
            for told in (spoken(turns), spoken(turns[: _last_heard(turns) + 1])):
                if told:
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


def _resent(
    turns: Sequence[Turn],
    before: Sequence[ChatMessage],
    new: Sequence[ChatMessage],
    *,
    by_position: bool,
    again: bool,
) -> list[Turn]:
    """The session's last turns, where `new` is what they are: words that have no whole answer, or have one
    that the app does not know of: it says so (`again`), or, `by_position`, `before` ends where they begin.
    """
    last = _last_heard(turns)
    heard, answers = turns[: last + 1], turns[last + 1 :]
    run = _last_run(heard)[-len(new) :] if new else []
    if not run or [(turn.role, turn.content) for turn in run] != [(m.role, m.content) for m in new]:
        return []
    if again or all(answer.state != "complete" for answer in answers):
        return run
    told = [ChatMessage(m.role, m.content) for m in spoken(heard[: heard.index(run[0])])]
    return run if by_position and _digest(told) == _digest(before) else []


def _last_heard(turns: Sequence[Turn]) -> int:
    """The place of the last turn that is no answer; -1 without one."""
    return max((at for at, turn in enumerate(turns) if turn.role != "assistant"), default=-1)


def _last_run(turns: Sequence[Turn]) -> list[Turn]:
    """What was said, and what functions gave, since a session's last whole answer."""
    whole = (at for at, turn in enumerate(turns) if turn.role == "assistant" and turn.state == "complete")
    return [turn for turn in turns[max(whole, default=-1) + 1 :] if turn.role != "assistant"]


def _steps(messages: Sequence[ChatMessage]) -> tuple[Step, ...]:
    """The app's functions that were called since the user's last words, with what they gave."""
    last = max((at for at, message in enumerate(messages) if message.role == "user"), default=-1)
    given = {message.call_id: message.content for message in messages if message.role == "tool"}
    called = [call for message in messages[last + 1 :] for call in message.calls if call.id in given]
    return tuple(Step(call.name, _arguments(call), given[call.id]) for call in called)


def _arguments(call: FunctionCall) -> dict[str, Any]:
    """What a function was called with; what is no object stands under a name of ours."""
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        return {"text": call.arguments}
    return arguments if isinstance(arguments, dict) else {"value": arguments}


def _digest(messages: Sequence[ChatMessage]) -> str:
    """What identifies a chat: who said what, whatever the system prompt and the functions were."""
    said = [
        (m.role, m.content.strip()) for m in messages if m.role in ("user", "assistant") and m.content.strip()
    ]
    return hashlib.sha256(json.dumps(said).encode("utf-8", "surrogatepass")).hexdigest()
