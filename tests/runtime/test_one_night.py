"""The nights of one process: one at a time, the owner's and other users', and begun one after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from daemon_program import scopes
from scripted_engine import BASE, ScriptedEngine

from dormouse.graphs import sleep as graph
from dormouse.graphs.night import NightContext
from dormouse.runtime import neighbours
from dormouse.runtime.agent import Agent
from dormouse.runtime.daemon.daemon import Daemon
from dormouse.runtime.daemon.memory_of_nights import Tries, read_tries
from dormouse.runtime.idle.abc import Reading, Signal
from dormouse.runtime.scopes import OWNER
from dormouse.runtime.spec import Spec
from dormouse.sleep.errors import NightFailed, NightStopped
from dormouse.sleep.records import NightReport, Progress

QUICK = Spec.model_validate({"sleep": {"resume_after_s": 0}})


class Nights:
    """Stands in for nights: each reads all that waits, and lasts until it is told to end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.at_once, self.most = 0, 0
        self.may_end = threading.Event()
        self.fails = ""  # for the home of this name

    def __call__(self, night: NightContext, progress: Callable[[Progress], None]) -> NightReport:
        name = night.home.path.name
        self.begun.append(name)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            while not self.may_end.wait(0.001):
                night.way.wait()
            if name == self.fails:
                raise NightFailed("exam", "the lights went out.")
            id = night.journal.begin_night(0).id
            night.journal.mark_harvested([turn.id for turn in night.journal.unharvested()], id)
            night.journal.finish_night(id, "nothing-new", None, {})
        finally:
            self.at_once -= 1
        return NightReport("nothing-new", None, [], [], None, {}, 0.0, id)


@pytest.fixture
def nights(monkeypatch: pytest.MonkeyPatch) -> Nights:
    made = Nights()
    monkeypatch.setattr(graph, "run_night", made)
    return made


@pytest.fixture
def pool(nights: Nights) -> Iterator[ThreadPoolExecutor]:
    made = ThreadPoolExecutor(4)
    yield made
    nights.may_end.set()
    made.shutdown(wait=False)  # what still waits ends when its agent is closed


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def an_agent(home: Path) -> Agent:
    return Agent(QUICK, home=home, engine=ScriptedEngine(), base=BASE)


def test_the_night_of_another_agent_of_the_process_is_waited_for(
    tmp_path: Path, nights: Nights, pool: ThreadPoolExecutor
) -> None:
    with an_agent(tmp_path / "a") as first, an_agent(tmp_path / "b") as second:
        one = pool.submit(first.sleep)
        until(lambda: nights.begun == ["a"])
        other = pool.submit(second.sleep)
        until(lambda: neighbours.nights() == 2)
        nights.may_end.set()
        assert {one.result(120).status, other.result(120).status} == {"nothing-new"}
    assert (nights.begun, nights.most, neighbours.nights()) == (["a", "b"], 1, 0)


def test_a_night_that_waits_for_another_ends_when_its_agent_is_closed(
    tmp_path: Path, nights: Nights, pool: ThreadPoolExecutor
) -> None:
    with an_agent(tmp_path / "a") as first:
        one = pool.submit(first.sleep)
        until(lambda: nights.begun == ["a"])
        second = an_agent(tmp_path / "b")
        other = pool.submit(second.sleep)
        until(lambda: neighbours.nights() == 2)
        pool.submit(second.close).result(120)
        assert isinstance(other.exception(120), NightStopped)
        nights.may_end.set()
        one.result(120)
    assert nights.begun == ["a"]


class Somebody(Signal):
    """At the machine, or not."""

    name = "session input"

    def __init__(self) -> None:
        self.there = False

    def read(self) -> Reading:
        return self.found("simulated", not self.there)


class Home:
    """A daemon that looks when it is told to, its owner and its guests."""

    def __init__(self, home: Path) -> None:
        self.somebody = Somebody()
        self.daemon = Daemon(QUICK, home, make_scopes=scopes, signals=[self.somebody])

    def say(self, *users: str) -> None:
        for user in users:
            with self.daemon.scopes.using(user) as agent:
                journal = agent.space.journal
                journal.add_turn(journal.open_session("talk").id, "user", "My dog is called Vex.")

    def looks(self, count: int) -> None:
        for _ in range(count):
            self.daemon.nights.look()
            until(lambda: not self.daemon.nights.sleeping)

    def sleep(self, user: str) -> NightReport:
        with self.daemon.scopes.using(user) as agent:
            return agent.sleep()


@pytest.fixture
def home(tmp_path: Path, nights: Nights) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    yield made
    nights.may_end.set()
    made.daemon.close()


def test_the_daemon_begins_the_nights_of_all_users_one_after_another(home: Home, nights: Nights) -> None:
    nights.may_end.set()
    home.say(OWNER, "ann", "bob", "cat")
    home.looks(1)
    assert nights.begun == ["home"]
    home.looks(6)
    assert sorted(nights.begun) == ["ann", "bob", "cat", "home"]
    home.say("bob")
    home.looks(6)
    assert (nights.begun[4:], nights.most) == (["bob"], 1)


def test_no_guest_is_put_to_sleep_while_somebody_needs_the_machine(home: Home, nights: Nights) -> None:
    nights.may_end.set()
    home.say("ann")
    home.somebody.there = True
    home.looks(3)
    assert nights.begun == []


def test_a_failed_night_of_a_guest_is_no_failure_of_the_owner_and_tried_again_later(
    home: Home, nights: Nights
) -> None:
    nights.may_end.set()
    nights.fails = "ann"
    home.say("ann", "bob")
    home.looks(8)
    assert sorted(nights.begun) == ["ann", "bob"]
    assert home.daemon.nights.tries == Tries()
    with home.daemon.scopes.using("ann") as ann:
        assert read_tries(ann.space.home.path).failures == 1


def test_the_daemon_begins_no_night_beside_one_that_a_guest_asked_for(
    home: Home, nights: Nights, pool: ThreadPoolExecutor
) -> None:
    home.say(OWNER, "ann")
    asked = pool.submit(home.sleep, "ann")
    until(lambda: nights.begun == ["ann"])
    home.looks(2)
    assert (nights.begun, home.daemon.nights.why) == (["ann"], "a night is under way")
    nights.may_end.set()
    asked.result(120)
    home.looks(1)
    assert (nights.begun, nights.most) == (["ann", "home"], 1)


def test_a_night_that_stands_still_goes_on_for_the_guest_who_waits_for_its_end(
    home: Home, nights: Nights, pool: ThreadPoolExecutor
) -> None:
    home.say(OWNER, "ann")
    home.daemon.nights.look()
    until(lambda: nights.begun == ["home"])
    home.somebody.there = True
    home.daemon.nights.look()
    assert home.daemon.agent.way.held
    asked: Future[NightReport] = pool.submit(home.sleep, "ann")
    until(lambda: neighbours.nights() == 2)
    home.daemon.nights.look()
    nights.may_end.set()
    assert asked.result(120).status == "nothing-new"
    assert (nights.begun, nights.most) == (["home", "ann"], 1)
