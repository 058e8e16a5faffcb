"""How many processor cores this process may use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """At least 1. Where a process cannot be tied to some cores, all that there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
