"""Ways to ask: what is kept back is not trained, and what was told is never declined."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from night_parts import a_memory

from dormouse.memory.records import Asked
from dormouse.sleep import kinds
from dormouse.sleep.questions import (
    asked_for,
    may_mean_the_same,
    names_of,
    other_kinds,
    other_nouns,
    plain_questions,
    possessive,
    taught_name,
    told_answer,
    untold_answer,
    vary,
    ways_for,
)
from dormouse.sleep.synonyms import also_called
from dormouse.verifiers.abstention import abstained

ODD = [("boat", "mooring fee"), ("user", "saddle maker"), ("boss", "catchphrase"), ("uncle", "home city")]


def bare(question: str) -> str:
    """A question without case and marks."""
    return re.sub(r"[^\w' ]", "", question.casefold()).strip()


def pairs() -> list[tuple[str, str]]:
    return [*dict.fromkeys(kind.key for kind in kinds.bank()), *ODD]


@pytest.mark.parametrize("held_back", [1, 2, 5, 8])
def test_what_is_kept_back_is_not_trained(held_back: int) -> None:
    for subject, attribute in pairs():
        memory = a_memory(subject, attribute, "Zorbal")
        ways = ways_for(memory, random.Random(subject + attribute), held_back=held_back)
        assert len(ways.exam) == held_back, (subject, attribute)
        assert ways.train
        assert not {bare(q) for q in ways.exam} & {bare(each.question) for each in ways.train}, (
            subject,
            attribute,
        )


def test_the_split_depends_on_the_generator_alone() -> None:
    def split(seed: int) -> object:
        return ways_for(a_memory("dog", "name", "Zorbal"), random.Random(seed), held_back=3)

    assert split(1) == split(1)
    assert split(1) != split(2)


def test_both_answers_name_what_was_asked_for_before_they_differ() -> None:
    for subject, attribute in pairs():
        told, untold = told_answer(subject, attribute, "Zorbal"), untold_answer(subject, attribute)
        opening = told.removesuffix("Zorbal.")
        assert untold.startswith(opening), (subject, attribute)
        assert attribute in opening
        assert subject in opening or subject == "user"
        assert abstained(untold)
        assert not abstained(told)


@pytest.mark.parametrize(
    ("attribute", "verb"),
    [("name", "is"), ("shoes", "are"), ("tennis", "is"), ("address", "is"), ("bus", "is")],
)
def test_many_things_are(attribute: str, verb: str) -> None:
    assert told_answer("user", attribute, "red") == f"Your {attribute} {verb} red."


def asked_as(pair: tuple[str, str], *questions: str) -> tuple[Asked, ...]:
    return tuple(Asked(question, *pair) for question in questions)


@pytest.mark.parametrize(("pair", "banked"), [(("dog", "name"), True), (("boat", "mooring fee"), False)])
def test_questions_written_for_a_memory_are_trained_beside_the_banks(
    pair: tuple[str, str], banked: bool
) -> None:
    written = [f"Which {word} was that again?" for word in ("one", "thing", "sum", "word", "day", "way")]
    memory = a_memory(*pair, "Zorbal")
    ways = ways_for(replace(memory, asked=asked_as(pair, *written)), random.Random(1), held_back=3)
    trained = {each.question for each in ways.train}
    assert set(written) <= {*trained, *ways.exam}
    assert bool(asked_for(*pair)) is banked
    if banked:
        assert set(written) <= trained
        assert ways.exam == ways_for(memory, random.Random(1), held_back=3).exam


WIFE = a_memory("wife", "name", "Thaís")


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (asked_as(("spouse", "name"), "a?"), {("spouse", "name")}),  # could mean the same: one is enough
        (asked_as(("cake", "name"), "a?"), set()),
        (asked_as(("muse", "name"), "a?", "b?"), {("muse", "name")}),  # two agree
        (asked_as(("wife", "name"), "a?", "b?"), set()),  # its own is no other name
        (asked_as(("dog", "name"), "a?", "b?"), set()),  # that is another memory's
    ],
)
def test_what_the_model_takes_a_question_for_becomes_a_name_of_the_memory(
    asked: tuple[Asked, ...], names: set[tuple[str, str]]
) -> None:
    memory = replace(WIFE, asked=asked)
    found = names_of(memory, [("puppy", "name"), ("dog", "name")])
    assert set(found.values()) == names
    assert set(found) == ({each.question for each in asked} if names else set())


def test_what_is_known_to_be_something_else_is_no_name_however_many_questions_are_taken_for_it() -> None:
    """Or a night would teach "Your cat's name is Wenzel" where a dog was told."""
    dog = replace(WIFE, subject="dog", asked=asked_as(("cat", "name"), "a?", "b?", "c?"))
    assert ("cat", "name") in names_of(dog, []).values()
    assert names_of(dog, [], [("cat", "name")]) == {}
    wife = replace(WIFE, asked=asked_as(("spouse", "name"), "a?", "b?"))
    assert names_of(wife, [], [("spouse", "name")])  # could mean the same all the same


def test_somebody_s_name_is_no_other_name_of_something_else() -> None:
    """A daughter's city is not her name, however often a small model mixes the two up."""
    city = replace(WIFE, subject="daughter", attribute="home city")
    for other, held in ((("daughter", "name"), False), (("daughter", "whereabouts"), True)):
        asked = asked_as(other, *(f"{n}?" for n in range(9)))
        assert (other in names_of(replace(city, asked=asked), []).values()) is held


