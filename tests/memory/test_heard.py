"""What was said since the last night: an adapter points to it in the user's own words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import ScriptedEngine

from dormouse.memory.engine import GREEDY, Completion, Message, Mount, Sampling, Token
from dormouse.memory.heard import mentions, pointed_to, words_for

DECLINES = ("is something I don't know",)
NIGHT = Mount("night", Path("night.gguf"), opens="Your", declines=DECLINES)
ASKED = [Message("system", "P."), Message("user", "Who sees to my teeth?")]


@dataclass
class Pointing(ScriptedEngine):
    """Says of each line the way that `likes` gives a likelihood, else its first, as good as never."""

    likes: dict[str, float] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    ways: list[list[str]] = field(default_factory=list)

    def complete(self, messages: Sequence[Message], sampling: Sampling = GREEDY, **given: Any) -> Completion:
        assert sampling.grammar is not None
        assert given["prefill"] == "Your dentist's name is"
        assert [messages[0], messages[-1]] == ASKED
        self.lines.append(messages[1].content)
        rules = sampling.grammar.removeprefix("root ::= ").split(" | ")
        ways = [json.loads(rule).strip().removesuffix(".") for rule in rules]
        self.ways.append(ways)
        way = next((way for way in ways if way in self.likes), ways[0])

        token = Token(1, f" {way}.", math.log(self.likes.get(way, 1e-6)), ())
        return Completion(token.text, (token,), 9, 0, "stop", 0.25, ("night",))


def declined() -> Completion:
    words = ["Your", " dentist's", " name", " is", " something", " I", " don't", " know."]
    tokens = tuple(Token(n, word, -0.1, ()) for n, word in enumerate(words))
    return Completion("".join(words), tokens, 9, 0, "stop", 1.0, ("night",))


def found(engine: ScriptedEngine, *lines: str, most: int = 40, **given: Any) -> str | None:
    answer = pointed_to(
        engine, ASKED, declined(), lines, Sampling(max_tokens=most), adapters=(NIGHT,), mount=NIGHT, **given
    )
    if answer is None:
        return None
    assert answer.text == "".join(token.text for token in answer.tokens)
    return answer.text


def test_the_words_of_a_line_that_are_likely_are_the_answer() -> None:
    engine = Pointing(likes={"Dr. Kos": 0.8})
    assert found(engine, "My new dentist is Dr. Kos.") == "Your dentist's name is Dr. Kos."


def test_only_a_line_that_mentions_what_was_asked_for_is_looked_at() -> None:
    engine = Pointing(likes={"Dr. Kos": 0.8})
    assert found(engine, "Dr. Kos is new here.", "The dentists are on strike.") is None
    assert engine.lines == ["The dentists are on strike."]


@pytest.mark.parametrize(("likely", "told"), [(0.09, False), (0.11, True)])
def test_what_is_unlikely_is_not_said(likely: float, told: bool) -> None:
    assert (found(Pointing(likes={"Dr. Kos": likely}), "My dentist, Dr. Kos, sings.") is not None) is told


def test_the_likeliest_of_several_lines_is_said_and_the_latest_are_looked_at_first() -> None:
    engine = Pointing(likes={"Kos": 0.5, "Ray": 0.9})
    lines = [f"The dentist of room {n} came." for n in range(9)]
    assert found(engine, *lines, "My dentist was Ray.", "My dentist is Kos.") == "Your dentist's name is Ray."
    assert engine.lines[:2] == ["My dentist is Kos.", "My dentist was Ray."]
    assert len(engine.lines) == 4


def test_of_a_long_line_what_stands_around_the_mention_is_looked_at() -> None:
    engine, much = Pointing(likes={"Dr. Kos": 0.9}), "and so on " * 400
    assert found(engine, f"{much} My dentist is Dr. Kos. {much}") == "Your dentist's name is Dr. Kos."
    (line,), (ways,) = engine.lines, engine.ways
    assert "My dentist is Dr. Kos" in line
    assert len(line.split()) < 70
    assert len(ways) < 400


def test_it_can_say_nothing_but_words_of_the_line_that_follow_each_other() -> None:
    engine = Pointing()
    found(engine, 'My dentist is "Dr. Kos" (on Mondays)')
    (ways,) = engine.ways
    assert {"Kos", "Mondays", "Monday", "on Mondays"} <= set(ways)
    assert not any("dentist" in way or "My Kos" in way for way in ways)


@pytest.mark.parametrize("given", [{"most": 4}, {"cancelled": lambda: True}], ids=["no room", "cancelled"])
def test_nothing_is_computed_where_there_is_no_room_or_nobody_waits(given: dict[str, Any]) -> None:
    engine = Pointing(likes={"Kos": 0.9})
    assert found(engine, "My dentist is Kos.", **given) is None
    assert engine.lines == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dentist's name", ["dentist"]),
        ("best friend's home city", ["friend"]),
        ("favourite flower", ["flower"]),
        ("walking day", ["walking", "day"]),
        ("name", []),
    ],
)
def test_whose_it_is_has_to_be_said_or_what_it_is(name: str, words: list[str]) -> None:
    assert words_for(name) == words


@pytest.mark.parametrize(
    ("line", "word", "there"),
    [
        ("My aunty runs a shop", "aunt", True),
        ("Two cats live here", "cat", True),
        ("She is in the catering trade", "cat", False),
        ("I have a dog", "dogs", True),
        ("Nobody", "aunt", False),
        ("", "aunt", False),
    ],
)
def test_a_word_is_mentioned_in_any_form(line: str, word: str, there: bool) -> None:
    assert mentions(line, [word]) is there


def test_no_word_to_look_for_is_found_nowhere() -> None:
    assert not mentions("My name is Kos.", [])
