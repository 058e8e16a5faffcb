"""When a daemon sleeps: over simulated weeks, after failures, and while somebody is at the machine."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from daemon_program import scopes
from night_parts import a_memory
from scripted_engine import BASE, ScriptedEngine
from simulated_time import scheduler_goes_by

from dormouse.graphs import sleep as graph
from dormouse.graphs.night import NightContext
from dormouse.runtime.agent import Agent
from dormouse.runtime.daemon.daemon import Daemon
from dormouse.runtime.daemon.log import Log
from dormouse.runtime.daemon.memory_of_nights import Tries, read_tries, write_tries
from dormouse.runtime.daemon.nights import Nights
from dormouse.runtime.daemon.schedule import Schedule
from dormouse.runtime.idle.abc import Clock, Reading, Signal
from dormouse.runtime.idle.battery import Battery
from dormouse.runtime.idle.last_turn import LastTurn
from dormouse.runtime.idle.quiet_hours import QuietHours
from dormouse.runtime.idle.watch import Watch
from dormouse.runtime.spec import Spec
from dormouse.sleep.errors import NightFailed
from dormouse.sleep.records import NightReport, Progress

START = datetime(2027, 1, 4, 12, tzinfo=UTC)
TICK_S = 600.0
QUIET = "23:00-06:00"
DAYS = 24


def spec(**when: Any) -> Spec:
    settled = {"check_every_s": TICK_S, "debt_days": 1e6, "quiet_hours": [QUIET], **when}
    return Spec.model_validate({"sleep": {"when": settled, "resume_after_s": 0}})


@dataclass
class World:
    """The time, as a wall clock shows it and as it passes; what the machine is doing."""

    passed_s: float = 0.0
    set_by_s: float = 0.0  # how much somebody has set the clock by
    stood_s: float = 0.0  # of what passed, how long the steady clock stood still
    load: bool = False
    last_turn_s: float | None = None
    power_plugged: bool = True
    percent: float = 100.0  # of the battery

    def draw_power(self, rng: random.Random) -> None:
        """A tick of the battery: it is charged in three hours, lasts for seventeen, and now and then somebody
        plugs it in or out.
        """
        if rng.random() < 0.02:
            self.power_plugged = not self.power_plugged
        self.percent = min(100.0, max(0.0, self.percent + (5.0 if self.power_plugged else -1.0)))

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed_s + self.set_by_s)

    @property
    def clock(self) -> Clock:
        return Clock(self.now, lambda: self.passed_s - self.stood_s)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """One whose clock the scheduler's library goes by too."""
    made = World()
    scheduler_goes_by(made.now, monkeypatch)
    return made


class MachineLoad(Signal):
    name = "load"

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self) -> Reading:
        return self.found("simulated", not self._world.load)


@dataclass
class Slept:
    """Stands in for nights: reads every turn that waits, and ends at once."""

    world: World
    at: list[float] = field(default_factory=list)
    fails: int = 0
    long: threading.Event | None = None
    steps: int = 0

    def __call__(self, night: NightContext, progress: Callable[[Progress], None]) -> NightReport:
        self.at.append(self.world.passed_s)
        if self.fails:
            self.fails -= 1
            raise NightFailed("exam", "the lights went out.")
        while self.long is not None and not self.long.is_set():
            night.way.wait()
            self.steps += 1
            progress(Progress("consolidate", self.steps, 9))
            time.sleep(0.001)
        id = night.journal.begin_night(0).id
        night.journal.mark_harvested([turn.id for turn in night.journal.unharvested()], id)
        night.journal.finish_night(id, "nothing-new", None, {})
        return NightReport("nothing-new", None, [], [], None, {}, 0.0, id)


