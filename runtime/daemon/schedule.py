"""When the daemon looks whether to sleep: every so often, and at the start of quiet hours.

Promise: a look that was missed, by a restart, a suspend or a jump of the clock, is made up for once. The jobs
are kept in the home, and what cannot be written there is an error of the home. Knows times; nothing of what a
look finds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.exc import DBAPIError

from ...memory.durable import storage_faults
from ...memory.errors import DiskFull, HomeError
from ..idle.abc import Clock
from ..idle.quiet_hours import parsed

_CHECK = "check"
_JUMP_S = 30.0
_looks: dict[str, Callable[[], None]] = {}


def look(home: str) -> None:
    """What the kept jobs name: calls the look of the schedule that is open for that home."""
    _looks[home]()


class _ByHand(BaseScheduler):  # type: ignore[misc]
    """Runs what is due when it is asked to, in the thread that asks."""

    def wakeup(self) -> None:
        pass

    def shutdown(self, wait: bool = True) -> None:
        super().shutdown(wait)

    def due(self) -> float | None:
        """Run what is due; seconds until the next."""
        wait: float | None = self._process_jobs()
        return wait


class Schedule:
    """Calls `look` when it is time to. One thread uses it. `zone` is the local one when None.

    Raises DiskFull and HomeError where the jobs cannot be written; what is due is then due the next time too.
    """

    def __init__(
        self,
        home: Path,
        clock: Clock,
        look_now: Callable[[], None],
        *,
        every_s: float,
        quiet_hours: Sequence[str],
        zone: tzinfo | None = None,
    ) -> None:
        self._home, self._clock, self._every_s, self._quiet_hours = home, clock, every_s, quiet_hours
        self._key = str(home)
        self._apart = self._offset()
        _looks[self._key] = look_now
        jobs = home / "schedule.db"
        options: dict[str, Any] = {} if zone is None else {"timezone": zone}
        with self._faults():
            jobs.touch(mode=0o600)
            self._scheduler = _ByHand(
                jobstores={"default": SQLAlchemyJobStore(url=f"sqlite:///{jobs}")},
                executors={"default": DebugExecutor()},
                job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
                **options,
            )
            self._scheduler.start()
            self._plan(anew=False)

    def run_due(self) -> float:
        """Make the looks that are due; seconds until the next."""
        apart = self._offset()
        with self._faults():
            if abs(apart - self._apart) > _JUMP_S:  # the clock was set, and what was planned by it is off
                self._plan(anew=True)
            self._apart = apart
            wait = self._scheduler.due()
        return self._every_s if wait is None else float(wait)

    @property
    def planned(self) -> tuple[datetime, ...]:
        """When the next looks are."""
        return tuple(job.next_run_time for job in self._scheduler.get_jobs())

    def close(self) -> None:
        """Keep the jobs, stop running them. Safe to call twice."""
        if _looks.pop(self._key, None) is not None:
            self._scheduler.shutdown(wait=False)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        with storage_faults(self._home):
            try:
                yield
            except DBAPIError as error:
                if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                    raise DiskFull(self._home) from error
                raise HomeError(self._home, f"its schedule cannot be kept ({error.orig})") from error

    def _every(self, zone: tzinfo) -> IntervalTrigger:
        # It would begin by a clock of its own.
        return IntervalTrigger(seconds=self._every_s, start_date=self._clock.now(), timezone=zone)

    def _offset(self) -> float:
        return self._clock.now().timestamp() - self._clock.elapsed()

    def _plan(self, *, anew: bool) -> None:
        """Each job as it is declared; one that is kept as such keeps its time too, so that a miss shows."""
        zone = self._scheduler.timezone
        wanted: dict[str, Any] = {_CHECK: self._every(zone)}
        for span in self._quiet_hours:
            begin, _ = parsed(span)
            wanted[f"quiet hours {span}"] = CronTrigger(hour=begin.hour, minute=begin.minute, timezone=zone)
        for job in self._scheduler.get_jobs():
            if job.id not in wanted:
                job.remove()
        for id, trigger in wanted.items():
            kept = self._scheduler.get_job(id)
            if kept is None or anew or str(kept.trigger) != str(trigger):
                first = {"next_run_time": self._clock.now()} if id == _CHECK else {}
                self._scheduler.add_job(look, trigger, [self._key], id=id, replace_existing=True, **first)
        # Whatever was kept, the daemon looks as it starts: what it had seen before is stale.
        self._scheduler.modify_job(_CHECK, next_run_time=self._clock.now())