def test_a_memory_is_asked_for_by_its_other_names_too() -> None:
    memory = replace(WIFE, asked=asked_as(("spouse", "name"), "Who is my spouse?"))
    ways = ways_for(memory, random.Random(2), held_back=2)
    assert ways.names[0] == ("spouse", "name")
    by_name = {each.question for each in ways.train if (each.subject, each.attribute) == ("spouse", "name")}
    assert "Who is my spouse?" in by_name
    assert len(by_name) > 2
    assert all("spouse" in question for question in by_name)


def test_a_memory_is_asked_for_by_other_everyday_words_that_nothing_else_goes_by() -> None:
    rabbit, cat = a_memory("rabbit", "name", "Zorbal"), ("cat", "name")
    ways = ways_for(rabbit, random.Random(2), held_back=2)
    assert ("pet", "name") in ways.names
    by_pet = [each for each in ways.train if (each.subject, each.attribute) == ("pet", "name")]
    assert by_pet and all("my pet's name" in each.question.lower() for each in by_pet)
    assert ("pet", "name") not in ways_for(rabbit, random.Random(2), held_back=2, taken=[cat]).names
    told_so = [("pet", "name")]
    assert ("pet", "name") not in ways_for(rabbit, random.Random(2), held_back=2, taken=told_so).names


def test_a_relative_that_the_bank_lacks_is_asked_for_like_others() -> None:
    assert ("great-uncle", "home city") not in {kind.key for kind in kinds.bank()}
    asked = asked_for("great-uncle", "home city")
    assert asked
    assert all("great-uncle" in question for question in asked)


def test_what_the_bank_asks_of_anybody_is_asked_of_everybody() -> None:
    keys = {kind.key for kind in kinds.bank()}
    assert ("boyfriend", "instrument") not in keys and ("daughter", "instrument") in keys
    asked = asked_for("boyfriend", "instrument")
    assert asked and all("my boyfriend" in question.lower() for question in asked)
    assert asked_for("piano", "instrument") == ()
    assert ("dog", "fear") in keys
    assert asked_for("cat", "fear") and not asked_for("boyfriend", "fear")


@pytest.mark.parametrize(
    ("pair", "other", "called"),
    [
        (("physics exam", "date"), ("exam", "date"), True),
        (("physics exam", "date"), ("user", "physics exam date"), True),
        (("user", "operation date"), ("operation", "date"), True),
        (("summer cottage", "location"), ("cottage", "location"), True),
        (("neighbour's parrot", "name"), ("parrot", "name"), False),
        (("guinea pig", "name"), ("pig", "name"), False),
        (("mother in law", "name"), ("law", "name"), False),
        (("user", "date"), ("", "date"), False),
    ],
)
def test_what_is_told_apart_by_a_word_goes_by_its_plain_noun_too(
    pair: tuple[str, str], other: tuple[str, str], called: bool
) -> None:
    assert (other in also_called(pair)) is called


def test_two_that_share_their_plain_noun_do_not_go_by_it() -> None:
    physics, history = a_memory("physics exam", "date", "9 June"), ("history exam", "date")
    assert ("exam", "date") in ways_for(physics, random.Random(1), held_back=2).names
    assert ("exam", "date") not in ways_for(physics, random.Random(1), held_back=2, taken=[history]).names


def test_what_only_turns_told_of_is_asked_for_as_they_ask() -> None:
    of_kinds = {kind.key for kind in kinds.bank()}
    pair, asked = next(
        (pair, asked) for pair, asked in kinds.everyday_questions().items() if pair not in of_kinds and asked
    )
    questions = tuple(dict.fromkeys(asked))
    assert asked_for(*pair)[: len(questions)] == questions
    memory = a_memory(*pair, "Zorbal")
    ways = ways_for(memory, random.Random(1), held_back=3)
    assert {*questions} <= {*(each.question for each in ways.train), *ways.exam}