class Machine:
    """A daemon's nights and schedule over one home; it can be switched off, and on again."""

    def __init__(self, world: World, agent: Agent, home: Path) -> None:
        self.world, self.agent, self.home = world, agent, home
        self.log = Log(home)
        self.on()

    def on(self) -> None:
        clock, when = self.world.clock, self.agent.spec.sleep.when

        def age() -> float | None:
            last = self.world.last_turn_s
            return None if last is None else self.world.passed_s - last

        signals = [
            LastTurn(age, when.last_turn_min),
            MachineLoad(self.world),
            Battery(when.min_battery_percent, self.agent.spec.sleep.budget.battery_percent, self._battery),
            QuietHours(when.quiet_hours, clock, lambda: self.nights.owing(), UTC),
        ]
        self.nights = Nights(self.agent, Watch(signals), clock, self.log)
        self.schedule = Schedule(
            self.home,
            clock,
            self.nights.look,
            every_s=when.check_every_s,
            quiet_hours=when.quiet_hours,
            zone=UTC,
        )

    def _battery(self) -> World:
        return self.world

    def off(self) -> None:
        self.nights.join()
        self.schedule.close()

    def tick(self) -> None:
        self.schedule.run_due()
        self.nights.join()

    def say(self) -> None:
        journal = self.agent.space.journal
        journal.add_turn(journal.open_session("talk").id, "user", "My dog is called Vex.")
        self.world.last_turn_s = self.world.passed_s


@pytest.fixture
def slept(world: World, monkeypatch: pytest.MonkeyPatch) -> Slept:
    nights = Slept(world)
    monkeypatch.setattr(graph, "run_night", nights)
    return nights


Make = Callable[..., Machine]


@pytest.fixture
def machine(world: World, slept: Slept, tmp_path: Path) -> Iterator[Make]:
    made: list[Machine] = []

    def make(**when: Any) -> Machine:
        home = tmp_path / "home"
        agent = Agent(spec(**when), home=home, engine=ScriptedEngine(), base=BASE)
        made.append(Machine(world, agent, home))
        return made[-1]

    yield make
    for each in made:
        each.agent.close()
        each.off()
        each.log.close()


def test_every_night_that_should_run_over_24_days_runs_once(
    world: World, slept: Slept, machine: Make
) -> None:
    """Talk, load, battery, restarts, suspends and set clocks by chance; the rule is written out again."""
    rng, running = random.Random(3), machine(min_battery_percent=50)
    expected: list[float] = []
    on_battery = 0
    is_on, waiting = True, 0
    jumps, restarts, suspends = 0, 0, 0
    busy_until, off_until = -1.0, -1.0
    while world.passed_s < DAYS * 86400:
        world.passed_s += TICK_S
        hour = world.now().hour
        if 8 <= hour < 24 and rng.random() < 0.06 and is_on:
            running.say()
            waiting += 1
        if rng.random() < 0.02:
            busy_until = world.passed_s + rng.uniform(0.2, 9) * 3600
        world.load = world.passed_s < busy_until
        world.draw_power(rng)
        if rng.random() < 0.006:
            world.set_by_s += rng.choice((-7200.0, -3600.0, 3600.0, 10800.0))
            jumps += 1
        if rng.random() < 0.006:
            world.passed_s += TICK_S * round(rng.uniform(1, 60))  # nothing runs in a suspend
            world.load = world.passed_s < busy_until
            suspends += 1
        if is_on and rng.random() < 0.01:
            running.off()
            is_on, off_until = False, world.passed_s + rng.uniform(0, 12) * 3600
            restarts += 1
        elif not is_on and world.passed_s >= off_until:
            running.on()
            is_on = True
        if not is_on:
            continue
        now = world.now()
        quiet = now.hour >= 23 or now.hour < 6
        rested = world.last_turn_s is None or world.passed_s - world.last_turn_s >= 600
        powered = world.power_plugged or world.percent >= 50
        if waiting and quiet and rested and powered and not world.load:
            expected.append(world.passed_s)
            on_battery += not world.power_plugged
            waiting = 0
        running.tick()
    assert min(jumps, restarts, suspends) >= 5
    assert on_battery >= 3
    assert slept.at == expected
    assert len(expected) >= DAYS / 2
    assert len(running.agent.space.journal.unharvested()) == waiting


def test_a_look_that_was_missed_at_the_start_of_quiet_hours_is_made_up_for(
    world: World, slept: Slept, machine: Make
) -> None:
    """With looks a day apart, only the trigger of the quiet hours can find the night."""
    running = machine(check_every_s=86400)
    running.tick()
    running.say()
    world.passed_s = 10 * 3600.0  # 22:00
    running.tick()
    assert slept.at == []
    world.passed_s = 13.5 * 3600  # 01:30, after a suspend
    running.tick()
    assert slept.at == [13.5 * 3600]


