"""Answers a chat request on a wake engine: decides on a function, or says something, piece by piece.

Promise: a call that is given is of an offered function, and its arguments fit the function's parameters; the
text fits the schema that was asked for. Nothing is journaled here.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace

from ..memory import adapter_gate
from ..memory.engine import Completion, Message, Mount, Role, Token, WakeEngine
from ..memory.errors import ContextOverflow, EngineError
from ..memory.grammar.constraint import constraint
from .chat import ChatAnswer, ChatFinish, ChatRequest, FunctionCall
from .chat_prompt import (
    already_made,
    call_schema,
    deciding,
    fitted,
    native_tools,
    natively,
    plain,
    read_call,
    with_aside,
)
from .context import LOOP_WINDOW, looping
from .native_tools import Native

_SPARE_TOKENS = 16
_LEAST_ANSWER_TOKENS = 8


@dataclass(frozen=True)
class Chatting:
    """How a request is answered: on which engine, with which adapters (as in WakeEngine.stream).

    `aside` is what was recalled for it, `since` what was told since the adapters were taught. `drop_oldest`
    lets go of the oldest messages where the context is full; otherwise that is ContextOverflow.
    """

    engine: WakeEngine
    adapters: Sequence[Mount] | None = None
    aside: str = ""
    since: adapter_gate.Since | None = None
    drop_oldest: bool = True
    cancelled: Callable[[], bool] = lambda: False

    def run(self, request: ChatRequest) -> Generator[Token | FunctionCall, None, ChatAnswer]:
        """Tokens of the text as they come, or one call; returns the whole.

        Raises EngineError, ContextOverflow, and BadInput for a schema that cannot be used.
        """
        native = self._native(request)
        messages = self._shown(request, native)
        stack = self.engine.mounted if self.adapters is None else self.adapters
        asked = adapter_gate.alone(messages, self._persona(request), stack)
        if not adapter_gate.speaks(self.engine, [asked], self.adapters, self.cancelled)[0]:
            shown = adapter_gate.without_answers(messages, stack)
            return (yield from replace(self, adapters=())._run(request, shown, native))
        return (yield from self._run(request, messages, native))

    def _run(
        self, request: ChatRequest, messages: list[Message], native: Native | None
    ) -> Generator[Token | FunctionCall, None, ChatAnswer]:
        if request.functions and request.choice != "none":
            decided = self._decide(request, messages, native)
            call = None if decided is None else self._call_in(decided, request, native)
            if decided is not None and (call is not None or decided.finish == "cancelled"):
                if call is not None:
                    yield call
                return _answered(decided, "", (call,) if call else (), "tool_calls" if call else "cancelled")
        return (yield from self._say(request, messages))

    def _persona(self, request: ChatRequest) -> str | None:
        """The app's own system prompt, where what was recalled stands beside it; else the messages' is."""
        first = request.messages[0]
        return first.content if self.aside and first.role == "system" else None

    def _native(self, request: ChatRequest) -> Native | None:
        """The functions in the base's own words, where it has some for them."""
        if not request.functions or request.choice == "none" or not takes_tools(self.engine):
            return None
        syntax = self.engine.tool_syntax
        return None if syntax is None else native_tools(request, syntax)

    def _shown(self, request: ChatRequest, native: Native | None) -> list[Message]:
        shown = self._fitting(request, native)
        return shown if native is None else native.offered(shown)

    def _fitting(self, request: ChatRequest, native: Native | None) -> list[Message]:
        if native is not None:
            messages = natively(request.messages, native.syntax)
        else:
            messages = plain(request.messages, takes_tools(self.engine))
        late = _takes(self.engine, "system", "user", "assistant", "system", "user")
        whole = with_aside(messages, self.aside, late=late)
        if not self.drop_oldest:
            return whole
        spare = min(request.sampling.max_tokens, self.engine.context_tokens // 4) + _SPARE_TOKENS
        if native is not None:
            some = [Message("user", "")]
            spare += self.engine.count_messages(native.offered(some)) - self.engine.count_messages(some)
        elif request.functions and request.choice != "none":
            spare += self.engine.count(deciding([Message("user", "")], request)[0].content)
        room = self.engine.context_tokens - spare
        count = self.engine.count_messages
        aside = max(0, count(whole) - count(messages))
        return with_aside(fitted(messages, room - aside, count), self.aside, late=late)

    def _decide(
        self, request: ChatRequest, messages: list[Message], native: Native | None
    ) -> Completion | None:
        """What was decided as JSON; None where the base began to say something instead."""
        asked = deciding(messages, request) if native is None else messages
        room = self._room(asked) - (0 if native is None else self.engine.count(native.syntax.prefix))
        # The sampling's own limits are for what is said: a call that is cut off is none.
        sampling = replace(
            request.sampling,
            max_tokens=min(room, max(1024, request.sampling.max_tokens)),
            json_schema=call_schema(request) if native is None else None,
            grammar=None,
            stop=(),
            repeat_penalty=1.0,
        )
        if native is not None:
            must = request.choice != "auto"
            return native.decided(
                self.engine, asked, sampling, must=must, adapters=self.adapters, cancelled=self.cancelled
            )
        return self.engine.complete(asked, sampling, adapters=self.adapters, cancelled=self.cancelled)

    def _call_in(
        self, decided: Completion, request: ChatRequest, native: Native | None
    ) -> FunctionCall | None:
        """The call decided on; None for none, and where it may be none for one that broke a rule which no
        grammar holds a model to: what is then nearest to it is not what was meant.
        """
        if decided.finish == "cancelled":
            return None
        schema = call_schema(request) if native is None else native.schema()
        settled = constraint(schema).settled(decided.text.strip())
        if request.choice == "auto" and settled.how == "replaced":
            return None
        if native is None:
            found = read_call(settled.text)
        else:
            said = native.syntax.read(settled.text)
            found = None if said is None else (said[0], json.dumps(said[1], ensure_ascii=False))
        if found is None:
            return None
        name, arguments = found
        if request.choice == "auto" and already_made(name, arguments, request.messages):
            return None
        return FunctionCall(f"call_{secrets.token_hex(12)}", name, arguments)

    def _say(
        self, request: ChatRequest, messages: list[Message]
    ) -> Generator[Token | FunctionCall, None, ChatAnswer]:
        sampling, said = request.sampling, list[Token]()

        def enough() -> bool:
            return self.cancelled() or looping([token.id for token in said[-LOOP_WINDOW:]])

        held = None if sampling.json_schema is None else constraint(sampling.json_schema)
        late = held is not None and bool(held.unseen)  # known to be right only when it is whole
        sampling = replace(sampling, max_tokens=min(sampling.max_tokens, self._room(messages)))
        if sampling.json_schema is not None or sampling.grammar is not None:
            enough = self.cancelled  # JSON that ends midway is of no use
        asked = adapter_gate.stream(
            self.engine,
            messages,
            sampling,
            persona=self._persona(request),
            since=self.since,
            adapters=self.adapters,
            cancelled=enough,
        )
        with asked as answer:
            for token in answer:
                said.append(token)
                if not late:
                    yield token
            completion = answer.completion
        finish: ChatFinish = completion.finish
        if finish == "cancelled" and not self.cancelled():
            finish = "stop"
        if held is None or finish == "cancelled":
            return _answered(completion, completion.text, (), finish)
        text = held.settled(completion.text).text
        kept = completion.text if text.startswith(completion.text) else ""
        if late and kept:
            yield from said
        if text != kept and (late or kept):
            yield Token(said[-1].id if said else 0, text[len(kept) :], 0.0)  # no token of the model's own
        return _answered(completion, text, (), finish, replaced=late and not kept)

    def _room(self, messages: Sequence[Message]) -> int:
        """Tokens left for an answer. ContextOverflow when it is next to nothing."""
        needed = self.engine.count_messages(messages)
        room = self.engine.context_tokens - needed
        if room < _LEAST_ANSWER_TOKENS:
            raise ContextOverflow(needed + _LEAST_ANSWER_TOKENS, self.engine.context_tokens)
        return room


def takes_tools(engine: WakeEngine) -> bool:
    """Whether the base's chat template takes a tool's message after a user's."""
    return _takes(engine, "system", "user", "tool")


def _takes(engine: WakeEngine, *roles: Role) -> bool:
    try:
        engine.render([Message(role, "x") for role in roles])
    except EngineError:
        return False
    return True


def _answered(
    completion: Completion,
    text: str,
    calls: tuple[FunctionCall, ...],
    finish: ChatFinish,
    *,
    replaced: bool = False,
) -> ChatAnswer:
    return ChatAnswer(
        text=text,
        calls=calls,
        finish=finish,
        tokens=() if replaced else completion.tokens,
        prompt_tokens=completion.prompt_tokens,
        reused_tokens=completion.reused_tokens,
        generated_tokens=len(completion.tokens),
        adapter=completion.adapters[-1] if completion.adapters else None,
    )
