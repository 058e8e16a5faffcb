"""Who may go: holds stop a night at once, it goes on when all are released, and it can be ended anywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from dormouse.sleep.errors import NightStopped
from dormouse.sleep.right_of_way import RightOfWay


class Work:
    """Notes what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self, held_s: float) -> None:
        self.told.append("resume")
        self.held_s = held_s

    def stop(self) -> None:
        self.told.append("stop")


def soon(true: Callable[[], bool]) -> bool:
    """Whether it becomes true within some seconds."""
    deadline = time.monotonic() + 120
    while not true() and time.monotonic() < deadline:
        time.sleep(0.002)
    return true()


def test_a_hold_has_paused_the_work_when_it_returns() -> None:
    way, work = RightOfWay(), Work()
    with way.pausing(work):
        way.hold("a turn")
        assert work.told == ["pause"]
        way.hold("the battery")
        way.release("a turn")
        time.sleep(0.05)
        assert (work.told, way.reasons) == (["pause"], ("the battery",))
        way.release("the battery")
        assert soon(lambda: work.told == ["pause", "resume"])
        assert work.held_s >= 0.05
        assert (way.pauses, way.held) == (1, False)


def test_turns_close_it_a_little_longer_and_other_reasons_do_not() -> None:
    way = RightOfWay(resume_after_s=0.2)
    started = time.monotonic()
    with way.turn():
        pass
    way.wait()
    assert time.monotonic() - started >= 0.2
    way = RightOfWay(resume_after_s=3600)
    way.hold("load")
    way.release("load")
    assert not way.held
    with way.turn():
        pass
    assert way.held


def test_a_new_night_does_not_wait_for_the_turn_before_it() -> None:
    way = RightOfWay(resume_after_s=60)
    with way.turn():
        pass
    way.begin()
    assert not way.held


def test_work_that_begins_while_the_way_is_held_begins_paused() -> None:
    way, work = RightOfWay(), Work()
    way.hold("a turn")
    with way.pausing(work):
        assert work.told == ["pause"]
        way.release("a turn")
        assert soon(lambda: work.told == ["pause", "resume"])


def test_what_is_over_is_left_alone() -> None:
    way, work = RightOfWay(), Work()
    with way.pausing(work):
        pass
    way.hold("a turn")
    way.stop()
    assert work.told == []


def test_stopping_ends_work_and_waiting_and_whatever_comes_later() -> None:
    way, work, ended = RightOfWay(), Work(), threading.Event()
    way.hold("a turn")

    def night() -> None:
        with pytest.raises(NightStopped):
            way.wait()
        ended.set()

    with way.pausing(work):
        waiting = threading.Thread(target=night)
        waiting.start()
        way.stop()
        assert ended.wait(120)
    assert work.told == ["pause", "stop"]
    waiting.join()
    for call in (way.wait, way.must_go_on):
        with pytest.raises(NightStopped):
            call()
    late = Work()
    with way.pausing(late):
        assert late.told == ["stop"]


def test_what_is_not_held_can_be_released_and_all_of_a_reason_lifted() -> None:
    way = RightOfWay()
    way.release("nothing")
    way.hold("load")
    way.hold("load")
    way.lift("load")
    assert not way.held


def test_the_time_it_was_held_is_counted() -> None:
    way, started = RightOfWay(), time.monotonic()
    for _ in range(2):
        with way.turn():
            time.sleep(0.03)
        way.wait()
    assert 0.06 <= way.held_s <= time.monotonic() - started
