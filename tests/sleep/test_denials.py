"""Denials: what is said not to hold any more, of the same thing, and nothing else."""

from __future__ import annotations

import pytest

from dormouse.sleep.denials import denied_in

NAMES = {"Annika": "sister"}


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (("user", "home city", "Oslo"), "I don't live in Oslo any more."),
        (("user", "home city", "Oslo"), "Hello. No, I do not live in Oslo!"),
        (("user", "home city", "Oslo"), "We no longer live in Oslo, thank God."),
        (("user", "home city", "Oslo"), "I\u2019m not based in Oslo."),
        (("user", "job", "florist"), "I'm not a florist, I never was."),
        (("user", "job", "florist"), "I don't work as a florist any more."),
        (("user", "employer", "Tesco"), "I no longer work for Tesco."),
        (("user", "allergy", "peanuts"), "Turns out I'm not allergic to peanuts."),
        (("user", "diet", "vegan"), "I'm not vegan any more."),
        (("user", "favourite colour", "teal"), "My favourite colour isn't teal."),
        (("dog", "name", "Rex"), "My dog isn't called Rex, I don't know where you got that."),
        (("dog", "name", "Rex"), "My dog is not Rex."),
        (("user", "home city", "Oslo"), "It's not true that I live in Oslo."),
        (("user", "home city", "Oslo"), "you keep saying oslo. i dont live in oslo"),
        (("user", "home city", "Oslo"), "I haven't lived in Oslo since May."),
        (("user", "hobby", "chess"), "I don't play chess any more, sadly."),
        (("user", "instrument", "cello"), "I've stopped playing the cello."),
        (("user", "language", "German"), "I don't speak German at all!"),
        (("user", "car", "Volvo"), "We no longer have the Volvo."),
        (("dog", "name", "Rex"), "We don't have a dog called Rex any more."),
        (("dog", "name", "Rex"), "It's not true that my dog is called Rex."),
        (("sister", "home city", "Madrid"), "My sister doesn't live in Madrid."),
        (("sister", "home city", "Madrid"), "Annika doesn't live in Madrid any more."),
        (("sister", "job", "nurse"), "My sister isn't a nurse."),
        (("sister", "hobby", "chess"), "My sister's hobby isn't chess."),
    ],
)
def test_a_denial_is_found(fact: tuple[str, str, str], said: str) -> None:
    denial = denied_in(fact, said, NAMES)
    assert denial is not None and denial in said
    assert denied_in(fact, "I live in Oslo. My dog is called Rex. My sister is a nurse.", NAMES) is None


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (("user", "hometown", "Oslo"), "I don't live in Oslo any more."),
        (("sister", "home city", "Oslo"), "I don't live in Oslo any more."),
        (("user", "home city", "Madrid"), "My sister doesn't live in Madrid."),
        (("user", "home city", "Oslo"), "I'm not in Oslo."),
        (("user", "home city", "Oslo"), "I'm not living in Oslo yet."),
        (("user", "home city", "Oslo"), "Don't I live in Oslo?"),
        (("user", "home city", "Oslo"), "If I don't live in Oslo by then, fine."),
        (("user", "home city", "Oslo"), "I didn't live in Oslo back then."),
        (("user", "home city", "Oslo"), "I'd love to live in Oslo."),
        (("user", "home city", "Oslo"), "In the story I don't live in Oslo."),
        (("user", "home city", "Oslo"), "My boss wrote:\n> I don't live in Oslo any more."),
        (("user", "job", "florist"), "I'm not a florist today, I'm a clown at a party."),
        (("user", "job", "florist"), "I'm not only a florist."),
        (("user", "job", "florist"), "He said I'm not a florist."),
        (("user", "job", "florist"), "Some days I feel I'm not a florist."),
        (("user", "home city", "Oslo"), "My mother thinks I don't live in Oslo."),
        (("user", "home city", "Oslo"), "It's not like I don't live in Oslo."),
        (("user", "job", "florist"), "I'm not a florist by trade."),
        (("user", "hobby", "chess"), "I don't play chess with strangers."),
        (("user", "hobby", "chess"), "I never play chess on Sundays."),
        (("user", "home city", "Oslo"), "I don't live in Oslo proper."),
        (("user", "job", "florist"), "I wasn't a florist at that age."),
        (("user", "job", "florist"), "My sister isn't a florist."),
        (("dog", "name", "Rex"), "My cat isn't called Rex."),
        (("dog", "name", "Rex"), "Rex isn't allowed on the sofa."),
        (("dog", "name", "Rex"), "Isn't my dog called Rex?"),
        (("dog", "breed", "collie"), "My dog isn't called Rex."),
        (("user", "favourite colour", "teal"), "My sister's favourite colour isn't teal."),
        (("user", "home city", ""), "I don't live in Oslo."),
    ],
)
def test_what_is_said_of_something_else_denies_nothing(fact: tuple[str, str, str], said: str) -> None:
    assert denied_in(fact, said, NAMES) is None


def test_whoever_was_read_as_told_it_needs_no_other_sign() -> None:
    fact = ("cat", "name", "Plim")
    assert denied_in(fact, "We don't have Plim any more.", {}) is None
    assert denied_in(fact, "We don't have Plim any more.", {}, read_as_told=True)
    assert denied_in(fact, "Plim sleeps all day.", {}, read_as_told=True) is None
