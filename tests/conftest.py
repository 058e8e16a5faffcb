"""What holds for every test: where the suite is started, and how fast the machine is, changes nothing."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

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


_OF_WEIGHTS = re.compile(r"tests/(?:graphs|sleep|runtime/apps)/|tests/runtime/[^/]+$")


class TwoLanes(LoadScopeScheduling):  # type: ignore[misc]
    """What goes side by side under `--numprocesses 2`, each in its order: the tests of those rooms, most of
    which wait for weights, and all others, most of which wait for screens, sandboxes and files.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "weights" if _OF_WEIGHTS.match(nodeid.partition("::")[0]) else "others"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TwoLanes:
    return TwoLanes(config, log)


@pytest.fixture(autouse=True)
def umask_left_alone() -> Iterator[None]:
    """A command that owns a home keeps the files of its process private; the next test is no part of it."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)
