"""The end of the daemon's log, followed across what becomes of its file."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from dormouse.runtime.daemon.tail import tail


class Steps:
    """What happens to the log in one pause after the other."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps = iter(steps)

    def __call__(self) -> None:
        next(self._steps)()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "daemon.jsonl"
    path.write_text("1\n2\n3\n")
    return path


def write(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def rotate(log: Path) -> None:
    log.rename(log.with_name(f"{log.name}.1"))


def test_the_last_lines_are_given(log: Path) -> None:
    assert list(tail(log, 2, None)) == ["2", "3"]
    assert list(tail(log, 9, None)) == ["1", "2", "3"]


def test_lines_that_follow_are_given_when_they_are_whole(log: Path) -> None:
    steps = Steps(lambda: write(log, "4"), lambda: write(log, "4\n5\n"))
    assert list(islice(tail(log, 1, steps), 3)) == ["3", "44", "5"]


def test_a_log_is_followed_into_the_file_that_bears_its_name_after_a_rotation(log: Path) -> None:
    def rotated() -> None:
        write(log, "4\n")
        rotate(log)
        write(log, "5\n")

    assert list(islice(tail(log, 1, Steps(rotated, lambda: write(log, "6\n"))), 4)) == ["3", "4", "5", "6"]


def test_a_log_whose_next_file_is_not_there_yet_is_waited_for(log: Path) -> None:
    steps = Steps(lambda: rotate(log), lambda: None, lambda: write(log, "4\n"))
    assert list(islice(tail(log, 1, steps), 2)) == ["3", "4"]


def test_a_log_that_was_rewritten_is_not_given_again(log: Path) -> None:
    def rewritten() -> None:
        new = log.with_name("new")
        new.write_text("1\n*\n3\n")
        new.replace(log)

    assert list(islice(tail(log, 1, Steps(rewritten, lambda: write(log, "4\n"))), 2)) == ["3", "4"]
