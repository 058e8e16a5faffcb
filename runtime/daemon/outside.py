"""What can be said about a home's daemon from outside: what it tells itself, or what it would see if it ran.

Knows the door, the home's lock and the signals; nothing of how they are shown.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from ...memory.home import holder_of, lock_path
from ..doors.client import Connection, knock
from ..errors import DoorError
from ..idle.abc import Clock, Reading
from ..idle.watch import Watch, busy, signals_for
from ..workspace import Workspace
from .holders import daemon_of, held_by, waiting_daemon


def daemon_view(space: Workspace, client: str) -> dict[str, Any]:
    """As DaemonStatus, when a daemon answers. Else `signals` are read here and now, and `why` says what is
    with the daemon; `pid` is that of one that has the home and cannot be talked to, or waits for the home.
    """
    path = space.home.path
    try:
        connection: Connection | None = knock(path, client, returns_s=0.0) if _has_door(space) else None
    except DoorError as error:
        return _silent(daemon_of(path), str(error), _readings(space))
    if connection is not None:
        try:
            told: dict[str, Any] = connection.call("status", {})
            return told
        finally:
            connection.close()
    readings = _readings(space)
    if (owner := daemon_of(path)) is not None:
        return _silent(owner, "the daemon has the home, and does not answer yet", readings)
    if (waiting := waiting_daemon(path)) is not None:
        holder = holder_of(lock_path(path))
        who = held_by(holder.pid, holder.command) if holder else held_by(None, None)
        return _silent(waiting, f"the daemon waits for the home, which {who} is using", readings)
    minding = ", ".join(reading.signal for reading in busy(readings))
    return _silent(None, f"no daemon is running; it would wait for: {minding or 'nothing'}", readings)


def _silent(pid: int | None, why: str, readings: tuple[Reading, ...]) -> dict[str, Any]:
    return {"pid": pid, "signals": [asdict(reading) for reading in readings], "why": why, "alarms": []}


def _readings(space: Workspace) -> tuple[Reading, ...]:
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
    return Watch(signals).look()


def _has_door(space: Workspace) -> bool:
    return (space.home.path / "door").is_dir()
