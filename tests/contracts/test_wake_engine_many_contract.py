"""What every wake engine must do with many questions at once: wake_engines.py says on which engines."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from contracts.wake_engines import HELLO, SHORT, ids

from dormouse.memory.engine import Message, Mount, Sampling, WakeEngine
from dormouse.memory.errors import ContextOverflow, EngineClosed

WORDS = ("hello", "you", "the cat", "a long day", "no", "yes you", "where", "who", "what is it")
MANY = [
    ([Message("system", "you"), Message("user", f"{word} {number}")], replace(SHORT, max_tokens=4 + number))
    for number, word in enumerate(WORDS * 3)
]


def test_each_is_answered_as_if_it_were_asked_alone(engine: WakeEngine, a: Mount) -> None:
    for stack in ((), (a,)):
        together = engine.complete_all(MANY, adapters=stack)
        alone = [engine.complete(messages, sampling, adapters=stack) for messages, sampling in MANY]
        assert [ids(answer) for answer in together] == [ids(answer) for answer in alone]
        assert [answer.text for answer in together] == [answer.text for answer in alone]
        assert [answer.finish for answer in together] == [answer.finish for answer in alone]
        assert all(answer.adapters == tuple(mount.name for mount in stack) for answer in together)


def test_each_has_its_own_seed_stop_and_grammar(engine: WakeEngine) -> None:
    schema = json.dumps({"type": "boolean"})
    drawn = replace(SHORT, temperature=1.5)
    samplings = [replace(drawn, seed=1), replace(drawn, seed=2), Sampling(json_schema=schema), SHORT]
    together = engine.complete_all([(HELLO, sampling) for sampling in samplings])
    assert ids(together[0]) != ids(together[1])
    assert together[2].text in ("true", "false")
    assert ids(together[3]) == ids(engine.complete(HELLO, SHORT))


def test_each_may_have_a_beginning_of_its_own(engine: WakeEngine) -> None:
    begins = ["", "the you", "no"] * 3
    together = engine.complete_all(MANY[:9], prefills=begins)
    alone = [
        engine.complete(messages, sampling, prefill=begin)
        for (messages, sampling), begin in zip(MANY[:9], begins, strict=True)
    ]
    assert [ids(answer) for answer in together] == [ids(answer) for answer in alone]
    unbegun = engine.complete_all(MANY[:9])
    assert [ids(answer) for answer in together] != [ids(answer) for answer in unbegun]


def test_the_chat_goes_on_where_it_was(engine: WakeEngine) -> None:
    before = engine.complete(HELLO, SHORT)
    engine.complete_all(MANY)
    after = engine.complete(HELLO, SHORT)
    assert ids(after) == ids(before)


def test_none_and_one(engine: WakeEngine) -> None:
    assert engine.complete_all([]) == []
    assert ids(engine.complete_all([(HELLO, SHORT)])[0]) == ids(engine.complete(HELLO, SHORT))


def test_one_that_does_not_fit_is_said_before_any_is_answered(engine: WakeEngine) -> None:
    with pytest.raises(ContextOverflow):
        engine.complete_all([(HELLO, SHORT), (HELLO, Sampling(max_tokens=100_000))])


def test_cancelled_answers_say_so(engine: WakeEngine) -> None:
    asked = 0

    def enough() -> bool:
        nonlocal asked
        asked += 1
        return asked > 12

    answers = engine.complete_all(MANY, cancelled=enough)
    assert len(answers) == len(MANY)
    assert answers[-1].finish == "cancelled"


def test_a_closed_engine_refuses(engine: WakeEngine) -> None:
    engine.close()
    with pytest.raises(EngineClosed):
        engine.complete_all(MANY)
