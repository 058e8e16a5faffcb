"""The daemon's nights: begun when there is something to learn and nobody minds, halted while somebody does.

Promise: a night that should run runs once, one that failed is tried again later and later, and a night that
a user asked for is held up by nothing but turns and the end of the night before it. The owner's come first,
then those of the home's other users, one after another. Knows agents, the watch and the time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from ...memory.errors import DormouseError
from ...sleep.errors import NightStopped
from ...sleep.right_of_way import SOMEBODY
from .. import neighbours
from ..agent import Agent
from ..idle.abc import Clock, Reading
from ..idle.watch import LAST_TURN, Watch, busy, idle
from .log import Log
from .memory_of_nights import Tries, read_tries, write_tries

if TYPE_CHECKING:
    from ...sleep.records import NightReport


class Guests(Protocol):
    """The home's other users, and their agents."""

    @property
    def guests(self) -> Sequence[str]: ...

    def using(self, user: str) -> AbstractContextManager[Agent]: ...


class Nights:
    """`look` is called every minute or so, from one thread. `tries` are the owner's."""

    def __init__(
        self, agent: Agent, watch: Watch, clock: Clock, log: Log, guests: Guests | None = None
    ) -> None:
        self._agent, self._watch, self._clock, self._log = agent, watch, clock, log
        self._guests, self._guest = guests, 0
        self._left_out: dict[str, str] = {}
        self._when = agent.spec.sleep.when
        self.tries = read_tries(agent.space.home.path)
        self._own: threading.Thread | None = None
        self._sleeper = agent
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
        barred, minded = self._barred(), self._minded(readings)
        self.why = barred or self._nothing_for(self._agent, self.tries) or minded
        if not self.why:
            self._begin(self._agent)
            self.why = "a night was begun"
        elif not barred and not minded and self._guests is not None:
            self._look_at_a_guest(self._guests)

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

    def _barred(self) -> str:
        """Why no night may be begun, whoever were at the machine."""
        if not self._when.enabled:
            return "sleep.when.enabled is false"
        return "a night is under way" if neighbours.nights() else ""

    def _minded(self, readings: Sequence[Reading]) -> str:
        """Who would mind a night."""
        if idle(readings):
            return ""
        return "; ".join(f"{each.signal}: {each.words}" for each in busy(readings)) or "no signal knows"

    def _nothing_for(self, agent: Agent, tries: Tries) -> str:
        """Why this agent needs no night now."""
        journal = agent.space.journal
        waiting = len(journal.unharvested())
        if journal.running_night() is None and waiting < self._when.min_turns:
            return f"{waiting} turns to sleep on, at least {self._when.min_turns}"
        wait = tries.wait_s(self._clock.now(), self._when.retry_min)
        return f"the last night failed; the next try is in {wait / 60:.0f} min" if wait > 0 else ""

    def _look_at_a_guest(self, guests: Guests) -> None:
        """Begin a night for the next one in turn, if there is something to learn: one guest a look, so that a
        look costs the same however many there are.
        """
        users = guests.guests
        if not users:
            return
        self._guest = (self._guest + 1) % len(users)
        user = users[self._guest]
        try:
            with ExitStack() as opened:
                agent = opened.enter_context(guests.using(user))
                if not self._nothing_for(agent, read_tries(agent.space.home.path)):
                    self._begin(agent, opened.pop_all())
                    self.why = "a night was begun for another user"
        except DormouseError as error:  # a home that cannot be opened must not keep the others from sleeping
            if self._left_out.get(user) != str(error):
                self._left_out[user] = str(error)
                self._log("user left out", logging.WARNING, user=user, reason=str(error))
        else:
            self._left_out.pop(user, None)

    def _mind(self, readings: Sequence[Reading]) -> None:
        """Turns hold the night up by themselves; here it is about whatever else the signals say."""
        night, way = self._sleeper.sleeping, self._sleeper.way
        if night is not None and night.joiners > 1:  # somebody asked for it meanwhile, and waits
            return
        if neighbours.nights() > 1:  # somebody asked for another, which waits for this one
            way.lift(SOMEBODY)
            return
        others = [reading for reading in busy(readings) if reading.signal != LAST_TURN]
        held = SOMEBODY in way.reasons
        if others and not held:
            self.why = "the night stands still: " + "; ".join(f"{r.signal}: {r.words}" for r in others)
            self._log("night halted", why=self.why)
            way.hold(SOMEBODY)
        elif held and not others:
            self.why = "the night goes on"
            self._log("night goes on")
            way.lift(SOMEBODY)

    def _begin(self, agent: Agent, opened: ExitStack | None = None) -> None:
        """`opened` is closed when the night has ended."""
        self._watch.begin_night()
        self._log("night began", turns=len(agent.space.journal.unharvested()))
        self._sleeper = agent
        self._own = threading.Thread(
            target=self._sleep, args=(agent, opened or ExitStack()), name="dormouse-own-night", daemon=True
        )
        self._own.start()

    def _sleep(self, agent: Agent, opened: ExitStack) -> None:
        began = time.monotonic()
        with opened:
            try:
                report = agent.sleep()
            except NightStopped:
                self._log("night stopped")
            except DormouseError as error:
                self._failed(agent, str(error))
            except Exception as error:  # noqa: BLE001 (a fault in a night must not end the daemon: it is logged, and tried again)
                self._log("fault", logging.ERROR, error=repr(error))
                self._failed(agent, f"a fault in Dormouse ({type(error).__name__}: {error})")
            else:
                self._ended(agent, report, time.monotonic() - began)
            finally:
                self._watch.end_night()
                agent.way.lift(SOMEBODY)

    def _ended(self, agent: Agent, report: NightReport, seconds: float) -> None:
        self._log(
            "night ended",
            night=report.night,
            status=report.status,
            adapter=report.adapter,
            memories=len(report.memories),
            seconds=round(seconds, 1),
            held_s=round(agent.way.held_s, 1),
        )
        if self._tries_of(agent).failures:
            self._keep(agent, Tries())

    def _failed(self, agent: Agent, reason: str) -> None:
        tries = self._tries_of(agent).failed(self._clock.now(), reason)
        wait_min = tries.wait_s(self._clock.now(), self._when.retry_min) / 60
        self._log("night failed", logging.WARNING, reason=reason, failures=tries.failures, wait_min=wait_min)
        self._keep(agent, tries)

    def _tries_of(self, agent: Agent) -> Tries:
        return self.tries if agent is self._agent else read_tries(agent.space.home.path)

    def _keep(self, agent: Agent, tries: Tries) -> None:
        if agent is self._agent:
            self.tries = tries
        try:
            write_tries(agent.space.home.path, tries)
        except DormouseError as error:
            self._log("tries not kept", logging.WARNING, reason=str(error))