def test_a_clock_that_is_set_back_puts_no_look_off(world: World, slept: Slept, machine: Make) -> None:
    running = machine(quiet_hours=[])
    running.say()
    world.load = True
    world.passed_s += TICK_S
    running.tick()
    assert slept.at == []
    world.load, world.set_by_s = False, -10800.0
    world.passed_s += TICK_S
    running.tick()
    assert slept.at == [2 * TICK_S]


def test_what_has_waited_too_long_does_not_wait_for_quiet_hours(
    world: World, slept: Slept, machine: Make
) -> None:
    running = machine(debt_days=3)
    running.say()  # dated by the machine's own clock, months before the simulated one
    world.passed_s += TICK_S
    running.tick()
    assert slept.at == [TICK_S]


def test_failing_nights_are_tried_again_later_and_later(world: World, slept: Slept, machine: Make) -> None:
    running = machine(quiet_hours=[], retry_min=30)
    slept.fails = 3
    running.say()
    for _ in range(60):
        world.passed_s += TICK_S
        if world.passed_s == 20 * TICK_S:
            running.off()
            running.on()
        running.tick()
    ticks = [round(at / TICK_S) for at in slept.at]
    assert ticks == [1, 4, 10, 22]  # half an hour, one, two, over a restart too; then it worked
    assert running.nights.tries == Tries()
    running.say()
    world.passed_s += TICK_S
    running.tick()
    assert len(slept.at) == 5


def test_a_clock_set_back_does_not_put_a_try_off_for_years() -> None:
    failed = Tries().failed(START, "x")
    assert failed.wait_s(START - timedelta(days=900), 30) == 1800
    assert Tries(99, START.isoformat(), "x").wait_s(START, 30) == 86400
    assert Tries().wait_s(START, 30) == 0


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"failures": 1, "failed_at": "no", "reason": ""}', "\x00"]
)
def test_a_damaged_memory_of_nights_is_no_memory(tmp_path: Path, text: str) -> None:
    write_tries(tmp_path, Tries(2, START.isoformat(), "x"))
    assert read_tries(tmp_path) == Tries(2, START.isoformat(), "x")
    (tmp_path / "tries.json").write_text(text)
    assert read_tries(tmp_path) == Tries()


def test_a_night_of_its_own_stands_still_while_somebody_needs_the_machine(
    world: World, slept: Slept, machine: Make
) -> None:
    running = machine(quiet_hours=[])
    slept.long = threading.Event()
    running.say()
    world.passed_s += TICK_S
    running.schedule.run_due()
    until(lambda: slept.steps > 0)
    world.load = True
    world.passed_s += TICK_S
    running.schedule.run_due()
    before = slept.steps
    time.sleep(0.1)
    assert slept.steps <= before + 1  # the one that was being taken
    assert "stands still" in running.nights.why
    world.load = False
    world.passed_s += TICK_S
    running.schedule.run_due()
    until(lambda: slept.steps > before)
    slept.long.set()


def test_a_night_that_is_asked_for_is_held_up_by_nobody(world: World, slept: Slept, machine: Make) -> None:
    running = machine(quiet_hours=[])
    slept.long = threading.Event()
    running.say()
    world.passed_s += TICK_S
    running.schedule.run_due()
    until(lambda: slept.steps > 0)
    world.load = True
    world.passed_s += TICK_S
    running.schedule.run_due()
    asked = threading.Thread(target=running.agent.sleep)
    asked.start()
    before = slept.steps
    until(lambda: slept.steps > before)
    world.passed_s += TICK_S
    running.schedule.run_due()
    before = slept.steps
    until(lambda: slept.steps > before)
    slept.long.set()
    asked.join(120)
    assert not asked.is_alive()


def test_what_is_due_again_begins_no_night_and_waits_for_one_with_talk(
    world: World, slept: Slept, machine: Make
) -> None:
    """As what a night could not teach: a version that is rolled back again and again is not made for ever."""
    running = machine(quiet_hours=[])
    running.say()
    world.passed_s += TICK_S
    running.tick()
    running.agent.space.journal.put_memories([a_memory("dog", "name", "Vex", state="consolidated")])
    assert [memory.state for memory in running.agent.memories()] == ["admitted"]
    for _ in range(3):
        world.passed_s += TICK_S
        running.tick()
    assert (len(slept.at), running.nights.why) == (1, "0 turns to sleep on, at least 1")
    running.say()
    world.passed_s += TICK_S
    running.tick()
    assert len(slept.at) == 2


