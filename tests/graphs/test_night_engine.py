"""The night's engine: an answer gives way to a turn at its next token, and is had whole afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from scripted_engine import ScriptedEngine

from dormouse.graphs.aside_engine import AsideEngine
from dormouse.graphs.night_engine import NightEngine
from dormouse.memory.engine import GREEDY, Completion, Message
from dormouse.sleep.errors import NightStopped
from dormouse.sleep.right_of_way import RightOfWay

HELLO = [Message("user", "one two three")]
SAID = "You said: one two three"


def test_an_answer_a_turn_comes_upon_is_dropped_and_asked_for_again() -> None:
    way, said = RightOfWay(), list[int]()

    def disturb(words: int) -> None:
        said.append(words)
        if len(said) == 3:
            way.hold("a turn")
            threading.Timer(0.05, way.release, ["a turn"]).start()

    night = NightEngine(ScriptedEngine(before_token=disturb), way, contextmanager(lambda: iter([None])))
    done = night.complete(HELLO)
    assert (done.text, done.finish) == (SAID, "stop")
    assert said == [0, 1, 2, 0, 1, 2, 3, 4]  # it gave way before the third word was said


def test_an_answer_that_is_asked_for_again_begins_as_it_did() -> None:
    way, said = RightOfWay(), list[int]()

    def disturb(words: int) -> None:
        said.append(words)
        if len(said) == 7:  # the first of the two is had whole by then
            way.hold("a turn")
            threading.Timer(0.05, way.release, ["a turn"]).start()

    engine = ScriptedEngine(before_token=disturb)
    night = NightEngine(engine, way, contextmanager(lambda: iter([None])))
    two = night.complete_all([(HELLO, GREEDY), (HELLO, GREEDY)], prefills=["One", "Two"])
    assert [done.text for done in two] == [SAID, SAID]
    assert [asked.prefill for asked in engine.asked] == ["One", "Two", "Two"]


def test_what_is_asked_aside_never_goes_the_sessions_way_whatever_it_begins_with() -> None:
    class Sharing(ScriptedEngine):
        at_once = 0

        def complete_all(self, asked: Any, **others: Any) -> list[Completion]:
            self.at_once += 1
            return super().complete_all(asked, **others)

    engine = Sharing()
    aside = AsideEngine(engine, RightOfWay(), contextmanager(lambda: iter([None])))
    for prefill in ("", "Your dog"):
        assert aside.complete(HELLO, prefill=prefill).text == SAID
    assert engine.at_once == 2
    assert [asked.prefill for asked in engine.asked] == ["", "Your dog"]


def test_a_caller_that_gives_up_itself_is_not_asked_for_again() -> None:
    engine = ScriptedEngine()
    night = NightEngine(engine, RightOfWay(), contextmanager(lambda: iter([None])))
    assert night.complete(HELLO, cancelled=lambda: True).finish == "cancelled"
    assert len(engine.asked) == 1


def test_a_night_that_is_stopped_gets_no_more_answers() -> None:
    way = RightOfWay()
    night = NightEngine(ScriptedEngine(), way, contextmanager(lambda: iter([None])))
    way.stop()
    for call in (lambda: night.complete(HELLO), lambda: night.logits([1]), lambda: night.score(HELLO, "x")):
        with pytest.raises(NightStopped):
            call()


def test_what_serves_changes_between_turns_alone() -> None:
    order: list[str] = []

    @contextmanager
    def between() -> Iterator[None]:
        order.append("in")
        yield
        order.append("out")

    class Mounting(ScriptedEngine):
        def mount(self, mounts: object) -> None:
            order.append("mount")

    NightEngine(Mounting(), RightOfWay(), between).mount(())
    assert order == ["in", "mount", "out"]
