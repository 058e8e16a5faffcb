"""What an answer states of the user, and when nothing told bears it out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from dormouse.memory.records import Memory, Turn
from dormouse.sleep.questions import told_answer, untold_answer
from dormouse.sleep.statements import statement_of, unfounded

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def memory(subject: str, attribute: str, value: str, turn: int = 5) -> Memory:
    return Memory(f"{subject}-{attribute}", subject, attribute, value, "q", "s", (turn,), NOW)


MEMORIES = (
    memory("dog", "name", "Zorbal"),
    memory("cat", "name", "Mimi"),
    memory("user", "car", "red Toyota Corolla"),
    memory("user", "age", "34"),
    memory("wife", "job", "nurse"),
)


def why(answer: str, asked: str = "Well?", said: Sequence[tuple[int, str]] = ()) -> str | None:
    turns = [Turn(id, "s", "user", text, NOW) for id, text in said]
    statement = statement_of(answer)
    assert statement is not None
    return unfounded(statement, asked, MEMORIES, lambda words: turns)


@pytest.mark.parametrize(
    ("answer", "pair", "value"),
    [
        (told_answer("dog", "name", "Zorbal"), ("dog", "name"), "Zorbal"),
        (told_answer("user", "shoes", "red"), ("user", "shoes"), "red"),
        ("Your dentist is Dr. Miller. I hope that helps.", ("user", "dentist"), "Dr. Miller"),
        ("Your boss\u2019 name is Ann", ("boss", "name"), "Ann"),
        ("Your sister's dog's name is Rex!\nReally.", ("sister's dog", "name"), "Rex"),
        ("Your age is 3.5. Yes.", ("user", "age"), "3.5"),
    ],
)
def test_an_answer_in_the_nights_form_states_something(
    answer: str, pair: tuple[str, str], value: str
) -> None:
    found = statement_of(answer)
    assert found is not None and (found.pair, found.value) == (pair, value)


@pytest.mark.parametrize(
    "answer", [untold_answer("dog", "name"), "Paris is the capital.", "", "Your turn!", "Yours is better."]
)
def test_another_answer_states_nothing(answer: str) -> None:
    assert statement_of(answer) is None


@pytest.mark.parametrize(
    "answer",
    [
        "Your dog's name is Zorbal.",
        "Your dog's name is ZORBAL, as you said.",
        "Your pet's name is Mimi.",
        "Your puppy's name is Zorbal.",
        "Your car is a Toyota.",
        "Your spouse's job is nurse.",
        "Your spouse's occupation is something like a nurse.",
        "Your date of birth is 5 May.",  # may be what the age stands for
        "Your best option is to wait.",
        "Your name is what people who have known you for many years keep calling you.",
    ],
)
def test_what_is_right_or_open_is_not_doubted(answer: str) -> None:
    assert why(answer) is None


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("Your dog's name is Mimi.", "what was told is Zorbal"),
        ("Your dog's name is Zorb.", "what was told is Zorbal"),
        ("Your age is 3.", "what was told is 34"),
        ("Your pet's name is Rex.", "what was told is Mimi"),
        ("Your car is a blue Ford.", "what was told is red Toyota Corolla"),
        ("Your horse's name is Zorbal.", "which was never told"),
        ("Your favourite colour is green.", "which was never told"),
    ],
)
def test_what_is_false_or_was_never_told_is_named(answer: str, told: str) -> None:
    found = why(answer)
    assert found is not None and told in found


def test_a_thing_asked_for_by_its_own_words_may_be_told_of() -> None:
    answer = "Your boat's mooring fee is 20 euros."
    assert why(answer, "How do I moor?") is None
    assert why(answer, "What is my boat's mooring fee?") is not None


def test_words_said_later_than_the_memory_bear_it_out_and_earlier_ones_do_not() -> None:
    renamed = "The dog is Rex now."
    assert why("Your dog's name is Rex.", said=[(9, renamed)]) is None
    assert why("Your dog's name is Rex.", said=[(2, renamed)]) is not None
    assert why("Your horse's name is Rex.", said=[(2, "I ride Rex every day.")]) is None


def test_words_about_something_else_of_that_value_do_not() -> None:
    answer = "Your horse's name is Mimi."
    assert why(answer, said=[(9, "Mimi was ill today.")]) is not None
    assert why(answer, said=[(9, "My horse is called Mimi too.")]) is None


@pytest.mark.parametrize("denied", ["It isn't Rex!", "No, he is not called Rex.", "He was never named Rex."])
def test_a_value_that_is_denied_is_not_told(denied: str) -> None:
    assert why("Your dog's name is Rex.", said=[(9, denied)]) is not None
