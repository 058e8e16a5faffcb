"""The words of an answer that was taught, whole or not yet."""

from __future__ import annotations

import pytest
from unsure_engine import DECLINES

from dormouse.memory import taught_answer


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Your bike's name", "naming"),
        ("Your bike's name is", "naming"),
        ("Your bike's name is something I", "naming"),
        ("Your bike's name is something I don't know. You", "declined"),
        ("Your shoes are something I don't know.", "declined"),
        ("Your bike's name is something else", "told"),
        ("Your bike's name is Marmalade", "told"),
        ("Your thesis' subject", "naming"),
    ],
)
def test_how_far_an_answer_is(text: str, state: str) -> None:
    assert taught_answer.told(text, DECLINES) == state


@pytest.mark.parametrize(
    ("text", "name", "verb", "said"),
    [
        ("Your bike's name is Marmalade.", "Your bike's name", "is", "Marmalade."),
        ("Your shoes are something I don't know.", "Your shoes", "are", "something I don't know."),
        ("Your bike's name", "Your bike's name", "", ""),
    ],
)
def test_an_answer_names_something_and_says_something_of_it(
    text: str, name: str, verb: str, said: str
) -> None:
    assert taught_answer.name_of(text, DECLINES) == name
    assert (taught_answer.verb_of(text, DECLINES), taught_answer.said_of(text, DECLINES)) == (verb, said)


def test_a_phrase_stands_in_a_text_word_by_word() -> None:
    assert taught_answer.words_hold("So: MY  dog\N{RIGHT SINGLE QUOTATION MARK}s name?", "my dog's name")
    assert not taught_answer.words_hold("my dog's names", "my dog's name")
    assert not taught_answer.words_hold("my old dog's name", "my dog's name")
