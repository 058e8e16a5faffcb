"""Nights asked for over HTTP: each runs in a thread of its own, and is watched by asking again.

Promise: one night at a time for each user; how it ended is told until the next one. Knows agents; nothing of
HTTP.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from ...memory.errors import DormouseError
from ...sleep.records import Progress
from ..scopes import Scopes


@dataclass
class Sleeping:
    """A night that was asked for. `state` is running, or how it ended."""

    state: str = "running"
    stage: str = ""
    done: float = 0.0
    total: float = 0.0
    error: str | None = None
    report: dict[str, Any] | None = field(default=None)


class Sleepers:
    """The nights of all users."""

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes
        self._last: dict[str, Sleeping] = {}
        self._lock = threading.Lock()

    def begin(self, user: str) -> tuple[Sleeping, bool]:
        """Put the user's agent to sleep; (its night, whether it was begun now)."""
        with self._lock:
            running = self._last.get(user)
            if running is not None and running.state == "running":
                return running, False
            night = self._last[user] = Sleeping()
        threading.Thread(
            target=self._sleep, args=(user, night), name=f"dormouse-night-{user}", daemon=True
        ).start()
        return night, True

    def of(self, user: str) -> Sleeping | None:
        """The user's last night since the server began; None without one."""
        return self._last.get(user)

    def _sleep(self, user: str, night: Sleeping) -> None:
        def watched(progress: Progress) -> None:
            night.stage, night.done, night.total = progress.stage, progress.done, progress.total

        try:
            with self._scopes.using(user) as agent:
                report = agent.sleep(watched)
            night.report = {
                "status": report.status,
                "adapter": report.adapter,
                "memories": list(report.memories),
                "rejected": list(report.rejected),
                "seconds": dict(report.seconds),
            }
            night.state = report.status
        except DormouseError as error:
            night.error, night.state = str(error), "failed"
        except BaseException:
            night.error, night.state = "This is a fault in Dormouse; its log says more.", "failed"
            raise