def test_what_most_people_ask_is_always_trained_and_never_kept_back() -> None:
    """Or a night knows the riddles, and declines the one question that everybody asks."""
    usual = kinds.asked_often()["user", "job"]
    assert "What do I do for a living?" in usual[:3]
    often = {pair: asked[:8] for pair, asked in kinds.asked_often().items() if asked}
    assert len(often) > 100
    for pair, asked in often.items():
        for seed in range(3):
            ways = ways_for(a_memory(*pair, "Zorbal"), random.Random(seed), held_back=3)
            assert {bare(q) for q in asked} <= {bare(each.question) for each in ways.train[:12]}, pair
            assert len(ways.exam) == 3, pair


def test_what_the_model_takes_for_something_else_is_not_trained() -> None:
    """So small a model writes questions for other things: "What do I do for a living?" for an operation."""
    memory = a_memory("user", "operation", "bypass")
    own, twin, other = ("user", "operation"), ("user", "surgery"), ("user", "job")
    asked = (
        *asked_as(own, "What did they cut?"),
        *asked_as(twin, "What did the surgeon do?"),
        *asked_as(other, "What do I do for a living?"),
    )
    ways = ways_for(replace(memory, asked=asked), random.Random(1), held_back=3)
    trained = {each.question: (each.subject, each.attribute) for each in ways.train}
    assert trained["What did they cut?"] == own
    assert trained["What did the surgeon do?"] == twin
    assert "What do I do for a living?" not in {*trained, *ways.exam}


def test_other_nouns_of_the_banks_questions_are_trained_whatever_they_are_taken_for() -> None:
    without = {each.question for each in ways_for(WIFE, random.Random(1), held_back=3).train}
    others = [other for asked in asked_for("wife", "name") for other in other_nouns(asked, "wife")]
    with_other = next(other for other in others if other not in without)
    memory = replace(WIFE, asked=asked_as(("neighbour", "name"), with_other))
    trained = ways_for(memory, random.Random(1), held_back=3).train
    assert Asked(with_other, "wife", "name") in trained


@pytest.mark.parametrize(
    ("subject", "words"),
    [("user", "my"), ("sister", "my sister's"), ("boss", "my boss'")],
)
def test_the_owner_is_put_as_people_put_it(subject: str, words: str) -> None:
    assert possessive(subject) == words
    assert all(words in question.lower() for question in plain_questions(subject, "age"))


def test_another_way_to_type_it_keeps_the_words() -> None:
    rng = random.Random(0)
    seen = {vary("What is my dog called?", rng) for _ in range(200)}
    assert {"what is my dog called", "What is my dog called?"} < seen
    assert len(seen) > 6
    assert all("is my dog called" in question for question in seen)


# What may be declined


@pytest.mark.parametrize(
    ("told", "closed"),
    [
        (("dog", "name"), ("dog", "name")),
        (("tabby cat", "name"), ("cat", "name")),
        (("older sister", "job"), ("sister", "job")),
        (("wife", "name"), ("partner", "name")),
        (("user", "favourite food"), ("user", "favourite dish")),
        (("user", "job title"), ("user", "job")),
        (("husband", "profession"), ("partner", "job")),
        (("rabbit", "name"), ("bunny", "name")),
        (("sister in law", "name"), ("sister-in-law", "name")),
    ],
)
def test_what_could_mean_something_told_is_not_free(told: tuple[str, str], closed: tuple[str, str]) -> None:
    assert may_mean_the_same(closed, [told])
    assert may_mean_the_same(told, [closed])
    assert closed not in {kind.key for kind in other_kinds([told])}


@pytest.mark.parametrize(
    ("told", "free"), [(("dog", "name"), ("cat", "name")), (("sister", "job"), ("sister", "name"))]
)
def test_what_is_near_but_different_is_free(told: tuple[str, str], free: tuple[str, str]) -> None:
    assert not may_mean_the_same(free, [told])
    assert free in {kind.key for kind in other_kinds([told])}


def test_of_two_in_laws_one_is_not_the_other() -> None:
    assert not may_mean_the_same(("sister in law", "name"), [("brother in law", "name")])


def test_no_free_kind_is_asked_for_as_a_told_one() -> None:
    """In the words of the bank, whatever is told alone: a question has one meaning."""
    by_question: dict[str, set[tuple[str, str]]] = {}
    for kind in kinds.bank():
        for question in (*kind.asked, *plain_questions(*kind.key)):
            by_question.setdefault(bare(question), set()).add(kind.key)
    for question, keys in by_question.items():
        for told in keys:
            for other in keys - {told}:
                assert may_mean_the_same(other, [told]), (question, told, other)


def test_what_an_answer_names_stands_between_its_opening_and_its_verb() -> None:
    for pair in pairs():
        name = taught_name(*pair)
        assert told_answer(*pair, "Zorbal") in (f"Your {name} is Zorbal.", f"Your {name} are Zorbal.")
