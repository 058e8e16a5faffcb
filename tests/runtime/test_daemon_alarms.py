"""What a daemon is worried about: each alarm is said once while it lasts, and a full disk does not end it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from daemon_program import scopes
from simulated_time import scheduler_goes_by
from sqlalchemy.exc import OperationalError

from dormouse.memory.errors import JournalError
from dormouse.runtime.daemon import daemon as daemon_module
from dormouse.runtime.daemon.alarms import Alarm, News
from dormouse.runtime.daemon.daemon import Daemon
from dormouse.runtime.daemon.log import log_path
from dormouse.runtime.doors.attached import AttachedAgent
from dormouse.runtime.idle.abc import Clock, Reading, Signal
from dormouse.runtime.spec import Spec
from dormouse.runtime.views import status


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Counting(Signal):
    """Somebody is always at the machine, and says something else at each look."""

    name = "load"

    def __init__(self) -> None:
        self.looks = 0

    def read(self) -> Reading:
        self.looks += 1
        return self.found(f"others use {self.looks / 100:.2f} cores", False)


class House:
    """A daemon whose clock and disk are set by hand."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, **daemon: Any) -> None:
        self.passed_s, self.free_gib = 0.0, 50.0
        self.shown: list[str] = []
        self.wait: Callable[[threading.Event, float], None] = lambda told, seconds: None
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, int(self.free_gib * (1 << 30))))
        monkeypatch.setattr(daemon_module, "desktop_notification", self.shown.append)
        start = datetime.now(UTC)
        clock = Clock(
            lambda: start + timedelta(seconds=self.passed_s),
            lambda: self.passed_s,
            lambda told, seconds: self.wait(told, seconds),
        )
        scheduler_goes_by(clock.now, monkeypatch)
        spec = Spec.model_validate({"daemon": {"desktop_alarms": True, **daemon}})
        self.daemon = Daemon(spec, home, make_scopes=scopes, clock=clock, signals=[Counting()])

    def minutes(self, count: int) -> None:
        for _ in range(count):
            self.passed_s += 60
            self.daemon.nights.look()
            self.daemon.keep_house()

    @property
    def kinds(self) -> list[str]:
        """Of the alarms in the log, in their order."""
        lines = [json.loads(line) for line in log_path(self.daemon.home).read_text().splitlines()]
        return [line["kind"] for line in lines if line["event"] == "alarm"]

    def barren_night(self, turns: int) -> None:
        journal = self.daemon.agent.space.journal
        id = journal.begin_night(0).id
        journal.finish_night(id, "nothing-new", None, {"turns": turns, "admitted": 0})


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path / "home", monkeypatch)
    yield made
    made.daemon.close()


def test_an_alarm_whose_words_change_at_every_look_is_said_once(house: House) -> None:
    journal = house.daemon.agent.space.journal
    journal.add_turn(journal.open_session("talk").id, "user", "My dog is called Vex.")
    house.minutes(3)
    assert house.kinds == []
    house.passed_s += 7 * 86400
    before = house.daemon.status().alarms
    house.minutes(50)
    assert len({*before, *house.daemon.status().alarms}) == 2
    assert (house.kinds, len(house.shown)) == (["debt"], 1)


def test_an_alarm_that_ended_is_said_again_when_it_comes_back(house: House) -> None:
    house.free_gib = 0.9
    house.minutes(5)
    house.free_gib = 20.0
    house.minutes(30)
    assert house.kinds == ["disk"]
    house.free_gib = 0.5
    house.minutes(5)
    assert house.kinds == ["disk", "disk"]


def test_what_comes_and_goes_around_a_limit_is_one_alarm_and_two_kinds_are_two() -> None:
    news, disk, debt = News(), Alarm("disk", "The disk is full."), Alarm("debt", "A night is overdue.")
    assert news.of([disk]) == [disk]
    for _ in range(20):
        assert news.of([]) == []
        assert news.of([disk]) == []
    assert news.of([disk, debt]) == [debt]


def test_the_daemon_and_the_status_raise_one_and_the_same_alarm_for_barren_nights(house: House) -> None:
    for _ in range(3):
        house.barren_night(turns=0)
    assert house.daemon.status().alarms == ()
    for _ in range(3):
        house.barren_night(turns=4)
    alarm = house.daemon.status().alarms
    assert len(alarm) == 1
    assert status(house.daemon.agent.space).alarms == alarm


def test_a_home_that_cannot_be_read_is_an_alarm_beside_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise JournalError(house.daemon.home, "it is broken")

    monkeypatch.setattr(house.daemon.agent.space.journal, "nights", broken)
    house.free_gib = 0.5
    house.minutes(1)
    assert house.kinds == ["disk", "home"]


def test_a_disk_that_fills_up_does_not_end_the_daemon_which_goes_on_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Minutes 10 to 20 of a daemon that runs for 30."""
    house = House(tmp_path / "home", monkeypatch)
    daemon, written = house.daemon, list[float]()
    served, alarmed = list[str](), dict[int, tuple[str, ...]]()
    update = SQLAlchemyJobStore.update_job

    def updated(store: SQLAlchemyJobStore, job: Any) -> None:
        if 600 <= house.passed_s < 1200:
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise OperationalError("UPDATE", {}, full)
        update(store, job)
        written.append(house.passed_s)

    def wait(told: threading.Event, seconds: float) -> None:
        minute = int(house.passed_s // 60)
        if minute in (5, 15, 25) and minute not in alarmed:
            with AttachedAgent(home=daemon.home) as client:
                served.append(client.ask("hello").answer)
            alarmed[minute] = daemon.status().alarms
        house.passed_s += seconds
        if house.passed_s > 1800:
            told.set()

    monkeypatch.setattr(SQLAlchemyJobStore, "update_job", updated)
    house.wait = wait
    daemon.run()
    assert served == ["You said: hello"] * 3
    assert [len(alarmed[minute]) for minute in (5, 15, 25)] == [0, 1, 0]
    assert "the disk is full" in alarmed[15][0]
    assert house.kinds == ["disk"]
    assert max(written) >= 1740
