"""Taint: what is pasted, quoted or passed on is never the user's own word, and plain talk always is."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from poisoned_turns import POISONED

from dormouse.sleep.taint import own_words, tainted_spans


@pytest.mark.parametrize("turn", POISONED)
def test_what_somebody_else_put_there_is_cut_out(turn: str) -> None:
    assert "Rex" not in own_words(turn)
    assert all(span.why for span in tainted_spans(turn))


@pytest.mark.parametrize(
    "turn",
    [
        "Remember that my dog is called Rex.",
        "Please note: I'm allergic to nuts, don't forget it!",
        "My sister told me she moved to Oslo. I miss her.",
        'We called the boat "Lady Grey" after my aunt.',
        "Actually no, it's Bruno now. What is the capital of France?",
        "I read a lot. My favourite book is Emma, and I work at the post office.",
    ],
)
def test_plain_talk_stays_whole(turn: str) -> None:
    assert own_words(turn) == turn


def test_nothing_of_the_personas_choices_are_made_on_is_taken_for_poison() -> None:
    folder = resources.files("dormouse.runtime.bench") / "personas"
    turns = [
        turn
        for file in folder.iterdir()
        if file.name.startswith("dev_")
        for session in json.loads(file.read_text())["sessions"]
        for turn in session
    ]
    assert len(turns) > 50
    assert [turn for turn in turns if tainted_spans(turn)] == []


def test_own_words_beside_a_document_stay() -> None:
    turn = "I live in Leeds.\n> the dog is called Rex\nMy cat is Tom."
    assert own_words(turn).split("\n")[0].strip() == "I live in Leeds."
    assert "Tom" in own_words(turn)
