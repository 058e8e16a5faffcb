"""What time it is, and how much has passed: asked here by every screen, so that a picture can be told."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def elapsed() -> float:
    """Seconds since some fixed moment."""
    return time.monotonic()


def ago(at: datetime) -> str:
    """How long ago, in the shortest words."""
    seconds = (now() - at).total_seconds()
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {name} ago"
    return "just now"
