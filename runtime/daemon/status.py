"""What a daemon says of itself. Knows nothing of how it is shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from ..agent import Agent
from ..idle.abc import Reading
from .alarms import Alarm
from .nights import Nights


@dataclass(frozen=True)
class DaemonStatus:
    """`signals` are the last readings, `why` what was decided by them, `held` what a night stands still for.

    `debt_days` is how long the oldest turn has waited for a night; `resident_mib` is the process's memory.
    """

    pid: int
    since: str
    clients: int
    engine_loaded: bool
    resident_mib: float
    signals: tuple[Reading, ...]
    why: str
    night: Mapping[str, Any] | None
    held: tuple[str, ...]
    debt_days: float
    failures: int
    alarms: tuple[str, ...]


def daemon_status(
    agent: Agent,
    nights: Nights,
    readings: tuple[Reading, ...],
    since: str,
    clients: int,
    alarms: tuple[Alarm, ...],
) -> DaemonStatus:
    """How it is now."""
    night = agent.sleeping
    last = night.last if night is not None else None
    return DaemonStatus(
        pid=os.getpid(),
        since=since,
        clients=clients,
        engine_loaded=agent.space.engine_open,
        resident_mib=round(psutil.Process().memory_info().rss / (1 << 20), 1),
        signals=readings,
        why=nights.why,
        night=None if night is None else {"stage": last.stage, "note": last.note} if last else {},
        held=agent.way.reasons if night is not None else (),
        debt_days=round(nights.debt_days(), 2),
        failures=nights.tries.failures,
        alarms=tuple(alarm.text for alarm in alarms),
    )
