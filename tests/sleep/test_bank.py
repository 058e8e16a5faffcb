"""The bank of kinds: whole, of one mind, and strange to whom the benchmarks judge by."""

from __future__ import annotations

import json
import random
from importlib import resources

import pytest

from dormouse.runtime.bench.personas import personas
from dormouse.runtime.demo import demo_day
from dormouse.sleep import kinds
from dormouse.sleep.kinds import Kind, words
from dormouse.sleep.questions import may_mean_the_same

EVERYONE = [*personas("test"), *personas("dev"), demo_day()]
DAYS = [day for person in EVERYONE for day in (person.first, person.later) if day is not None]
JUDGED = {words(turn) for day in DAYS for session in day.sessions for turn in session if len(words(turn)) > 4}


def test_a_pair_is_one_kind_whatever_files_tell_of_it() -> None:
    pairs = [kind.key for kind in kinds.bank()]
    assert len(set(pairs)) == len(pairs)
    rows = resources.files("dormouse.sleep") / "data" / "kinds"
    written = [json.loads(line) for path in rows.iterdir() for line in path.read_text().splitlines()]
    assert len(written) > len(pairs)  # or nothing was put together
    assert sum(len(row["told"]) for row in written) == sum(len(kind.told) for kind in kinds.bank())


@pytest.mark.parametrize("kind", kinds.bank(), ids=lambda kind: "-".join(kind.key).replace(" ", "_"))
def test_every_telling_holds_what_it_is_said_to_tell(kind: Kind) -> None:
    rng = random.Random(0)
    for told in kind.told:
        text, facts = kinds.tell(told, rng)
        assert "{" not in text
        assert kind.key in {(subject, attribute) for subject, attribute, _ in facts}
        for _, _, value in facts:
            assert value.casefold() in text.casefold()


def test_every_one_off_holds_what_it_is_said_to_tell() -> None:
    for row in kinds.one_offs():
        for _, _, value in row.facts:
            assert value.casefold() in row.text.casefold()


def test_a_question_asks_for_one_thing() -> None:
    asks: dict[tuple[str, ...], Kind] = {}
    for kind in kinds.bank():
        for question in kind.asked:
            other = asks.setdefault(words(question), kind)
            assert other is kind or may_mean_the_same(other.key, [kind.key]), question


def test_nothing_that_is_told_before_a_judged_night_is_trained() -> None:
    rng = random.Random(0)
    told = {words(kinds.tell(each, rng)[0]) for kind in kinds.bank() for each in kind.told}
    told |= {words(row.text) for row in kinds.one_offs()} | {words(t) for t in kinds.talk_without_facts()}
    assert told.isdisjoint(JUDGED)


def test_everyday_questions_of_one_off_turns_are_asked_for_their_kind_too() -> None:
    asked = {question for kind in kinds.bank() if kind.key == ("user", "job") for question in kind.asked}
    rows = [row for row in kinds.one_offs() if row.facts and row.facts[0][:2] == ("user", "job")]
    seven = [row.asked[0] for row in rows if row.asked and len(row.asked[0]) == 7]
    assert len(seven) > 30
    everyday = {question for questions in seven for question in questions[:-1]}
    leaning = {questions[-1] for questions in seven}
    assert len(asked & everyday) > 0.9 * len(everyday)  # all but what is asked for two pairs
    assert not asked & (leaning - everyday)
