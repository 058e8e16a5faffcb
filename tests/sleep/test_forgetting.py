"""Fingerprints: what is forgotten is known again in other words, and nothing else is taken for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from night_parts import a_candidate, a_memory

from dormouse.memory.records import Memory, Tombstone
from dormouse.sleep.filter import REMOVED
from dormouse.sleep.forgetting import (
    Fingerprint,
    Scrubber,
    eraser,
    fingerprint_of,
    fingerprint_of_text,
    folded,
    probes_for,
    refusal,
    related,
)

DOG = a_memory("dog", "name", "Biscotti", quote="Biscotti, our old dog, opened the fridge.")
VET = a_memory("sister", "job", "vet", turn=2, quote="Annika, my sister, just became a vet.")


def scrubbed(memory: Memory, text: str, *staying: Memory) -> str:
    return eraser([fingerprint_of(memory)], staying)(text)


@pytest.mark.parametrize(
    "text",
    [
        "Biscotti, our old dog, opened the fridge.",
        "BISCOTTI's bowl is empty",
        "I met two Biscottis, and #biscotti_the_dog",
        "b\u00edscotti",
    ],
)
def test_a_name_goes_wherever_it_stands(text: str) -> None:
    new = scrubbed(DOG, text)
    assert "iscotti" not in new.casefold()
    assert REMOVED in new


def test_an_everyday_word_goes_only_where_the_same_matter_is_spoken_of() -> None:
    assert scrubbed(VET, "My sister works as a vet.") == f"My sister works as a {REMOVED}."
    assert scrubbed(VET, "Annika? A vet!\nA vet came by.") == f"Annika? A {REMOVED}!\nA vet came by."
    assert scrubbed(VET, "Such news. A vet!") == "Such news. A vet!"
    told = a_memory("sister", "job", "vet", quote="A vet!")
    assert scrubbed(told, "Such news. A vet!") == f"Such news. A {REMOVED}!"
    assert scrubbed(VET, "The vet looked at the cow. My sister laughed.") == (
        "The vet looked at the cow. My sister laughed."
    )


def test_what_a_memory_that_stays_rests_on_is_left() -> None:
    snack = a_memory("user", "snack", "biscotti", turn=3, quote="I love biscotti with coffee.")
    text = "I love biscotti with coffee. Biscotti barked."
    assert scrubbed(DOG, text, snack) == f"I love biscotti with coffee. {REMOVED} barked."


def test_joined_values_go_part_by_part() -> None:
    both = a_memory("user", "allergy", "shrimp and celery", quote="No shrimp! ... Allergic to celery too.")
    assert scrubbed(both, "I am allergic to celery.") == f"I am allergic to {REMOVED}."


def test_a_fingerprint_survives_json_and_holds_no_word() -> None:
    written = json.dumps(fingerprint_of(DOG).as_json())
    assert not any(word in written.casefold() for word in ("biscotti", "dog", "fridge", "name"))
    again = Fingerprint.of_json(json.loads(written))
    assert Scrubber([again])("Is Biscotti well?") == f"Is {REMOVED} well?"
    assert fingerprint_of(DOG).salt != fingerprint_of(DOG).salt


def test_words_the_owner_named_go_everywhere() -> None:
    scrub = eraser([fingerprint_of_text("blue boat")], [])
    assert scrub("The Blue-Boat sails; a boat, blue.") == f"The {REMOVED} sails; a boat, blue."
    assert scrub.of_json({"a": ["blue boat"], "n": 3}) == {"a": [REMOVED], "n": 3}


def test_what_says_the_same_and_what_was_replaced_is_forgotten_along() -> None:
    older = a_memory("user", "home city", "Bergen", superseded_by="new", state="superseded", id="old")
    newer = a_memory("user", "home city", "Oslo", id="new")
    again = a_memory("user", "city", "Oslo", turn=4)
    other = a_memory("brother", "home town", "Oslo", turn=5)
    assert {m.id for m in related(newer, [older, newer, again, other])} == {"old", "new", again.id}
    assert [m.id for m in related(older, [older, newer, again, other])] == ["old"]
    called = a_memory("user", "dog", "Biscotti", turn=7)
    assert {m.id for m in related(DOG, [DOG, called, VET])} == {DOG.id, called.id}
    born = a_memory("user", "hometown", "Oslo", turn=8)
    assert related(newer, [newer, born]) == [newer]
    by_name = a_memory("biscotti", "age", "7", turn=6)
    assert by_name in related(DOG, [DOG, by_name, VET])


def test_the_filter_refuses_it_until_it_is_allowed() -> None:
    stone = Tombstone(DOG.id, datetime(2026, 1, 2, tzinfo=UTC), fingerprint_of(DOG).as_json(), "r")
    refuse = refusal([stone])
    assert "2026-01-02" in (refuse(a_candidate("pet", "name", "Biscotti")) or "")
    assert refuse(a_candidate("dog", "name", "Rex")) is None
    lifted = Tombstone(stone.id, stone.forgotten_at, stone.fingerprint, "r", lifted_at=stone.forgotten_at)
    assert refusal([lifted])(a_candidate("pet", "name", "Biscotti")) is None
    word = Tombstone(VET.id, stone.forgotten_at, fingerprint_of(VET).as_json(), "r")
    assert refusal([word])(a_candidate("sister", "profession", "vet")) is not None
    assert (
        refusal([word])(a_candidate("user", "profession", "vet", "I am a vet.")) is not None
    )  # the same job
    assert refusal([word])(a_candidate("user", "neighbour", "vet", "Our neighbour is a vet.")) is None


def test_probes_are_new_phrasings_without_the_words() -> None:
    first = probes_for(DOG, frozenset(), 4)
    assert len(first) == 4
    second = probes_for(DOG, frozenset(map(folded, first)), 4)
    assert len(second) == 4
    assert not set(first) & set(second)
    assert not any("Biscotti" in question for question in first)
