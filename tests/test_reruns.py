"""The suite's own habits: a test that fails is run once more, and is named with its first failure.

The project's pytest settings are used, over a file of tests made here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TESTS = """
import warnings
from pathlib import Path

import pytest

TIMES = Path(__file__).with_suffix(".times")


def times(name):
    with TIMES.open("a") as file:
        file.write(name + " ")
    return TIMES.read_text().split().count(name)


@pytest.fixture(scope="module")
def shared():
    return times("shared")


@pytest.fixture
def late():
    assert times("late") > 1, "the fixture was late"


def test_flaky(shared):
    assert times("flaky") > 1, "too early"
    assert shared == 1


def test_flaky_fixture(late):
    pass


def test_flaky_warning():
    if times("warning") == 1:
        warnings.warn("once")


def test_wrong(shared):
    times("wrong")
    assert False


@pytest.mark.xfail
def test_better_than_expected():
    times("better")
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    """What pytest printed, and what was run, in order."""
    file = tmp_path_factory.mktemp("tests") / "test_made.py"
    file.write_text(TESTS)
    pytest_here = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        str(ROOT / "pyproject.toml"),
        "-p",
        "no:cacheprovider",
    ]
    command = [*pytest_here, "--reruns-delay=0", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout, file.with_suffix(".times").read_text().split()


def test_a_test_that_fails_once_passes_and_is_named_with_its_failure(ran: tuple[str, list[str]]) -> None:
    printed, _ = ran
    section = printed.partition("rerun test summary info")[2].partition("short test summary")[0]
    for name in ("test_flaky", "test_flaky_fixture", "test_flaky_warning"):
        assert re.search(rf"^RERUN \S*{name}$.*^PASSED \S*{name}$", section, re.DOTALL | re.MULTILINE), name
    assert "too early" in section and "the fixture was late" in section and "UserWarning: once" in section
    assert "3 passed" in printed


def test_a_test_that_fails_twice_fails(ran: tuple[str, list[str]]) -> None:
    printed, times = ran
    assert times.count("wrong") == 2 and "2 failed" in printed
    assert "XPASS(strict)" in printed


def test_what_tests_share_is_made_once(ran: tuple[str, list[str]]) -> None:
    assert ran[1].count("shared") == 1
