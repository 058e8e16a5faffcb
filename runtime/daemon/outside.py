"""What can be said about a home's daemon from outside: what it tells itself, or what it would see if it ran.

Knows the door and the signals; nothing of how either is shown.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from ..doors.client import knock
from ..idle.abc import Clock
from ..idle.watch import Watch, busy, signals_for
from ..workspace import Workspace


def daemon_view(space: Workspace, client: str) -> dict[str, Any]:
    """As DaemonStatus, when a daemon answers. Else `pid` is None, and `signals` are read here and now."""
    connection = knock(space.home.path, client, returns_s=0.0) if _has_door(space) else None
    if connection is not None:
        try:
            told: dict[str, Any] = connection.call("status", {})
            return told
        finally:
            connection.close()
    clock, when = Clock(), space.spec.sleep.when
    last = space.journal.last_turn_at()
    waiting = [turn.created_at for turn in space.journal.unharvested()]
    overdue = timedelta(days=when.debt_days)
    signals = signals_for(
        when,
        space.spec.sleep.budget,
        clock,
        lambda: None if last is None else max(0.0, (clock.now() - last).total_seconds()),
        lambda: bool(waiting) and clock.now() - min(waiting) > overdue,
    )
    readings = Watch(signals).look()
    minding = ", ".join(reading.signal for reading in busy(readings))
    return {
        "pid": None,
        "signals": [asdict(reading) for reading in readings],
        "why": f"no daemon is running; it would wait for: {minding or 'nothing'}",
        "alarms": [],
    }


def _has_door(space: Workspace) -> bool:
    return (space.home.path / "door").is_dir()
