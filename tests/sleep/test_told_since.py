"""What was told since the last night stands in place of what an adapter says by heart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from dormouse.memory.records import Asked, Memory, Turn
from dormouse.sleep.questions import NOT_TOLD, told_answer, untold_answer
from dormouse.sleep.told_since import ToldSince

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CITY = ("user", "home city")
LINZ = told_answer(*CITY, "Linz")


def memory(subject: str, attribute: str, value: str, turn: int, asked: Sequence[Asked] = ()) -> Memory:
    return Memory(
        f"{subject}-{attribute}", subject, attribute, value, "q", "s", (turn,), NOW, asked=tuple(asked)
    )


def since(*told: str, memories: Sequence[Memory] = ()) -> ToldSince:
    turns = [Turn(id, "s", "user", text, NOW) for id, text in enumerate(told, 10)]
    return ToldSince(lambda: turns, lambda: memories)


@pytest.mark.parametrize(
    ("answer", "told", "rest"),
    [
        (LINZ, "We moved to Graz last month.", "Graz."),
        (untold_answer(*CITY), "I live in Graz now.", "Graz."),
        (told_answer("user", "town", "Linz"), "I live in Graz now.", "Graz."),
        (told_answer("partner", "name", "Ann"), "My wife is called Bea.", "Bea."),
        (told_answer("dog", "name", "Zorbal"), "My dog is called Rex.", "Rex."),
        (LINZ, "I don't live in Linz any more.", NOT_TOLD),
        (told_answer("user", "job", "nurse"), "I'm no longer a nurse.", NOT_TOLD),
        (told_answer("user", "job", "nurse"), "I quit my job.", NOT_TOLD),
        (told_answer("boyfriend", "name", "Jonas"), "Jonas and I broke up.", NOT_TOLD),
        (told_answer("user", "instrument", "cello"), "I've given up the cello.", NOT_TOLD),
    ],
)
def test_a_plain_statement_or_denial_since_is_said_instead(answer: str, told: str, rest: str) -> None:
    found = since("It rains.", told)
    assert found.speaks_of(answer)
    assert found.instead(answer) == rest
    assert found.turn_id == 11


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (LINZ, "I live in Linz."),
        (LINZ, "Where is Graz?"),
        (LINZ, "If we moved to Graz, I'd be glad."),
        (LINZ, "My sister moved to Graz."),
        (LINZ, "I don't live in Graz."),
        (told_answer("user", "allergy", "nuts"), "I'm allergic to wasps."),
        (told_answer("sister", "name", "Ann"), "My sister is called Bea."),
        (untold_answer(*CITY), "I don't live in Linz any more."),
        ("Lisbon is in Portugal.", "We moved to Graz last month."),
        ("Your turn!", "We moved to Graz last month."),
        ("", "We moved to Graz last month."),
    ],
)
def test_anything_else_leaves_the_answer_as_it_is(answer: str, told: str) -> None:
    found = since(told)
    assert found.instead(answer) is None
    assert found.turn_id is None


def test_the_last_word_wins() -> None:
    assert since("We moved to Graz.", "I live in Wels now.").instead(LINZ) == "Wels."
    assert since("I don't live in Linz any more.", "We moved to Graz.").instead(LINZ) == "Graz."
    assert since("We moved to Graz.", "I don't live in Graz any more.").instead(LINZ) == NOT_TOLD
    back = since("We moved to Graz.", "Sorry, no: I live in Linz.")
    assert back.instead(LINZ) is None


def test_what_the_answer_rests_on_was_told_after_it() -> None:
    """A nap may have taught what came later in the day."""
    told = "I live in Graz."
    assert since(told, memories=[memory(*CITY, "Linz", 10)]).instead(LINZ) is None
    assert since(told, memories=[memory(*CITY, "Linz", 9)]).instead(LINZ) == "Graz."
    assert since(told, memories=[memory(*CITY, "Graz", 11)]).instead(LINZ) == "Graz."


def test_a_memory_says_what_else_an_answer_may_mean() -> None:
    """The adapter was taught that "base camp" asks for the home city, too."""
    answer, taught = told_answer("user", "base camp", "Linz"), Asked("Where am I?", "user", "base camp")
    assert since("I live in Graz.").instead(answer) is None
    held = memory(*CITY, "Linz", 3, [taught])
    found = since("I live in Graz.", memories=[held])
    assert found.speaks_of(answer)
    assert found.instead(answer) == "Graz."


def test_whoever_has_a_name_is_known_by_it() -> None:
    answer = told_answer("wife", "home city", "Linz")
    held = [memory("wife", "name", "Moira", 2)]
    assert since("Moira has moved to Graz.", memories=held).instead(answer) == "Graz."
    assert since("Moira has moved to Graz.").instead(answer) is None


def test_a_wide_name_means_what_the_answer_rests_on() -> None:
    """ "Pet" is a cat's other name too."""
    dog, answer = memory("dog", "name", "Zorbal", 2), told_answer("pet", "name", "Zorbal")
    assert since("My cat is called Miso.", memories=[dog]).instead(answer) is None
    assert since("My dog is called Rex.", memories=[dog]).instead(answer) == "Rex."
    assert since("My cat is called Miso.").instead(untold_answer("pet", "name")) == "Miso."


def test_only_what_may_change_an_answer_is_waited_for() -> None:
    found = since("My cat is called Miso.")
    assert found.speaks_of("Your cat's name is M")
    assert not found.speaks_of("Your dog's name is Z")
    assert not since().speaks_of("Your cat's name is M")
    assert since("That is not my cat.").speaks_of("Your dog's name is Z")  # it may deny whatever is said


def test_a_document_in_a_turn_is_not_the_users_word() -> None:
    pasted = 'Here is the letter:\n> "I live in Graz."\n> Yours, Ann'
    assert since(pasted).instead(LINZ) is None


def test_what_may_not_be_shown_changes_nothing() -> None:
    turns = [
        Turn(id, "s", "user", text, NOW) for id, text in ((1, "I live in Graz."), (2, "I live in Wels."))
    ]
    found = ToldSince(lambda: turns, lambda: (), lambda: lambda words: "" if "Wels" in words else words)
    assert found.instead(LINZ) == "Graz."


@pytest.mark.parametrize("most", [1, 3])
def test_reading_ahead_reads_until_it_is_stopped(most: int) -> None:
    waited = iter([False] * most + [True])
    since("One thing.", "Two things.", "Three things.").read(lambda: next(waited))
    assert list(waited) == [True] * (most == 3)
