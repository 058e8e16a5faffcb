"""The daemon's log: where its lines go when others rewrite the file, and when it grows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dormouse.memory.durable import write_atomic
from dormouse.runtime.daemon import log as log_module
from dormouse.runtime.daemon.log import Log, log_path


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    monkeypatch.setattr(log_module, "_KEPT_BYTES", 1000)
    made = Log(tmp_path)
    yield made
    made.close()


def events(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


def test_lines_written_after_the_file_was_rewritten_stand_in_it(log: Log, tmp_path: Path) -> None:
    path = log_path(tmp_path)
    log("one", said="secret")
    write_atomic(path, path.read_bytes().replace(b"secret", b"..."))
    log("two")
    log("three")
    assert events(path) == ["one", "two", "three"]
    assert b"secret" not in path.read_bytes()
    path.unlink()
    log("four")
    assert events(path) == ["four"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_rewritten_is_still_bounded(log: Log, tmp_path: Path) -> None:
    path = log_path(tmp_path)
    log("before")
    write_atomic(path, path.read_bytes())
    for _ in range(100):
        log("something")
    kept = sorted(path.parent.iterdir())
    assert [each.name for each in kept] == [path.name, *(f"{path.name}.{n}" for n in (1, 2, 3))]
    assert all(each.stat().st_size <= 1000 for each in kept)
