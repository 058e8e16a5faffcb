"""The gate: an adapter speaks where its answer opens as it was taught; elsewhere the bare base does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine

from dormouse.memory import adapter_gate
from dormouse.memory.engine import Completion, Message, Mount, Sampling

NIGHT = Mount("night", Path("night.gguf"), opens="Your")
ROLE = Mount("role", Path("role.gguf"))


class Taught(ScriptedEngine):
    """Under an adapter it answers what it was taught; the bare base answers otherwise."""

    def complete_all(
        self,
        asked: Sequence[tuple[Sequence[Message], Sampling]],
        *,
        adapters: Sequence[Mount] | None = None,
        cancelled: object = None,
    ) -> list[Completion]:
        stack = self.mounted if adapters is None else adapters
        self.script = under if stack else bare
        return super().complete_all(asked, adapters=adapters)


def under(messages: Sequence[Message]) -> str:
    dog = "dog" in messages[-1].content
    return "Your dog's name is Zorbal." if dog else "El Salvador, el Salvador"


def bare(messages: Sequence[Message]) -> str:
    return "Madrid." if "Spain" in messages[-1].content else "I have no dog."


def asked(question: str) -> list[Message]:
    return [Message("system", "P."), Message("user", question)]


DOG, SPAIN = asked("What is my dog called?"), asked("What is the capital of Spain?")


def test_an_adapter_answers_what_it_was_taught_and_the_base_the_rest_in_the_order_asked() -> None:
    said = adapter_gate.complete_all(
        Taught(), [(SPAIN, Sampling()), (DOG, Sampling()), (SPAIN, Sampling())], (ROLE, NIGHT)
    )
    assert [done.text for done in said] == ["Madrid.", "Your dog's name is Zorbal.", "Madrid."]
    assert [done.adapters for done in said] == [(), ("role", "night"), ()]


@pytest.mark.parametrize("stack", [(), (ROLE,), (NIGHT, ROLE)])
def test_what_says_nothing_of_its_answers_is_asked_nothing_and_answers_everything(
    stack: tuple[Mount, ...],
) -> None:
    engine = Taught()
    assert adapter_gate.speaks(engine, [DOG, SPAIN], stack) == [True, True]
    assert engine.asked == []


def test_the_default_stack_is_the_one_mounted() -> None:
    engine = Taught()
    assert adapter_gate.speaks(engine, [SPAIN]) == [True]
    engine.mount([NIGHT])
    assert adapter_gate.speaks(engine, [SPAIN, DOG]) == [False, True]


def test_only_the_first_words_are_asked_for_with_the_persona_and_the_users_last_words_alone() -> None:
    engine = Taught()
    talk = [*asked("Hello"), Message("assistant", "Hi."), *DOG[1:], Message("tool", "42")]
    assert adapter_gate.speaks(engine, [talk], (NIGHT,)) == [True]
    assert [(each.messages, each.sampling.max_tokens) for each in engine.asked] == [(DOG, 1)]


def test_another_conversation_may_say_who_answers() -> None:
    said = adapter_gate.complete_all(Taught(), [(SPAIN, Sampling())], (NIGHT,), begun=[DOG])
    assert [done.text for done in said] == ["El Salvador, el Salvador"]


def test_nothing_asked_is_nothing_answered() -> None:
    assert adapter_gate.complete_all(Taught(), [], (NIGHT,)) == []