def test_sleep_can_be_declared_off(world: World, slept: Slept, machine: Make) -> None:
    running = machine(quiet_hours=[], enabled=False)
    running.say()
    world.passed_s += TICK_S
    running.tick()
    assert (slept.at, running.nights.why) == ([], "sleep.when.enabled is false")


class Story:
    """A daemon from `run` to `stop` over the clock of a world, and what happens meanwhile: hour by event."""

    def __init__(self, world: World, home: Path, **when: Any) -> None:
        self.world, self.events = world, list[tuple[float, Callable[[], None]]]()
        clock = Clock(world.now, world.clock.elapsed, self._wait)
        settled = spec(**when)
        quiet = QuietHours(settled.sleep.when.quiet_hours, clock, zone=UTC)
        rested = LastTurn(self._turn_age_s, settled.sleep.when.last_turn_min)
        signals = [rested, quiet, MachineLoad(world)]
        self.daemon = Daemon(settled, home, make_scopes=scopes, clock=clock, signals=signals)

    def run(self, *events: tuple[float, Callable[[], None]]) -> None:
        """Until the hour of the last event, which is the daemon's last."""
        self.events = list(events)
        self.daemon.run()

    def say(self) -> None:
        journal = self.daemon.agent.space.journal
        journal.add_turn(journal.open_session("talk").id, "user", "My dog is called Vex.")
        self.world.last_turn_s = self.world.passed_s

    def set_load(self, busy: bool) -> None:
        self.world.load = busy

    def _turn_age_s(self) -> float | None:
        last = self.world.last_turn_s
        return None if last is None else self.world.passed_s - last

    def _wait(self, told: threading.Event, seconds: float) -> None:
        self.daemon.nights.join()
        self.world.passed_s += seconds
        while self.events and self.world.passed_s >= 3600 * self.events[0][0]:
            self.events.pop(0)[1]()
            if not self.events:
                told.set()


@pytest.fixture
def story(
    world: World, slept: Slept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Story]:
    monkeypatch.setattr("dormouse.runtime.daemon.daemon.Schedule", partial(Schedule, zone=UTC))
    return lambda **when: Story(world, tmp_path / "home", **when)


def nothing() -> None:
    pass


def test_a_daemon_that_runs_begins_the_nights_that_are_due_and_no_others(
    slept: Slept, story: Callable[..., Story]
) -> None:
    """It begins at noon, and looks every half hour and at 14:00."""
    told = story(check_every_s=1800, quiet_hours=["14:00-16:00"])
    told.run(
        (0.6, told.say),
        (1.9, told.say),  # too soon before 14:00; 14:30 is the next look
        (2.7, told.say),
        (2.9, lambda: told.set_load(True)),
        (3.2, lambda: told.set_load(False)),
        (3.6, told.say),  # and 16:00 is not within the hours
        (5.0, nothing),
    )
    assert [round(at / 60) for at in slept.at] == [150, 210]


def suspended(world: World) -> None:
    world.passed_s = 13.5 * 3600


def suspended_with_the_steady_clock(world: World) -> None:
    suspended(world)
    world.stood_s = 12.5 * 3600


def set_ahead(world: World) -> None:
    world.set_by_s = 12.5 * 3600


@pytest.mark.parametrize("event", [suspended, suspended_with_the_steady_clock, set_ahead])
def test_a_daemon_that_looks_once_a_day_notices_within_a_minute_that_it_is_night(
    world: World, slept: Slept, story: Callable[..., Story], event: Callable[[World], None]
) -> None:
    """At 13:00 it is suddenly 01:30, and a look was due at 23:00."""
    told, at = story(check_every_s=86400), list[float]()

    def jump() -> None:
        event(world)
        at.append(world.passed_s)
        told.events = [(world.passed_s / 3600 + 0.1, nothing)]

    told.run((0.1, told.say), (1.0, jump), (99.0, nothing))
    assert len(slept.at) == 1
    assert at[0] <= slept.at[0] <= at[0] + 65


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)
