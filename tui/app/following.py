"""Following whatever night is slept, here or in the daemon: a thread that watches, and one that asks for one.

Promise: a night is seen from its beginning by whoever began it; a daemon that goes away is waited for. Knows
threads and the agent's two calls; nothing of screens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from .abc import Companion
from .calling import sentence
from .night_log import NightLog

if TYPE_CHECKING:
    from ...sleep.records import NightReport, Progress

_LOOK_EVERY_S = 2.0
_LOOK_SOON_S = 0.05


class Follower:
    """Watches until `close`. `moved` is called from its thread when the log has changed, `over` at an end."""

    def __init__(self, agent: Companion, moved: Callable[[], None], over: Callable[[], None]) -> None:
        self._agent, self._moved, self._over = agent, moved, over
        self.log = NightLog()
        self._kicked, self._closed = threading.Event(), False
        self._asked, self._ending = False, threading.Lock()
        threading.Thread(target=self._watch, name="dormouse-follower", daemon=True).start()

    @property
    def asleep(self) -> bool:
        """Whether a night is under way, or was asked for."""
        return self.log.running or self._asked

    def sleep(self) -> None:
        """Ask for a night."""
        if not self._asked:
            self._asked = True
            self.log = NightLog()
            threading.Thread(target=self._sleep, name="dormouse-sleep", daemon=True).start()
            self._kicked.set()

    def close(self) -> None:
        """Watch no more; a night goes on."""
        self._closed = True
        self._kicked.set()

    def _sleep(self) -> None:
        log = self.log
        try:
            report, failure = self._agent.sleep(), None
        except Exception as error:  # noqa: BLE001 (shown, whatever it is)
            report, failure = None, sentence(error)
        self._asked = False
        self._end(log, report, failure)

    def _watch(self) -> None:
        while not self._closed:
            heard: list[bool] = []
            try:
                report, failure = self._agent.watch_night(partial(self._told, heard)), None
            except Exception as error:  # noqa: BLE001 (shown, if it was a night's; the next one is watched)
                report, failure = None, sentence(error)
            if heard and not self._closed:
                self._end(self.log, report, failure)
            self._kicked.wait(_LOOK_SOON_S if self._asked else _LOOK_EVERY_S)
            if not self._asked:
                self._kicked.clear()

    def _end(self, log: NightLog, report: NightReport | None, failure: str | None) -> None:
        """Said once, by whichever of the two threads hears of it first."""
        with self._ending:
            if log.outcome is not None:
                return
            log.over(report, failure)
        self._over()

    def _told(self, heard: list[bool], progress: Progress) -> None:
        if not heard and self.log.outcome is not None:
            self.log = NightLog()
        heard.append(True)
        self.log.told(progress)
        self._moved()
