"""The scribe's formats: what is asked reads back as it was meant, and anything else is left out."""

from __future__ import annotations

import pytest

from dormouse.sleep import kinds, scribe


def test_notes_read_back() -> None:
    facts = [("dog", "name", "Zorbal"), ("user", "home city", "Tromsø")]
    assert scribe.read_notes(scribe.notes_reply(facts)) == facts


def test_nothing_reads_back_as_nothing() -> None:
    assert scribe.notes_reply([]) == scribe.NOTHING
    assert scribe.read_notes(scribe.NOTHING) == []


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "The dog is called Zorbal.",
        "dog | Zorbal",
        "dog | name | Zorbal | yes",
        "dog | name |",
        " | name | Zorbal",
        "dog |  | Zorbal",
        "|||",
    ],
)
def test_lines_of_another_form_are_left_out(reply: str) -> None:
    assert scribe.read_notes(reply) == []


def test_good_lines_among_others_are_kept_once() -> None:
    reply = "Here you are:\nDog | Name | Zorbal\n\ndog | name | Zorbal\n  cat|name|Miso  \nand so on"
    assert scribe.read_notes(reply) == [("dog", "name", "Zorbal"), ("cat", "name", "Miso")]


def test_a_turn_is_shown_on_one_line_with_what_came_before() -> None:
    assert scribe.notes_request("We moved.\n\n To  Oslo.") == "Now: We moved. To Oslo."
    assert scribe.notes_request("To Oslo.", "We\nmoved.") == "Earlier: We moved.\nNow: To Oslo."
    assert scribe.notes_request("To Oslo.", "  \n") == "Now: To Oslo."


def test_asking_reads_back() -> None:
    asked = ["What is my dog called?", "my dog's name?"]
    assert scribe.read_asking(scribe.asking_reply(asked), "Zorbal") == tuple(asked)


@pytest.mark.parametrize("reply", ["", "\n\n", "?", "why?"])
def test_a_reply_without_a_question_asks_nothing(reply: str) -> None:
    assert scribe.read_asking(reply, "Zorbal") == ()


def test_a_question_is_kept_once() -> None:
    assert scribe.read_asking("What is it?\nWhat is it?\nTell me what it is.", "Zorbal") == (
        "What is it?",
        "Tell me what it is.",
    )


def test_a_question_that_gives_the_value_away_is_left_out() -> None:
    reply = "Is my dog called zorbal?\nWhat is my dog called?"
    assert scribe.read_asking(reply, "Zorbal") == ("What is my dog called?",)


def test_what_the_bank_asks_reads_back() -> None:
    for kind in kinds.bank():
        assert scribe.read_asking(scribe.asking_reply(kind.asked), "\0") == tuple(dict.fromkeys(kind.asked))


def test_what_is_to_be_asked_for_stands_on_one_line_with_its_telling_below() -> None:
    shown = scribe.asking_request("dog", "name", "My dog\nis called Zorbal.")
    assert shown.splitlines() == ["dog | name", "Told: My dog is called Zorbal."]
