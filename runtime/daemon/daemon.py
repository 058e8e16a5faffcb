"""The daemon itself: opens the home and its door, looks at the clock, and ends cleanly when it is told to.

Promise: one a home; it waits for a home that another program has open; whatever ends it, the journal is whole
and the next one goes on. Knows the parts and their order.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from ...memory.durable import storage_faults, write_atomic
from ...memory.errors import DormouseError
from ...memory.home import default_home
from .. import neighbours
from ..doors.client import mark_path
from ..doors.server import DoorServer
from ..idle.abc import Clock, Signal
from ..idle.watch import Watch, signals_for
from ..scopes import OWNER, Scopes
from ..spec import Spec
from .alarms import Alarm, News, alarms
from .holders import COMMAND, once_free
from .keeper import KEEPER
from .log import Log
from .nights import Nights
from .notify import desktop_notification, notify, watchdog_s
from .schedule import Schedule
from .status import DaemonStatus, daemon_status

_PULSE_S = 5.0
_ROUND_S = 60.0  # between two rounds at most, so that a suspend or a clock that was set is noticed

MakeScopes = Callable[[Spec, Path], Scopes]


def own_scopes(spec: Spec, home: Path) -> Scopes:
    """The agents of a daemon: its owner's, and those of the home's other users once they are called for."""
    return Scopes(spec, home, owner=OWNER, command=COMMAND, attach=False)


class Daemon:
    """Opens everything as it is made. `run` returns after `stop`.

    `make_scopes`, `clock` and `signals` replace the real ones. Raises DaemonRunning when the home has one,
    and what opening an agent raises. `wait` False raises HomeLocked where otherwise it is waited for.
    """

    def __init__(
        self,
        spec: Spec,
        home: Path | None = None,
        *,
        make_scopes: MakeScopes = own_scopes,
        clock: Clock | None = None,
        signals: Sequence[Signal] | None = None,
        wait: bool = True,
    ) -> None:
        self.home = Path(os.path.abspath((home or default_home()).expanduser()))
        self._clock = clock or Clock()
        self._stop, self._settings = threading.Event(), spec.daemon
        self._since = datetime.now(UTC).isoformat(timespec="seconds")
        self._news, self._fault = News(), ""
        self._loaded_since, self._kept_house = self._clock.elapsed(), float("-inf")
        with ExitStack() as opened:
            self.scopes = opened.enter_context(self._opened(spec, make_scopes, wait))
            self.agent = self.scopes.owner
            self.agent.ticking = self._clock.elapsed
            self.log = Log(self.home)
            opened.callback(self.log.close)
            self._began_s = self._age_of_last_journaled_turn()
            when = spec.sleep.when
            parts = signals or signals_for(
                when, spec.sleep.budget, self._clock, self.last_turn_s, lambda: self.nights.owing()
            )
            self.watch = Watch(parts)
            self.nights = Nights(self.agent, self.watch, self._clock, self.log, self.scopes)
            self.schedule = Schedule(
                self.home,
                self._clock,
                self.nights.look,
                every_s=when.check_every_s,
                quiet_hours=when.quiet_hours,
            )
            opened.callback(self.schedule.close)
            self.door = DoorServer(
                self.agent,
                self.home,
                {"status": lambda _: self.status(), "warnings": lambda agent: list(agent.warnings)},
                self.scopes.using,
            )
            opened.callback(self.door.close)
            self._mark()
            self._closing = opened.pop_all()

    def run(self) -> None:
        """Until `stop`. Everything is closed when it returns."""
        notify("READY=1", f"STATUS=Serving {self.home}")
        self.log("ready", pid=os.getpid(), home=str(self.home))
        pulse, due = min(_PULSE_S, watchdog_s() or _PULSE_S), float("-inf")
        try:
            while not self._stop.is_set():
                if self._clock.elapsed() >= due:  # not at each pulse: to look costs 20 ms
                    wait = self._looked()
                    due = self._clock.elapsed() + wait
                self.keep_house()
                notify("WATCHDOG=1")
                self._clock.wait(self._stop, max(0.0, min(due - self._clock.elapsed(), pulse)))
        finally:
            notify("STOPPING=1")
            self.close()

    def stop(self) -> None:
        """End `run`, soon. May be called from a signal handler."""
        self._stop.set()

    def close(self) -> None:
        """Hang up, stop a night where it is, close the home. Safe to call twice."""
        mark_path(self.home).unlink(missing_ok=True)  # clients need not wait for it to come back
        self.log("stopping")
        self._closing.close()

    def status(self) -> DaemonStatus:
        """What `dormouse status` shows of it; before the first look at the machine it looks for that."""
        readings = self.watch.readings or self.watch.look()
        return daemon_status(
            self.agent, self.nights, readings, self._since, self.door.clients, self._alarms()
        )

    def keep_house(self) -> None:
        """Once a minute: unload what nobody has used for long, and say what is wrong, once."""
        now = self._clock.elapsed()
        if now - self._kept_house < _ROUND_S:
            return
        self._kept_house, last = now, self.last_turn_s()
        used = now - self._loaded_since if last is None else min(now - self._loaded_since, last)
        if self.scopes.in_use and not neighbours.nights():
            if used > 60 * self._settings.unload_after_min and self.scopes.unload():
                self.log("engine unloaded")
        else:
            self._loaded_since = now
        for alarm in self._news.of(self._alarms()):
            self.log("alarm", 30, kind=alarm.kind, text=alarm.text)
            if self._settings.desktop_alarms:
                desktop_notification(alarm.text)

    def last_turn_s(self) -> float | None:
        """Seconds since the last turn at any door, before the last restart too; None when there was none."""
        last = self.scopes.last_turn
        if last is not None:
            return self._clock.elapsed() - last
        return None if self._began_s is None else self._began_s + self._clock.elapsed() - self._started

    def _looked(self) -> float:
        """Make the looks that are due; seconds until the next. What cannot be written is tried again then."""
        try:
            wait, self._fault = self.schedule.run_due(), ""
        except DormouseError as error:
            wait, self._fault = _ROUND_S, str(error)
        return min(wait, _ROUND_S)

    def _alarms(self) -> tuple[Alarm, ...]:
        return alarms(self.agent, self.nights, self._fault)

    def _opened(self, spec: Spec, make_scopes: MakeScopes, wait: bool) -> Scopes:
        return once_free(self.home, lambda: make_scopes(spec, self.home), wait=wait)

    def _age_of_last_journaled_turn(self) -> float | None:
        self._started = self._clock.elapsed()
        said = self.agent.space.journal.last_turn_at()
        return None if said is None else max(0.0, (self._clock.now() - said).total_seconds())

    def _mark(self) -> None:
        about = {"pid": os.getpid(), "keeper": os.environ.get(KEEPER), "since": self._since}
        with storage_faults(self.home):
            write_atomic(mark_path(self.home), json.dumps(about).encode())
