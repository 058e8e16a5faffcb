"""The home folder: one owner, named to whoever comes second, and every refusal a sentence."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dormouse.memory import home as home_module
from dormouse.memory.errors import BadInput, DiskFull, HomeError, HomeLocked
from dormouse.memory.home import Home, cache_path, default_home

OWN = """
import sys, time
from pathlib import Path
from dormouse.memory.home import Home
with Home.open(Path(sys.argv[1]), command="dormouse sleep --seed 3"):
    print("mine", flush=True)
    sys.stdin.read()
"""


@contextmanager
def _other_owner(folder: Path) -> Iterator[subprocess.Popen[str]]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", OWN, str(folder)], stdin=pipe, stdout=pipe, text=True, env=env
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "mine\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_new_home_is_private_and_has_a_place_for_everything(tmp_path: Path) -> None:
    with Home.open(tmp_path / "deep" / "home", command="dormouse chat") as home:
        assert home.path == tmp_path / "deep" / "home"
        for folder in (home.path, home.adapters_path, home.nights_path):
            assert folder.stat().st_mode & 0o777 == 0o700
        places = [home.journal_path, home.checkpoints_path, home.adapters_path, home.nights_path]
        assert [place.name for place in places] == ["journal.db", "checkpoints.db", "adapters", "nights"]
        assert not home.closed
    assert home.closed
    home.close()


def test_a_second_process_is_told_who_the_first_one_is(tmp_path: Path) -> None:
    with _other_owner(tmp_path) as owner:
        with pytest.raises(HomeLocked) as refused:
            Home.open(tmp_path, command="dormouse chat")
        assert refused.value.pid == owner.pid
        assert refused.value.command == "dormouse sleep --seed 3"
        assert f"process {owner.pid} (dormouse sleep --seed 3) is using it" in str(refused.value)
        assert refused.value.exit_code == 1


def test_the_home_is_free_when_its_owner_ends_or_is_killed(tmp_path: Path) -> None:
    with _other_owner(tmp_path) as owner:
        assert owner.stdin is not None
        owner.stdin.close()
        owner.wait()
        Home.open(tmp_path, command="dormouse chat").close()
    with _other_owner(tmp_path) as owner:
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        assert json.loads((tmp_path / "lock").read_text())["pid"] == owner.pid  # a stale name, and no lock
        with Home.open(tmp_path, command="dormouse chat"):
            assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
    assert (tmp_path / "lock").read_text() == ""


def test_a_dead_process_is_never_named_as_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "_OWNER_WAIT_S", 0.02)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with Home.open(tmp_path, command="dormouse chat"):
        for stale in (json.dumps({"pid": ended.pid, "command": "dormouse exam"}), "", "{", "[1]", "\x00\xff"):
            (tmp_path / "lock").write_text(stale)
            with pytest.raises(HomeLocked, match="another process is using it") as refused:
                Home.open(tmp_path, command="dormouse ask")
            assert refused.value.pid is None


def test_the_same_process_cannot_own_a_home_twice(tmp_path: Path) -> None:
    with Home.open(tmp_path, command="dormouse chat"):
        with pytest.raises(HomeLocked) as refused:
            Home.open(tmp_path, command="dormouse chat")
        assert refused.value.pid == os.getpid()


FORK = """
import os, sys, time
from pathlib import Path
from dormouse.memory.home import Home
home = Home.open(Path(sys.argv[1]), command="dormouse sleep")
if os.fork() == 0:
    os.write(1, b"forked\\n")
    os.close(1)
    os.close(2)
    time.sleep(300)
    os._exit(0)
sys.stdin.read()
"""


def test_a_forked_child_does_not_keep_the_home_after_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", FORK, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )
    try:
        with parent:
            assert parent.stdout is not None and parent.stdout.readline() == "forked\n"
            with pytest.raises(HomeLocked):
                Home.open(tmp_path, command="dormouse chat")  # the child closing its copy freed nothing
            os.kill(parent.pid, signal.SIGKILL)
            parent.wait()
            os.killpg(parent.pid, 0)  # the child is alive
            Home.open(tmp_path, command="dormouse chat").close()
    finally:
        os.killpg(parent.pid, signal.SIGKILL)


def test_looking_needs_no_lock_and_makes_nothing(tmp_path: Path) -> None:
    with _other_owner(tmp_path), Home.open(tmp_path, command="dormouse log", read_only=True) as home:
        assert home.read_only and home.closed
    with Home.open(tmp_path / "nowhere", command="dormouse log", read_only=True):
        assert not (tmp_path / "nowhere").exists()


def test_a_file_cannot_be_a_home(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    for read_only in (False, True):
        with pytest.raises(BadInput, match="must be a folder") as refused:
            Home.open(tmp_path / "file", command="dormouse chat", read_only=read_only)
        assert refused.value.exit_code == 2
    with pytest.raises(HomeError, match="not a directory"):
        Home.open(tmp_path / "file" / "below", command="dormouse chat")
    assert (tmp_path / "file").read_text() == "hello"


OPEN_AS_NOBODY = """
import os, sys
from pathlib import Path
from dormouse.memory.errors import HomeNotWritable
from dormouse.memory.home import Home
if os.getuid() == 0:
    os.setuid(65534)
for folder in sys.argv[1:]:
    try:
        Home.open(Path(folder), command="dormouse chat")
    except HomeNotWritable as error:
        print(error)
"""


def test_a_read_only_home_is_refused() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders cannot be reached by another user
        folder = Path(name)
        (folder / "home").mkdir()
        (folder / "home" / "lock").touch(0o666)
        (folder / "home").chmod(0o555)
        folder.chmod(0o555)
        env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", OPEN_AS_NOBODY, str(folder / "home"), str(folder / "new")],
            capture_output=True,
            text=True,
            env=env,
        )
        folder.chmod(0o755)
        (folder / "home").chmod(0o755)
    assert done.stderr == ""
    sentences = done.stdout.splitlines()
    assert len(sentences) == 2
    assert all("is not writable (permission denied)" in sentence for sentence in sentences)


@pytest.mark.parametrize("call", ["mkdir", "open", "pwrite"])
@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "quota is used up")]
)
def test_a_full_disk_is_said_and_leaves_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, words: str
) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(os, call, full)
        with pytest.raises(DiskFull, match=words):
            Home.open(tmp_path / "home", command="dormouse chat")
    Home.open(tmp_path / "home", command="dormouse chat").close()


def test_where_home_and_cache_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DORMOUSE_HOME", str(tmp_path / "h"))
    monkeypatch.setenv("DORMOUSE_CACHE", "~/c")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (default_home(), cache_path()) == (tmp_path / "h", tmp_path / "c")
    with Home.open(command="dormouse chat") as home:
        assert home.path == tmp_path / "h"
    for variable in ("DORMOUSE_HOME", "DORMOUSE_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert default_home().name == cache_path().name == "dormouse"
    assert default_home() != cache_path()
    assert not default_home().exists()
