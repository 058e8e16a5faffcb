"""Naming: the encoder says which of the names an adapter was taught a question asks for, if any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hashed_embedder import HashedEmbedder
from night_parts import a_memory

from dormouse.memory.episodes.embedder import Vectors
from dormouse.memory.manifest import TaughtName
from dormouse.memory.naming import (
    Floats,
    Meant,
    Namer,
    Names,
    carried,
    features,
    kinds_probability,
    mapped,
    sentences,
)
from dormouse.sleep import kinds
from dormouse.sleep.naming import taught_names
from dormouse.sleep.questions import taught_name

TOLD = taught_names(
    [
        a_memory("dog", "name", "Zorbal"),
        a_memory("user", "home city", "Tromso"),
        a_memory("sister", "job", "welder"),
        a_memory("user", "allergy", "walnuts"),
    ]
)


class Listening(HashedEmbedder):
    """Remembers what it was given."""

    def __init__(self) -> None:
        super().__init__(384)
        self.heard: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.heard += texts
        return super().embed(texts)


def unit(*rows: tuple[float, ...]) -> Floats:
    array = np.array(rows, np.float32)
    return np.asarray(array / np.linalg.norm(array, axis=1, keepdims=True), np.float32)


def seen(taught: list[Floats], rows: list[list[int]], known: list[int] | None = None) -> Floats:
    """Of one question, with three kinds: the first is what it asks for."""
    names, asked = unit((1, 0, 0), (0, 1, 0), (0, 0.6, 0.8)), unit((1, 0.2, 0.1))
    nothing = np.zeros((3, 3), np.float32)
    probability = np.array([[0.7, 0.2, 0.1]], np.float32)
    return np.asarray(features(asked, taught, rows, names, probability, (nothing, nothing), names, known)[0])


def test_a_name_is_seen_beside_the_other_names_and_beside_kinds_that_none_of_them_means() -> None:
    found = seen([unit((1, 0, 0)), unit((0, 1, 0))], [[0], [1]])
    near = unit((1, 0.2, 0.1))[0] @ unit((1, 0, 0), (0, 1, 0), (0, 0.6, 0.8)).T
    assert found.shape == (2, 10)
    assert found[0, :3] == pytest.approx([near[0], near[0] - near[1], near[0] - near[2]], abs=1e-6)
    assert found[1, :3] == pytest.approx([near[1], near[1] - near[0], near[1] - near[2]], abs=1e-6)
    assert found[0, 3:6] == pytest.approx(found[0, :3], abs=1e-6)  # maps that change nothing
    assert np.exp(found[0, 6:9]) - 1e-3 == pytest.approx([0.7, 0.2, 0.1], abs=1e-6)
    assert found[:, 9].tolist() == [1, 1]


def test_a_name_alone_and_one_that_means_no_kind_can_be_seen_too() -> None:
    (alone,) = seen([unit((1, 0, 0))], [[0]])
    assert alone[1] == alone[0]
    (strange,) = seen([unit((1, 0, 0))], [[]])
    assert strange[9] == 0
    assert np.exp(strange[6]) - 1e-3 == pytest.approx(0, abs=1e-6)
    assert np.exp(strange[8]) - 1e-3 == pytest.approx(0.7, abs=1e-6)


def test_of_several_names_of_one_thing_the_nearest_counts() -> None:
    both = seen([unit((0, 0, 1), (1, 0, 0)), unit((0, 1, 0))], [[0], [1]])
    assert both == pytest.approx(seen([unit((1, 0, 0)), unit((0, 1, 0))], [[0], [1]]))


def test_kinds_that_are_not_known_are_not_looked_at() -> None:
    found = seen([unit((0, 1, 0))], [[1]], known=[1, 2])
    assert np.exp(found[0, 8]) - 1e-3 == pytest.approx(0.1, abs=1e-6)


def test_the_head_gives_shares_and_maps_keep_the_length() -> None:
    shares = kinds_probability(unit((1, 0, 0)), unit((1, 0, 0), (0, 1, 0)), np.zeros(2, np.float32))
    assert shares.sum() == pytest.approx(1)
    assert shares[0, 0] > 0.9
    assert np.linalg.norm(mapped(unit((1, 2, 3)), np.eye(3, dtype=np.float32))) == pytest.approx(1)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What do I call my four-legged friend?", "dog's name"),
        ("whats the pup called again", "dog's name"),
        ("In which town do I have my bed?", "home city"),
        ("How does my sister earn her bread?", "sister's job"),
        ("Which food could kill me?", "allergy"),
    ],
)
def test_a_question_asks_for_the_name_it_means(question: str, name: str) -> None:
    (meant,) = Names(TOLD).asked_for([question])
    assert meant.names[0] == name
    assert meant.likely == meant.others[name] == max(meant.others.values()) >= 0.5
    assert {*meant.others} == {each for taught in TOLD for each in (taught.name, *taught.also)}


@pytest.mark.parametrize(
    "question",
    [
        "What's my cat called?",
        "How old is my sister?",
        "What is my brother's job?",
        "Which instrument do I play?",
        "What is the capital of Peru?",
        "Write a poem about the sea.",
    ],
)
def test_what_was_never_told_is_none_of_the_names(question: str) -> None:
    (meant,) = Names(TOLD).asked_for([question])
    assert meant.likely < 0.3


@pytest.mark.parametrize(
    "words",
    [
        "What's my hairdresser called?",
        "whats my locker code again",
        "remind me when the boiler was serviced",
        "my uncles birthday",
        "Tell me what I paid for the sofa.",
        "The sofa has come at last. What did I pay for it?",
        "Hm. Who was it that fixed the roof?",
    ],
)
def test_words_that_ask_in_one_sentence_ask(words: str) -> None:
    assert Names(TOLD).asking([words])[0] > 0.7


@pytest.mark.parametrize(
    "words",
    [
        "My hairdresser is ill again, so the fringe stays.",
        "we finally got the boiler serviced",
        "My new dentist is Dr. Kos.",
        "It rained all day. I stayed in with the paper.",
        "Thanks, good night!",
    ],
)
def test_words_that_only_tell_do_not(words: str) -> None:
    assert Names(TOLD).asking([words])[0] < 0.2


def test_what_was_heard_is_not_embedded_again() -> None:
    listening = Listening()
    names = Names(TOLD, Namer(listening, list(carried()._rows), carried()._weights))
    first = names.asking(["One two three.", "Who is it?", "One two three."])
    assert listening.heard == ["One two three."]  # a question mark says enough
    assert first == [first[0], 1.0, first[0]]
    assert names.asking(["Who is it?", "One two three."]) == [1.0, first[0]]
    assert len(listening.heard) == 1
    assert names.asking([f"Number {n} it is." for n in range(600)] + ["One two three."])[-1] == first[0]
    assert names.asking(["One two three."]) == first[:1]
    assert not any("three" in repr(value) for value in vars(names).values())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I see Dr. Kos now. Who is yours?", ["I see Dr. Kos now.", "Who is yours?"]),
        (
            "We moved house. At last! Why? It was damp there.",
            ["We moved house. At last!", "Why?", "It was damp there."],
        ),
        ("one line\nand another one here", ["one line", "and another one here"]),
        ("ok", ["ok"]),
        ("", [""]),
    ],
)
def test_a_text_is_read_sentence_by_sentence(text: str, found: list[str]) -> None:
    assert sentences(text) == found


def test_many_questions_are_read_as_each_alone() -> None:
    questions = [f"How old is my {kind.subject}?" for kind in kinds.bank()[:70]]
    names = Names(TOLD)
    together = names.asked_for(questions)
    alone = [names.asked_for([question])[0] for question in questions]
    assert [meant.names for meant in together] == [meant.names for meant in alone]
    assert [meant.likely for meant in together] == pytest.approx([meant.likely for meant in alone], abs=1e-4)


def test_names_that_a_kind_goes_by_are_not_embedded_again() -> None:
    namer, listening = carried(), Listening()
    names = Names(TOLD, Namer(listening, list(namer._rows), namer._weights))
    names.asked_for(["What is my dog called?"])
    every = [name for taught in TOLD for name in (taught.name, *taught.also)]
    assert listening.heard == [
        *(f"your {name}" for name in every if name not in namer._rows),
        "What is my dog called?",
    ]
    assert len(listening.heard) < len(every)


def test_without_names_or_questions_nothing_is_found() -> None:
    assert Names([]).asked_for(["What is my dog called?"]) == [Meant((), 0.0)]
    assert Names(TOLD).asked_for([]) == []


def test_the_weights_know_the_kinds_that_the_bank_asks_for() -> None:
    namer, often = carried(), [kind for kind in kinds.bank() if len(kind.asked) >= 12]
    unknown = [kind.key for kind in often if not namer.rows_of(_itself(taught_name(*kind.key)))]
    assert unknown == []


def _itself(name: str) -> TaughtName:
    return TaughtName(name=name, means=(name,))
