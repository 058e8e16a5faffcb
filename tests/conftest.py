"""What holds for every test: where the suite is started, and how fast the machine is, changes nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A shell that starts the suite in the background has it ignore Ctrl+C, and what it starts would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Of the terminal it was started from.
for variable in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
    os.environ.pop(variable, None)

# The same examples each time, however long one takes; HYPOTHESIS_SEARCH=1 tries new ones.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize="HYPOTHESIS_SEARCH" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Of several processes each has cores of its own: on the same ones they wait for each other, since
    llama.cpp's threads spin.
    """
    given = getattr(config, "workerinput", None)
    if given and hasattr(os, "sched_setaffinity"):
        place, of = int(given["workerid"].removeprefix("gw")), given["workercount"]
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[place % len(cores) :: of])


@pytest.fixture(autouse=True)
def umask_left_alone() -> Iterator[None]:
    """A command that owns a home keeps the files of its process private; the next test is no part of it."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)
