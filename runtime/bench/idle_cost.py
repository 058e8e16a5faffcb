"""`bench idle`: what a daemon costs while nobody needs it: processor, memory, and what its looks leave.

Promise: the daemon is the one a user runs, in processes of its own; the looks are those of the same daemon in
this process, under a clock that is set ahead. Knows processes and clocks.
"""

from __future__ import annotations

import gc
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from ..daemon.daemon import Daemon, MakeScopes, own_scopes
from ..daemon.service import Service
from ..doors.attached import AttachedAgent
from ..errors import BenchFailed
from ..idle.abc import Clock, Reading, Signal
from ..idle.load import Load
from ..idle.watch import signals_for
from ..spec import Spec
from .kept_daemon import PATIENCE_S, KeptDaemon
from .report import BenchReport, Say, Target, figures_of, gathered, surroundings

_UNLOAD_MIN = 0.2
_SETTLED = 100  # looks after which what is kept once and for all is there
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Rested:
    """MiB resident before the engine was opened, with it, and once it was given back; seconds until that;
    the share of a core used since, over so many seconds.
    """

    fresh_mib: float
    loaded_mib: float
    unloaded_mib: float
    unload_s: float
    core_share: float
    over_s: float


@dataclass(frozen=True, slots=True)
class Looks:
    """What so many looks of a daemon left: objects and MiB more than after the first ones."""

    looks: int
    objects: int
    mib: float


def bench_idle(spec: Spec, minutes: float, looks: int, say: Say) -> BenchReport:
    """Measures a daemon at rest. Raises BenchFailed when its engine is not given back."""
    where, started = surroundings(spec), time.monotonic()
    small = spec.model_copy(
        update={"daemon": spec.daemon.model_copy(update={"unload_after_min": _UNLOAD_MIN})}
    )
    with TemporaryDirectory(prefix="dormouse-bench-") as folder:
        file = Path(folder, "idle.yaml")
        file.write_text(json.dumps(small.model_dump(mode="json")), encoding="utf-8")
        rested = at_rest(Service(Path(folder, "home"), file), 60 * minutes, say)
        say(f"{100 * rested.core_share:.2f}% of a core; now {looks} looks under a clock that is set ahead")
        left = looked(spec, Path(folder, "looked"), looks)
    named = {name: [float(value)] for name, value in {**asdict(rested), **asdict(left)}.items()}
    figures = figures_of(named)
    targets = [
        Target("core_share", "at most", 0.005, rested.core_share),
        Target("looks", "at least", float(looks), float(left.looks)),
        Target("objects_a_look", "at most", 0.1, left.objects / max(1, left.looks)),
        Target("mib", "at most", 8.0, left.mib),
    ]
    return gathered("idle", where, small, [], time.monotonic() - started, figures, targets, [])


def at_rest(service: Service, seconds: float, say: Say) -> Rested:
    """A daemon that is asked once, and then left alone for so long."""
    with KeptDaemon(service.command, service.home) as kept:
        both = [psutil.Process(kept.pid), psutil.Process(kept.keeper_pid)]
        fresh = _resident_mib(both)
        with AttachedAgent(home=service.home, returns_s=PATIENCE_S) as agent:
            agent.ask("Who are you?")
            loaded, asked = _resident_mib(both), time.monotonic()
            while (agent.daemon() or {}).get("engine_loaded"):
                if time.monotonic() - asked > PATIENCE_S + 60 * _UNLOAD_MIN:
                    raise BenchFailed("idle", "the engine was not given back")
                time.sleep(1.0)
        unload_s = time.monotonic() - asked
        unloaded = _resident_mib(both)
        say(f"{fresh:.0f} MiB fresh, {loaded:.0f} with the engine, {unloaded:.0f} without it again")
        began, used = time.monotonic(), _used_s(both)
        time.sleep(seconds)
        over = time.monotonic() - began
        return Rested(fresh, loaded, unloaded, unload_s, (_used_s(both) - used) / over, over)


def looked(spec: Spec, home: Path, looks: int, make: MakeScopes = own_scopes) -> Looks:
    """What the looks of a daemon leave. Before each its clock jumps, so that all is planned anew."""
    passed_s, counter = [0.0], _Counter()
    clock = Clock(elapsed=lambda: passed_s[0])
    signals = [*_signals(spec, clock), counter]
    daemon = Daemon(spec, home, make_scopes=make, clock=clock, signals=signals)
    before, counted = (0, 0.0), 0
    try:
        for number in range(looks + _SETTLED):
            passed_s[0] += max(60.0, spec.sleep.when.check_every_s)
            daemon.schedule.run_due()
            daemon.keep_house()
            if number == _SETTLED - 1:
                before, counted = _held(), counter.looks
        after = _held()
    finally:
        daemon.close()
    return Looks(counter.looks - counted, after[0] - before[0], after[1] - before[1])


class _Counter(Signal):
    """Counts the looks, and knows nothing."""

    name = "counter"

    def __init__(self) -> None:
        self.looks = 0

    def read(self) -> Reading:
        self.looks += 1
        return self.found("counted", None)


def _signals(spec: Spec, clock: Clock) -> list[Signal]:
    """Those of the daemon, of which the one that measures the load does not take its time."""
    when = spec.sleep.when
    found = signals_for(when, spec.sleep.budget, clock, lambda: None, lambda: False)
    return [Load(when.max_load_cores, least_s=0.0) if isinstance(each, Load) else each for each in found]


def _held() -> tuple[int, float]:
    """Objects the collector knows, and MiB resident, of this process."""
    gc.collect()
    return len(gc.get_objects()), psutil.Process().memory_info().rss / _MIB


def _resident_mib(processes: list[psutil.Process]) -> float:
    return sum(float(each.memory_info().rss) for each in processes) / _MIB


def _used_s(processes: list[psutil.Process]) -> float:
    return sum(float(each.cpu_times().user + each.cpu_times().system) for each in processes)
