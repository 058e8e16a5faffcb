"""What the daemon remembers of its nights from one start to the next: failures, and when to try again.

Promise: it survives a kill; a clock that was set back delays nothing by more than the delay itself. Knows one
small file; nothing of why a night failed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ...memory.durable import storage_faults, write_atomic

_LONGEST_MIN = 24 * 60.0


@dataclass(frozen=True, slots=True)
class Tries:
    """`failures` in a row, the last of them at `failed_at` (ISO 8601, UTC) because of `reason`."""

    failures: int = 0
    failed_at: str = ""
    reason: str = ""

    def wait_s(self, now: datetime, retry_min: float) -> float:
        """Seconds until the next night may be tried; 0 when it may."""
        if not self.failures:
            return 0.0
        delay = timedelta(minutes=min(_LONGEST_MIN, retry_min * 2 ** min(self.failures - 1, 20)))
        passed = now - datetime.fromisoformat(self.failed_at)
        if passed < timedelta(0):  # the clock was set back since
            return delay.total_seconds()
        return max(0.0, (delay - passed).total_seconds())

    def failed(self, now: datetime, reason: str) -> Tries:
        return Tries(self.failures + 1, now.isoformat(), reason)


def read_tries(home: Path) -> Tries:
    """What was kept; nothing when that cannot be read, for then a night may as well be tried."""
    try:
        kept = json.loads(_path(home).read_text())
        tries = Tries(int(kept["failures"]), str(kept["failed_at"]), str(kept["reason"]))
        tries.wait_s(datetime.fromisoformat("2000-01-01T00:00+00:00"), 1.0)
        return tries
    except (OSError, ValueError, KeyError, TypeError):
        return Tries()


def write_tries(home: Path, tries: Tries) -> None:
    with storage_faults(home):
        write_atomic(_path(home), json.dumps(asdict(tries)).encode())


def _path(home: Path) -> Path:
    return home / "tries.json"
