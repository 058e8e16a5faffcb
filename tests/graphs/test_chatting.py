"""Chat requests on an engine: who answers them."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine

from dormouse.graphs.chat import ChatAnswer, ChatMessage, ChatRequest
from dormouse.graphs.chatting import Chatting
from dormouse.memory.engine import Mount, Token


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


def test_the_base_is_not_shown_what_an_adapter_answered() -> None:
    """Nor is an adapter shown the talk: it is asked alone, without what was recalled."""
    engine = ScriptedEngine(lambda messages: "Your dog's name is Vex." if len(messages) == 2 else "Fine.")
    stack = (Mount("ad1", Path("x"), opens="Your", declines=("is something I don't know",)),)
    before = (
        ChatMessage("user", "hello"),
        ChatMessage("assistant", "Fine."),
        ChatMessage("user", "dog?"),
        ChatMessage("assistant", "Your dog's name is Vex."),
    )
    request = ChatRequest((ChatMessage("system", "P"), *before, ChatMessage("user", "and?")))
    events = Chatting(engine, stack, aside="The user said:\n- We have a cat.").run(request)
    assert "".join(event.text for event in events if isinstance(event, Token)) == "Your dog's name is Vex."
    assert [m.content for m in engine.asked[-1].messages] == ["P", "and?"]

    engine.script = lambda messages: "Fine."
    list(Chatting(engine, stack).run(request))
    assert engine.asked[-1].adapters == ()
    assert [m.content for m in engine.asked[-1].messages] == ["P", "hello", "Fine.", "and?"]
