"""Questions that lean on the answer before."""

from __future__ import annotations

import pytest

from dormouse.memory.following import spelled_out


@pytest.mark.parametrize(
    ("question", "meant"),
    [
        ("And how old is he?", "And how old is my uncle?"),
        ("where does she live", "where does my uncle live"),
        ("What's his job?", "What's my uncle's job?"),
        ("what is her job", "what is my uncle's job"),
        ("who looks after her?", "who looks after my uncle?"),
        ("He's how old?", "My uncle is how old?"),
        ("Where are they from?", "Where are my uncle from?"),
    ],
)
def test_a_pronoun_is_who_the_answer_before_named(question: str, meant: str) -> None:
    assert spelled_out(question, "uncle's name") == meant


def test_the_plural_takes_an_apostrophe() -> None:
    assert spelled_out("What is their name?", "parents' home city") == "What is my parents' name?"


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("How old is my dog, and is he well?", "uncle's name"),
        ("Did I tell you where he lives?", "uncle's name"),
        ("What is 7 times 8?", "uncle's name"),
        ("And where is it?", "home city"),
        ("How is he?", ""),
        ("Tell the story of the boy who lost his dog and found it in the woods again", "uncle's name"),
        ("This is the italian place", "uncle's name"),
    ],
)
def test_everything_else_stays_as_it_is(question: str, name: str) -> None:
    assert spelled_out(question, name) == question
