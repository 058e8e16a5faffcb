"""A daemon in a process of its own, under its keeper: killed at random, told to end, shared by many.

DORMOUSE_KILLS says how often it is killed (50 is what the project promises), DORMOUSE_CROWD_S for how long
eight clients talk at once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dormouse.memory.journal import Journal
from dormouse.runtime.agent import Agent
from dormouse.runtime.daemon.log import log_path
from dormouse.runtime.doors.attached import AttachedAgent
from dormouse.runtime.doors.client import mark_path

KILLS = int(os.environ.get("DORMOUSE_KILLS", "2"))
CROWD_S = float(os.environ.get("DORMOUSE_CROWD_S", "3"))
PATIENCE_S = 240.0
PROGRAM = Path(__file__).parents[1] / "daemon_program.py"


class Kept:
    """A keeper with its daemon."""

    def __init__(self, home: Path) -> None:
        self.home = home
        command = [sys.executable, "-m", "dormouse.runtime.daemon.keeper"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self.keeper = subprocess.Popen(
            [*command, sys.executable, str(PROGRAM), str(home)], env=environment, stderr=subprocess.DEVNULL
        )
        until(mark_path(home).exists)

    def pid(self) -> int:
        return int(json.loads(mark_path(self.home).read_text())["pid"])

    def stop(self) -> int:
        self.keeper.send_signal(signal.SIGTERM)
        return self.keeper.wait(PATIENCE_S)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path / "home")
    yield made
    if made.keeper.poll() is None:
        made.stop()


def until(true: object) -> None:
    assert callable(true)
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_killed_again_and_again_it_comes_back_and_no_turn_is_lost(kept: Kept) -> None:
    rng, over = random.Random(1), threading.Event()
    said: dict[str, list[str]] = {}
    sentences: list[str] = []
    errors: list[Exception] = []

    def talk(name: str) -> None:
        try:
            with AttachedAgent(home=kept.home, returns_s=PATIENCE_S) as agent:
                session = agent.new_session()
                mine = said.setdefault(session, [])
                while not over.is_set():
                    mine.append(f"{name} {len(mine)}")
                    reply = agent.chat(mine[-1])
                    assert reply.interrupted or reply.text.endswith(mine[-1])
                sentences.extend(agent.warnings)
        except Exception as error:  # noqa: BLE001 (shown by the test)
            errors.append(error)

    talking = [threading.Thread(target=talk, args=(name,)) for name in ("one", "two")]
    for thread in talking:
        thread.start()
    until(lambda: len(said) == 2)
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.0, 0.6))
        before = kept.pid()
        os.kill(before, signal.SIGKILL)
        until(lambda before=before: kept.pid() != before)
    over.set()
    for thread in talking:
        thread.join(PATIENCE_S)
    assert errors == []
    assert sum("restarted" in sentence for sentence in sentences) >= 2
    assert kept.stop() == 0
    with Journal(kept.home / "journal.db", read_only=True) as journal:
        for session, turns in said.items():
            heard = [turn.content for turn in journal.turns(session) if turn.role == "user"]
            assert heard == turns  # each once, in order


def test_many_clients_at_once_are_each_answered_what_they_asked(kept: Kept) -> None:
    counts: dict[str, int] = {}
    errors: list[object] = []
    end = time.monotonic() + CROWD_S

    def talk(name: str) -> None:
        try:
            with Agent(home=kept.home) as agent:
                counts[name] = 0
                while time.monotonic() < end or not counts[name]:
                    text = f"{name} says {counts[name]}"
                    got = agent.chat(text).text if len(name) % 2 else agent.ask(text).answer
                    if not got.endswith(text):
                        errors.append((text, got))
                    counts[name] += 1
        except Exception as error:  # noqa: BLE001 (shown by the test)
            errors.append(error)

    crowd = [threading.Thread(target=talk, args=("n" * (n + 1),)) for n in range(8)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(CROWD_S + PATIENCE_S)
    assert errors == []
    assert not any(thread.is_alive() for thread in crowd)
    assert min(counts.values()) > 0
    if CROWD_S >= 60:  # whoever asks again at once gets a like share
        assert min(counts.values()) > 0.5 * max(counts.values())


def test_told_to_end_it_ends_and_leaves_a_free_home_and_a_log(kept: Kept) -> None:
    assert kept.stop() == 0
    assert not mark_path(kept.home).exists()
    events = [json.loads(line)["event"] for line in log_path(kept.home).read_text().splitlines()]
    assert (events[0], events[-1]) == ("ready", "stopping")
    assert log_path(kept.home).stat().st_mode & 0o777 == 0o600
    with Journal(kept.home / "journal.db"):
        pass


def test_a_second_daemon_is_refused(kept: Kept) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    second = subprocess.run(
        [sys.executable, str(PROGRAM), str(kept.home)], env=environment, capture_output=True, text=True
    )
    assert "has a daemon already" in second.stderr
