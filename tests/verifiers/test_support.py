"""Support and fiction: what a night may remember stands in the user's own words, and is meant."""

from __future__ import annotations

import pytest

from dormouse.verifiers.abc import Claim, Verdict
from dormouse.verifiers.built_in import BY_NAME, named
from dormouse.verifiers.fiction import Fiction
from dormouse.verifiers.support import Support, stands_in, words


def supported(value: str, source: str) -> Verdict:
    return Support().judge(Claim(value, source=source, fields={"subject": "user", "value": value}))


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("Zorbal", "My dog is called Zorbal."),
        ("zorbal", "MY DOG IS CALLED ZORBAL!"),
        ("Tromso", "twelve winters in Tromsø and I still leave the house without gloves"),
        ("Mary Ann", 'My boat is called "Mary Ann", by the way.'),
        ("best friend's", "At my best friend\u2019s place."),
        ("half past 6", "I get up at half past 6."),
        ("42", "I'm 42, believe it or not."),
        ("rye bread, toasted", "I always have rye bread, toasted."),
        ("Łódź", "I grew up in Łódź."),
    ],
)
def test_words_of_the_user_support(value: str, source: str) -> None:
    verdict = supported(value, source)
    assert verdict.passed
    assert source in verdict.evidence


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("Rex", "My dog is called Zorbal."),
        ("Ann", "My sister is called Annika."),  # part of a word
        ("Ann Mary", "My boat is called Mary Ann."),
        ("Mary Ann", "Mary and Ann are my sisters."),
        ("4", "I'm 42."),
        ("", "My dog is called Zorbal."),
        ("...", "Well ... you know."),
        ("Zorbal", ""),
    ],
)
def test_other_words_do_not(value: str, source: str) -> None:
    verdict = supported(value, source)
    assert verdict.outcome == "failed"
    assert repr(value) in verdict.evidence


def test_without_a_field_the_text_is_the_value() -> None:
    assert Support().judge(Claim("Oslo", source="I live in Oslo.")).passed


def test_words_keep_hyphens_and_apostrophes() -> None:
    assert words("Twenty-one, O'Neill's café; 3rd!") == ["twenty-one", "o'neill's", "cafe", "3rd"]
    assert not stands_in("one", "Twenty-one.")


@pytest.mark.parametrize(
    "source",
    [
        "Imagine my dog is called Rex.",
        "If I had a boat it would be the Mary Ann.",
        "Let's say my name is Bond.",
        "Suppose we live in Oslo.",
        "In the novel my sister is called Anna.",
        "In my dream I was a baker.",
        "Roleplay: my name is Bond.",
    ],
)
def test_what_is_marked_as_made_up_is_unsure(source: str) -> None:
    verdict = Fiction().judge(Claim("", source=source))
    assert verdict.outcome == "unsure"
    assert not verdict.passed


@pytest.mark.parametrize(
    "source",
    [
        "My dog is called Rex.",
        "I live in a house by the sea.",
        "I write novels for a living.",
        "We play games on Friday.",
        "My film camera is a Leica.",
    ],
)
def test_plain_talk_passes(source: str) -> None:
    assert Fiction().judge(Claim("", source=source)).passed


def test_verifiers_are_found_by_name() -> None:
    assert [verifier.name for verifier in named(["fiction", "support"])] == ["fiction", "support"]
    assert all(name == kind().name for name, kind in BY_NAME.items())
