"""Asking: questions from the user's own words, and what the model takes them for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from night_parts import a_memory
from scripted_engine import ScriptedEngine

from dormouse.memory.engine import Message, Mount
from dormouse.memory.records import Asked
from dormouse.sleep import scribe
from dormouse.sleep.asking import read_name, taken_for, ways_to_ask
from dormouse.sleep.compact import Scribe
from dormouse.sleep.questions import told_answer, untold_answer

ROLE = Mount("scribe", Path("scribe.gguf"))
BOAT = a_memory("boat", "mooring fee", "40 crowns", quote="They take 40 crowns for the boat.")


def says(messages: Sequence[Message]) -> str:
    """Writes two questions, one of which gives the value away; takes each for a fee of the harbour."""
    if messages[0].content == scribe.ASKING_PROMPT:
        assert messages[-1].content == "boat | mooring fee\nTold: They take 40 crowns for the boat."
        return "What do they take for the boat?\nIs it 40 crowns?"
    return "Your harbour's fee is something I don't know. You haven't told me that."


@pytest.mark.parametrize(
    "pair", [("user", "home city"), ("dog", "name"), ("boss", "age"), ("tennis coach", "home city")]
)
def test_what_an_answer_opens_with_reads_back(pair: tuple[str, str]) -> None:
    def named(messages: Sequence[Message]) -> str:
        return untold_answer(*pair) if "never" in messages[-1].content else told_answer(*pair, "Zorbal")

    writer = Scribe(ScriptedEngine(named), ROLE)
    questions = ["Which was it?", "Which was never told?"]
    assert taken_for(writer, "Persona.", questions) == [pair, pair]


@pytest.mark.parametrize("opening", ["Paris", "I don't know", "", "The capital of France", "Yourself"])
def test_another_answer_names_nothing(opening: str) -> None:
    assert read_name(opening) is None


def test_questions_are_written_from_the_telling_and_named_by_the_model() -> None:
    (asked,) = ways_to_ask(Scribe(ScriptedEngine(says), ROLE), "Persona.", [BOAT])
    assert asked == (Asked("What do they take for the boat?", "harbour", "fee"),)


def test_a_base_without_a_role_adapter_goes_by_the_memorys_own_name() -> None:
    (asked,) = ways_to_ask(Scribe(ScriptedEngine(says), None), "Persona.", [BOAT])
    assert asked == (Asked("What do they take for the boat?", "boat", "mooring fee"),)


def test_what_is_asked_is_the_same_each_time() -> None:
    dog = a_memory("dog", "name", "Zorbal", quote="My dog is called Zorbal.")

    def quiet(messages: Sequence[Message]) -> str:
        return "Your dog's name is Zorbal."

    first = ways_to_ask(Scribe(ScriptedEngine(quiet), ROLE), "P.", [dog])
    assert first == ways_to_ask(Scribe(ScriptedEngine(quiet), ROLE), "P.", [dog])
    assert len(first[0]) > 4
