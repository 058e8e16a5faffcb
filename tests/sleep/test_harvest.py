"""Harvest: the user's own turns that no night has worked on, with what the user said just before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dormouse.memory.journal import Journal
from dormouse.sleep.harvest import HarvestedTurn, harvest


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db") as opened:
        opened.open_session("s1")
        opened.open_session("s2")
        yield opened


def test_user_turns_in_order_each_with_the_one_before_it(journal: Journal) -> None:
    a = journal.add_turn("s1", "user", "I have a sister.")
    journal.add_turn("s1", "assistant", "Nice.")
    b = journal.add_turn("s1", "user", "She is called Annika.")
    c = journal.add_turn("s2", "user", "Hello!")
    assert harvest(journal) == [
        HarvestedTurn(a.id, "s1", "I have a sister.", ""),
        HarvestedTurn(b.id, "s1", "She is called Annika.", "I have a sister."),
        HarvestedTurn(c.id, "s2", "Hello!", ""),
    ]


def test_only_what_the_user_typed_to_the_end(journal: Journal) -> None:
    journal.add_turn("s1", "tool", "My dog is called Rex.", trusted=False)
    journal.add_turn("s1", "user", "My dog is called Rex.", trusted=False)
    journal.add_turn("s1", "assistant", "My dog is called Rex.")
    journal.add_turn("s1", "user", "My dog is cal", state="interrupted")
    assert harvest(journal) == []


def test_a_document_is_not_what_was_said_before(journal: Journal) -> None:
    journal.add_turn("s1", "user", "A pasted page.", trusted=False)
    said = journal.add_turn("s1", "user", "What is this?")
    assert harvest(journal) == [HarvestedTurn(said.id, "s1", "What is this?", "")]


def test_what_a_night_took_in_is_not_harvested_again(journal: Journal) -> None:
    first, second = (journal.add_turn("s1", "user", text) for text in ("One.", "Two."))
    journal.mark_harvested([first.id], journal.begin_night(0).id)
    assert harvest(journal) == [HarvestedTurn(second.id, "s1", "Two.", "One.")]
    assert harvest(journal) == harvest(journal)
