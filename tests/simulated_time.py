"""A time of day that tests set, by which the scheduler's library goes too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest


def scheduler_goes_by(now: Callable[[], datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have APScheduler ask `now` for the time."""
    import apscheduler.executors.base
    import apscheduler.schedulers.base

    class Simulated(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now().astimezone(tz)

    for module in (apscheduler.schedulers.base, apscheduler.executors.base):
        monkeypatch.setattr(module, "datetime", Simulated)
