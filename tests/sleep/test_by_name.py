"""Who is known by name, and where the noun is put for it."""

from __future__ import annotations

import pytest

from dormouse.sleep.by_name import names_among, with_nouns

NAMES = {"Moira": "wife", "Struan": "son", "Hamish Tulloch": "friend", "Hamish": "friend", "Bess": "dog"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Moira's taken up beekeeping.", "My wife's taken up beekeeping."),
        ("Well. Moira bakes now.", "Well. My wife bakes now."),
        ("And Moira bakes now.", "And my wife bakes now."),
        ("In the kitchen with Moira again.", "In the kitchen with my wife again."),
        ("Struan and Moira went up to Nairn.", "My son and my wife went up to Nairn."),
        ("Hamish is a postman.", "My friend is a postman."),
        ("Hamish Tulloch is a postman.", "My friend is a postman."),
        ("moira bakes now", "my wife bakes now"),
        ("I took Bess to the vet.", "I took my dog to the vet."),
    ],
)
def test_the_noun_stands_for_a_name_that_stands_alone(text: str, shown: str) -> None:
    assert with_nouns(text, NAMES) == shown


@pytest.mark.parametrize(
    "text",
    [
        "My wife Moira bakes now.",
        "Moira, my wife, bakes now.",
        "My colleague Moira bakes now.",
        "My old colleague Moira bakes now.",
        "There is a horse called Moira next door.",
        "The neighbour's name is Moira.",
        "We live in Moira Street.",
        "Auntie Moira bakes now.",
        "Old Bess slept.",
        "Bessie and Moiranda slept.",
        "I shouted moira at the sea.",
        "",
    ],
)
def test_what_introduces_somebody_or_is_another_word_is_left(text: str) -> None:
    assert with_nouns(text, NAMES) == text


def test_names_are_those_of_others_that_tell_one_from_all() -> None:
    facts = [
        ("user", "name", "Callum"),
        ("wife", "name", "Moira Tulloch"),
        ("son", "name", "Struan"),
        ("son", "job", "Welder"),
        ("doctor", "name", "Dr. Holt"),
        ("cat", "name", "Rose"),
        ("hen", "name", "Bo"),
        ("boat", "name", "Mary Ann"),
        ("sister", "name", "Ailsa"),
        ("niece", "name", "Ailsa"),
    ]
    assert names_among(facts) == {
        "Moira Tulloch": "wife",
        "Moira": "wife",
        "Struan": "son",
        "Mary Ann": "boat",
    }
