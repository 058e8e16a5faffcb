"""The daemon's nights: begun when there is something to learn and nobody minds, halted while somebody does.

Promise: a night that should run runs once, one that failed is tried again later and later, and a night that
the user asked for is never held up by anything but turns. Knows the agent, the watch and the time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ...memory.errors import DormouseError
from ...sleep.errors import NightStopped
from ...sleep.right_of_way import SOMEBODY
from ..agent import Agent
from ..idle.abc import Clock, Reading
from ..idle.watch import LAST_TURN, Watch, busy, idle
from .log import Log
from .memory_of_nights import read_tries, write_tries

if TYPE_CHECKING:
    from ...sleep.records import NightReport


class Nights:
    """`look` is called every minute or so, from one thread."""

    def __init__(self, agent: Agent, watch: Watch, clock: Clock, log: Log) -> None:
        self._agent, self._watch, self._clock, self._log = agent, watch, clock, log
        self._when = agent.spec.sleep.when
        self._home = agent.space.home.path
        self.tries = read_tries(self._home)
        self._own: threading.Thread | None = None
        self.why = "no look was taken yet"
        """What the last look decided, in words."""

    @property
    def sleeping(self) -> bool:
        """Whether a night that the daemon began is under way."""
        return self._own is not None and self._own.is_alive()

    def look(self) -> None:
        """Read the signals; begin a night, halt it, or have it go on."""
        readings = self._watch.look()
        if self.sleeping:
            self._mind(readings)
            return
        self.why = self._reason_not_to(readings)
        if not self.why:
            self.why = "a night was begun"
            self._begin()

    def owing(self) -> bool:
        """Whether something has waited for a night longer than `sleep.when.debt_days`."""
        return self.debt_days() > self._when.debt_days

    def debt_days(self) -> float:
        """How long the oldest turn has waited, in days."""
        oldest = self.waiting_since()
        return 0.0 if oldest is None else (self._clock.now() - oldest).total_seconds() / 86400

    def waiting_since(self) -> datetime | None:
        """When the oldest turn was said that no night has read yet."""
        waiting = self._agent.space.journal.unharvested()
        return min((turn.created_at for turn in waiting), default=None)

    def join(self) -> None:
        """Wait for the end of a night that was stopped."""
        if self._own is not None:
            self._own.join()

    def _reason_not_to(self, readings: Sequence[Reading]) -> str:
        if not self._when.enabled:
            return "sleep.when.enabled is false"
        if self._agent.sleeping is not None:
            return "a night is under way"
        journal = self._agent.space.journal
        waiting = len(journal.unharvested())
        if journal.running_night() is None and waiting < self._when.min_turns:
            return f"{waiting} turns to sleep on, at least {self._when.min_turns}"
        wait = self.tries.wait_s(self._clock.now(), self._when.retry_min)
        if wait > 0:
            return f"the last night failed; the next try is in {wait / 60:.0f} min"
        if not idle(readings):
            return "; ".join(f"{each.signal}: {each.words}" for each in busy(readings)) or "no signal knows"
        return ""

    def _mind(self, readings: Sequence[Reading]) -> None:
        """Turns hold the night up by themselves; here it is about whatever else the signals say."""
        night = self._agent.sleeping
        if night is not None and night.joiners > 1:  # somebody asked for it meanwhile, and waits
            return
        others = [reading for reading in busy(readings) if reading.signal != LAST_TURN]
        held = SOMEBODY in self._agent.way.reasons
        if others and not held:
            self.why = "the night stands still: " + "; ".join(f"{r.signal}: {r.words}" for r in others)
            self._log("night halted", why=self.why)
            self._agent.way.hold(SOMEBODY)
        elif held and not others:
            self.why = "the night goes on"
            self._log("night goes on")
            self._agent.way.lift(SOMEBODY)

    def _begin(self) -> None:
        self._watch.begin_night()
        self._log("night began", turns=len(self._agent.space.journal.unharvested()))
        self._own = threading.Thread(target=self._sleep, name="dormouse-own-night", daemon=True)
        self._own.start()

    def _sleep(self) -> None:
        began = time.monotonic()
        try:
            report = self._agent.sleep()
        except NightStopped:
            self._log("night stopped")
        except DormouseError as error:
            self._failed(str(error))
        except Exception as error:  # noqa: BLE001 (a fault in a night must not end the daemon: it is logged, and tried again)
            self._log("fault", logging.ERROR, error=repr(error))
            self._failed(f"a fault in Dormouse ({type(error).__name__}: {error})")
        else:
            self._ended(report, time.monotonic() - began)
        finally:
            self._watch.end_night()
            self._agent.way.lift(SOMEBODY)

    def _ended(self, report: NightReport, seconds: float) -> None:
        self._log(
            "night ended",
            night=report.night,
            status=report.status,
            adapter=report.adapter,
            memories=len(report.memories),
            seconds=round(seconds, 1),
            held_s=round(self._agent.way.held_s, 1),
        )
        if self.tries.failures:
            self.tries = type(self.tries)()
            write_tries(self._home, self.tries)

    def _failed(self, reason: str) -> None:
        self.tries = self.tries.failed(self._clock.now(), reason)
        wait_min = self.tries.wait_s(self._clock.now(), self._when.retry_min) / 60
        self._log(
            "night failed", logging.WARNING, reason=reason, failures=self.tries.failures, wait_min=wait_min
        )
        write_tries(self._home, self.tries)
