"""Another user of the machine gets at nothing of a home: tried, as that user, after all that writes there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny_night
from tiny_models import write_tiny_llama
from tiny_night import tell

from dormouse.memory.base_weights import resolve
from dormouse.memory.home import Home
from dormouse.memory.journal import Journal
from dormouse.runtime.agent import Agent
from dormouse.runtime.bench.kept_daemon import KeptDaemon

NOBODY = 65534
PROGRAM = Path(__file__).parents[1] / "daemon_program.py"
TALK = ("Old Vex chewed the sofa again.", "twelve winters in Tromso and no gloves")


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that every user may look into; pytest's own lets nobody in."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def test_a_home_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    with Home.open(home, command="test", read_only=True):
        assert stat.S_IMODE(home.stat().st_mode) == 0o755
    with Home.open(home, command="test"):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.skipif(os.getuid() != 0 or sys.platform != "linux", reason="only root can become another user")
def test_another_user_gets_at_nothing_after_a_chat_a_night_and_crashes(open_place: Path) -> None:
    home = open_place / "home"
    home.mkdir()
    home.chmod(0o777)
    _a_night_killed_and_finished(home, open_place)
    with KeptDaemon([sys.executable, str(PROGRAM), str(home)], home) as kept:
        with Agent(home=home) as agent:
            agent.chat("My dog is called Vex.")
            kept.kill()
            agent.chat("He is old.")
        opened = _as_nobody(home)
        assert opened == []
        assert (home / "logs" / "daemon.jsonl").exists() and (home / "door" / "socket").exists()
        home.chmod(0o755)  # and the doors and logs keep to themselves even so
        opened = _as_nobody(home)
        assert opened != []
        assert [path for path in opened if {"logs", "door"} & set(Path(path).parts)] == []


def _a_night_killed_and_finished(home: Path, place: Path) -> None:
    cache = place / "cache"
    cache.mkdir()
    base = write_tiny_llama(cache / "base.gguf", seed=3)
    resolve(str(base), cache)
    with Home.open(home, command="test") as owned, Journal(owned.journal_path) as journal:
        tell(journal, *TALK)
    command = [sys.executable, tiny_night.__file__, str(home), str(base), str(cache)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, text=True, env=environment, start_new_session=True) as night:
        assert night.stdout is not None
        for line in night.stdout:
            if line.startswith("consolidate"):
                break
        os.killpg(night.pid, signal.SIGKILL)
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=True)
    assert list(home.glob("adapters/*/*.gguf"))


def _as_nobody(home: Path) -> list[str]:
    """What another user could list, read, write or connect to, of everything in a home and of itself."""
    paths = [home, *sorted(home.rglob("*"))]
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        got: list[str] = []
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            got = [str(path) for path in paths if _reached(path)]
        except BaseException as error:  # noqa: BLE001 (a child of the test must not go on as the test)
            got = [repr(error)]
        os.write(writer, json.dumps(got).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as words:
        told: list[str] = json.loads(words.read())
    os.waitpid(pid, 0)
    return told


def _reached(path: Path) -> bool:
    def connect() -> None:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(path))

    tries: tuple[Callable[[], object], ...] = (
        lambda: os.listdir(path),
        lambda: os.close(os.open(path, os.O_RDONLY)),
        lambda: os.close(os.open(path, os.O_WRONLY)),
        lambda: os.close(os.open(path / "planted", os.O_WRONLY | os.O_CREAT)),
        connect,
    )
    for attempt in tries:
        try:
            attempt()
        except OSError:
            continue
        return True
    return False
