"""Fingerprints: what is forgotten is known again in other words, and nothing else is taken for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from night_parts import a_candidate, a_memory

from dormouse.memory.records import Memory, Tombstone
from dormouse.sleep.filter import REMOVED
from dormouse.sleep.fingerprint import Fingerprint, fingerprint_of, fingerprint_of_text
from dormouse.sleep.forgetting import Scrubber, eraser, folded, probes_for, refusal, related

DOG = a_memory("dog", "name", "Biscotti", quote="Biscotti, our old dog, opened the fridge.")
VET = a_memory("sister", "job", "vet", turn=2, quote="Annika, my sister, just became a vet.")


BEEKEEPER = a_memory("user", "job", "beekeeper", quote="I work as a beekeeper.")
PARTNER = a_memory(
    "partner", "name", "Jos\u00e9 Ib\u00e1\u00f1ez", quote="My partner is called Jos\u00e9 Ib\u00e1\u00f1ez."
)
CITY = a_memory("user", "home city", "New York City", quote="I live in New York City.")
BIRTHDAY = a_memory("user", "birthday", "3 May 1990", quote="I was born on 3 May 1990.")


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


def test_the_same_told_of_somebody_else_is_not_forgotten_along() -> None:
    mine = a_memory("user", "hobby", "falconry", quote="I do falconry.")
    hers = a_memory("sister", "hobby", "falconry", turn=2, quote="My sister took up falconry.")
    assert related(mine, [mine, hers]) == [mine]
    assert related(hers, [mine, hers]) == [hers]


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


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("You are a beekeeper.", False),
        ("As a beekeeper, which gloves should I buy?", False),
        ("Beekeepers need thick gloves.", True),
        ("I am a bee-keeper, and we bee keepers get stung.", False),
    ],
)
def test_an_everyday_word_goes_where_the_speaker_or_the_assistant_speaks(text: str, answer: bool) -> None:
    new = eraser([fingerprint_of(BEEKEEPER)], [])(text, answer)
    assert REMOVED in new
    assert "keeper" not in new.casefold()


def test_an_everyday_word_stays_in_talk_about_the_world() -> None:
    text = "I like honey. The beekeeper sells it at noon."
    assert scrubbed(BEEKEEPER, text) == text


def test_a_common_word_goes_from_an_answer_that_says_nothing_else_but_not_from_other_talk() -> None:
    red = a_memory("user", "favourite colour", "red", quote="My favourite colour is red.")
    scrub = eraser([fingerprint_of(red)], [])
    assert scrub("It is red!", answer=True) == f"It is {REMOVED}!"
    for text in ("I stopped at the red light.", "Wait while the light is red."):
        assert (scrub(text), scrub(text, answer=True)) == (text, text)


def test_what_is_said_of_a_memory_that_stays_is_left() -> None:
    mine = a_memory("user", "hobby", "falconry", quote="I do falconry.")
    hers = a_memory("sister", "hobby", "falconry", turn=2, quote="Ida, my sister, took up falconry.")
    scrub = eraser([fingerprint_of(mine)], [hers])
    assert scrub("Did you ask your sister about falconry?") == "Did you ask your sister about falconry?"
    assert scrub("Ida, my sister, took up falconry.") == "Ida, my sister, took up falconry."
    assert scrub("You love falconry.") == f"You love {REMOVED}."
    assert scrub.serving == {hers.id}


def test_a_word_that_a_memory_which_stays_is_called_by_is_left() -> None:
    pet = a_memory("user", "pet", "ferret", quote="I have a ferret.")
    called = a_memory("ferret", "name", "Rex", turn=2, quote="He is Rex.")
    assert scrubbed(pet, "What did I call my ferret?") != "What did I call my ferret?"
    assert scrubbed(pet, "What did I call my ferret?", called) == "What did I call my ferret?"


def test_parts_of_a_name_go_from_what_was_kept_and_common_words_in_it_stay() -> None:
    assert scrubbed(PARTNER, "Jos\u00e9 left. Ibanez is a nice name.") == (
        f"{REMOVED} left. {REMOVED} is a nice name."
    )
    assert (
        scrubbed(CITY, "In New York a new city hall is built.") == f"In {REMOVED} a new city hall is built."
    )


def test_a_part_of_a_name_that_a_memory_which_stays_has_too_is_left_to_it() -> None:
    wife = a_memory("wife", "name", "Anna Miller", quote="My wife is Anna Miller.")
    millers = a_memory("wife", "name", "Anna Ibarra", quote="My wife is Anna Ibarra.")
    daughter = a_memory("daughter", "name", "Lea Ibarra", turn=2, quote="Lea Ibarra is my daughter.")
    assert scrubbed(millers, "Lea Ibarra sang.") == f"Lea {REMOVED} sang."
    assert scrubbed(millers, "Lea Ibarra sang.", daughter) == "Lea Ibarra sang."
    assert scrubbed(wife, "Anna is here.") == f"{REMOVED} is here."


@pytest.mark.parametrize(
    "text",
    ["May 3, 1990", "the 3rd of May 1990", "03/05/1990", "05/03/1990", "1990-05-03", "third of May, 1990"],
)
def test_a_date_goes_in_every_usual_order(text: str) -> None:
    assert REMOVED in scrubbed(BIRTHDAY, f"Note: {text}.")
    assert scrubbed(BIRTHDAY, "Note: May 3, 1991; 4 May 1990.") == "Note: May 3, 1991; 4 May 1990."


@pytest.mark.parametrize(
    ("memory", "value"),
    [
        (BIRTHDAY, "May 3, 1990"),
        (BIRTHDAY, "May 3"),
        (BIRTHDAY, "the 3rd of May"),
        (PARTNER, "Jos\u00e9"),
        (CITY, "New York"),
        (a_memory("user", "employer", "Siemens AG", quote="I work at Siemens AG."), "Siemens"),
        (a_memory("user", "allergy", "peanuts", quote="I'm allergic to peanuts."), "peanut"),
        (a_memory("user", "allergy", "peanut", quote="I've a peanut allergy."), "peanuts"),
        (BEEKEEPER, "bee-keeper"),
        (BEEKEEPER, "a bee keeper"),
        (a_memory("user", "job", "bee keeper", quote="I am a bee keeper."), "beekeeper"),
    ],
)
def test_the_filter_refuses_the_same_in_another_form(memory: Memory, value: str) -> None:
    stone = Tombstone(memory.id, datetime(2026, 1, 2, tzinfo=UTC), fingerprint_of(memory).as_json(), "r")
    assert refusal([stone])(a_candidate(memory.subject, memory.attribute, value, f"Again: {value}."))


@pytest.mark.parametrize(
    ("memory", "subject", "attribute", "value"),
    [
        (BIRTHDAY, "user", "birthday", "May 3, 1991"),
        (PARTNER, "friend", "name", "Jos\u00e9"),
        (PARTNER, "partner", "name", "Jos\u00e9 Luis"),
        (CITY, "user", "home city", "Mexico City"),
        (a_memory("user", "job", "night nurse", quote="I am a night nurse."), "user", "job", "day nurse"),
    ],
)
def test_the_filter_lets_pass_what_only_shares_a_word(
    memory: Memory, subject: str, attribute: str, value: str
) -> None:
    stone = Tombstone(memory.id, datetime(2026, 1, 2, tzinfo=UTC), fingerprint_of(memory).as_json(), "r")
    assert refusal([stone])(a_candidate(subject, attribute, value, f"It is {value}.")) is None


def test_other_forms_are_kept_as_hashes_and_a_tombstone_without_them_still_works() -> None:
    for memory in (BIRTHDAY, PARTNER, CITY, BEEKEEPER):
        row = fingerprint_of(memory).as_json()
        written = json.dumps(row).casefold()
        assert not any(word in written for word in ("may", "1990-", "jos", "york", "keeper"))
        assert Fingerprint.of_json(json.loads(json.dumps(row))).as_json() == row
        old = {key: value for key, value in row.items() if key not in ("forms", "wide", "personal")}
        again = a_candidate(memory.subject, memory.attribute, memory.value, memory.quote)
        assert Fingerprint.of_json(old).covers(again)
        assert REMOVED in Scrubber([Fingerprint.of_json(old)])(memory.quote)


def test_what_is_told_anew_loses_parts_of_names_only_where_the_speaker_speaks() -> None:
    told = eraser([fingerprint_of(PARTNER)], [], "told")
    assert told("Our mayor met Jos\u00e9.") == f"Our mayor met {REMOVED}."
    assert told("The mayor met Jos\u00e9.") == "The mayor met Jos\u00e9."


def test_a_memory_called_by_a_part_of_the_name_is_forgotten_along() -> None:
    by_part = a_memory("jos\u00e9", "age", "41", turn=6)
    assert by_part in related(PARTNER, [PARTNER, by_part, VET])
