"""Neighbours of what was told: what one asks of such a thing, and what is most easily taken for it."""

from __future__ import annotations

import random

import pytest
from night_parts import a_memory

from dormouse.sleep.neighbours import like, nearest, neighbours

NEAR_DOG = [("cat", "name"), ("parrot", "name"), ("rabbit", "name")]
NEAR_HOME = [("user", "hometown"), ("user", "birthplace"), ("user", "street")]


def test_the_nearest_of_a_memory_were_not_told() -> None:
    assert nearest(a_memory("dog", "name", "Zorbal"), [("dog", "name")]) == NEAR_DOG
    assert nearest(a_memory("user", "home city", "Tromsø"), [("user", "home city")]) == NEAR_HOME
    cat_too = nearest(a_memory("dog", "name", "Zorbal"), [("dog", "name"), ("cat", "name")])
    assert ("cat", "name") not in cat_too
    assert len(cat_too) == 3
    assert nearest(a_memory("boat", "mooring fee", "40"), [])[0] == ("car", "mooring fee")


def test_the_same_of_the_user_is_near_what_was_told_of_somebody() -> None:
    """Whose job is meant is the first thing a small model gets wrong."""
    job = a_memory("sister", "job", "glassblower")
    assert nearest(job, [("sister", "job")])[0] == ("user", "job")
    assert ("user", "job") not in nearest(job, [("sister", "job"), ("user", "job")])
    name = nearest(a_memory("sister", "name", "Annika"), [("sister", "name")])
    assert name == [("brother", "name"), ("mother", "name"), ("father", "name")]
    assert ("user", "name") in like(a_memory("sister", "name", "Annika"))
    assert ("user", "vet") not in like(a_memory("dog", "vet", "Dr. Okafor"))  # nobody asks that


@pytest.mark.parametrize(
    ("subject", "attribute", "near", "never"),
    [
        ("sofa", "make", [("sofa", "colour"), ("sofa", "price"), ("car", "make")], ["mother", "dog"]),
        ("tabby cat", "vet", [("tabby cat", "breed"), ("dog", "vet")], ["mother", "car"]),
        ("gecko", "name", [("gecko", "age"), ("cat", "name"), ("mother", "name")], ["car"]),
        ("tennis partner", "job", [("tennis partner", "age"), ("mother", "job")], ["car", "dog"]),
        ("wife", "colour", [("wife", "job"), ("mother", "colour")], ["car"]),
    ],
)
def test_what_is_near_is_what_one_asks_of_such_a_thing(
    subject: str, attribute: str, near: list[tuple[str, str]], never: list[str]
) -> None:
    found = like(a_memory(subject, attribute, "v"))
    assert {*near} <= {*found}
    assert not {*never} & {of for of, _ in found}


@pytest.mark.parametrize("seed", range(4))
def test_whom_people_ask_about_first_is_never_left_to_chance(seed: int) -> None:
    wife = a_memory("wife", "name", "Ling")
    near = neighbours([wife], [("wife", "name")], 26, random.Random(seed))
    asked = {"mother", "father", "sister", "brother", "son", "daughter", "dog", "cat", "best friend"}
    assert asked <= {subject for subject, attribute in near if attribute == "name"}
    home = neighbours(
        [a_memory("user", "home city", "Tromsø")], [("user", "home city")], 26, random.Random(seed)
    )
    assert {*NEAR_HOME} <= {*home}
