"""How late turns are: each against the same computation alone, and nothing else counted as a delay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_engine import BASE, ScriptedEngine
from tiny_models import write_tiny_llama

from dormouse.memory.engine import Message, Mount, Sampling
from dormouse.memory.llama_context import KEPT_CACHES
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.runtime.agent import Agent
from dormouse.runtime.bench.turn_delays import FirstToken, TurnDelays, delays, first_token
from dormouse.runtime.bench.watched_engine import WatchedEngine
from dormouse.runtime.spec import Spec

WAIT_S = 1.5  # far more than a turn takes beside, on a busy machine too


class Slow(ScriptedEngine):
    """Takes `reading_s` to its first token."""

    reading_s = 0.0

    def __init__(self) -> None:
        super().__init__(before_token=self.wait)

    def wait(self, said: int) -> None:
        if not said:
            time.sleep(self.reading_s)


@pytest.fixture
def engines() -> tuple[Slow, Slow]:
    return Slow(), Slow()


@pytest.fixture
def timed(engines: tuple[Slow, Slow], tmp_path: Path) -> Iterator[TurnDelays]:
    chatting, alone = engines
    watched = WatchedEngine(chatting)
    with Agent(Spec(), home=tmp_path / "home", engine=watched, base=BASE, attach=False) as agent:
        session = agent.new_session()
        agent.chat("so that all is imported", session)
        yield TurnDelays(agent, watched, alone)


def say(timed: TurnDelays, disturbed: bool) -> None:
    session = timed._agent.new_session()
    assert timed.say("Good morning!", session, disturbed) > 0


def test_what_a_turn_waits_for_is_its_delay(timed: TurnDelays, engines: tuple[Slow, Slow]) -> None:
    chatting, _ = engines
    for _ in range(3):
        say(timed, disturbed=False)
    chatting.reading_s = WAIT_S
    say(timed, disturbed=True)
    timed.compare(undisturbed=3)
    (late,) = delays(timed.measured)
    assert late > WAIT_S / 2


def test_what_the_turn_takes_alone_is_none(timed: TurnDelays, engines: tuple[Slow, Slow]) -> None:
    chatting, alone = engines
    for _ in range(3):
        say(timed, disturbed=False)
    timed.compare(undisturbed=3)
    chatting.reading_s = alone.reading_s = WAIT_S
    say(timed, disturbed=True)
    timed.compare(undisturbed=0)
    (late,) = delays(timed.measured)
    assert late < WAIT_S / 2


def test_what_others_put_in_the_turns_context_does_not_count_as_computed(timed: TurnDelays) -> None:
    say(timed, disturbed=False)
    turn = timed._watched.answers[-1]
    timed._watched.complete([Message("user", "of something else")], prefill="So")
    say(timed, disturbed=True)
    assert [taken.before for taken in timed._taken][1:] == [turn]


def test_what_was_computed_under_other_adapters_does_not_count(timed: TurnDelays) -> None:
    say(timed, disturbed=False)
    for number in range(KEPT_CACHES):
        other = Mount(f"day{number}", Path("x"))
        timed._watched.complete([Message("user", "And my dog?")], adapters=[other])
        say(timed, disturbed=False)
    of_the_base = timed._taken[-2].answer, timed._taken[-1].before
    assert of_the_base[1] is not None
    assert of_the_base[0].prompt == of_the_base[1].prompt, "what the adapter answered in between is another's"
    for number in range(KEPT_CACHES):
        other = Mount(f"night{number}", Path("x"))
        timed._watched.complete([Message("user", "And my cat?")], adapters=[other])
    say(timed, disturbed=False)
    assert timed._taken[-1].before is None, "the engine keeps that of a few stacks"


def test_a_turn_is_compared_with_others_that_had_an_adapter_as_well_or_had_none() -> None:
    late = FirstToken(1.0, 0.1, 9, mounted=False, disturbed=True)
    assert delays([late]) == []
    usual, asked = FirstToken(2.0, 1.5, 9, False, False), FirstToken(2.0, 1.2, 9, True, False)
    assert delays([late, asked]) == []
    assert delays([late, usual, asked]) == [pytest.approx(0.4)]
    assert delays([FirstToken(1.0, 0.1, 9, True, True), usual, asked]) == [pytest.approx(0.1)]
    assert delays([FirstToken(1.0, 0.9, 9, False, True), usual]) == [0.0]


def test_the_engine_alone_reads_what_the_turn_had_to(tmp_path: Path) -> None:
    gguf = write_tiny_llama(tmp_path / "base.gguf", seed=3)
    first = [Message("user", "It rained and rained, and then it rained a little more.")]
    sampling = Sampling(max_tokens=6)
    with LlamaEngine(gguf, context_tokens=256) as a, LlamaEngine(gguf, context_tokens=256) as alone:
        chatting = WatchedEngine(a)
        said = chatting.complete(first, sampling, adapters=())
        then = [*first, Message("assistant", said.text), Message("user", "And now?")]
        turn = chatting.complete(then, sampling, adapters=())
        before, after = chatting.answers
        assert 0 < turn.reused_tokens < turn.prompt_tokens
        assert first_token(alone, before, after)[1] == turn.prompt_tokens - turn.reused_tokens
        assert first_token(alone, None, after)[1] == turn.prompt_tokens
