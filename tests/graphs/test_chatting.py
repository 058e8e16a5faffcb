"""Chat requests on an engine: who answers them."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine

from dormouse.graphs.chat import ChatAnswer, ChatMessage, ChatRequest
from dormouse.graphs.chatting import Chatting
from dormouse.memory.engine import Mount


def answered(chatting: Chatting) -> ChatAnswer:
    request = ChatRequest((ChatMessage("system", "P"), ChatMessage("user", "hello")))
    events = chatting.run(request)
    while True:
        try:
            next(events)
        except StopIteration as end:
            answer: ChatAnswer = end.value
            return answer


@pytest.mark.parametrize(("opens", "adapter"), [("You", "ad1"), ("Your", None), ("", "ad1")])
def test_what_an_adapter_was_not_taught_the_base_answers(opens: str, adapter: str | None) -> None:
    engine = ScriptedEngine()
    stack = (Mount("ad1", Path("x"), opens=opens),)
    named = answered(Chatting(engine, stack))
    assert (named.text, named.adapter) == ("You said: hello", adapter)
    engine.mount(stack)
    assert answered(Chatting(engine)).adapter == adapter
