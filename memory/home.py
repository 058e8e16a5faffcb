"""The home folder: one process owns it at a time, and a second is told who does.

Knows where each thing lives (journal, adapters, nights, checkpoints), and nothing of what is in them.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import platformdirs
import psutil

from .durable import storage_error, storage_faults
from .errors import BadInput, HomeLocked, HomeNotWritable

_OWNER_WAIT_S = 0.2  # how long a new owner may take between locking the file and writing its name into it


def default_home() -> Path:
    """DORMOUSE_HOME, else the platform's data folder for this user. Not created."""
    given = os.environ.get("DORMOUSE_HOME")
    return Path(given).expanduser() if given else platformdirs.user_data_path("dormouse")


def cache_path() -> Path:
    """DORMOUSE_CACHE, else the platform's cache folder, for what can be made again. Not created."""
    given = os.environ.get("DORMOUSE_CACHE")
    return Path(given).expanduser() if given else platformdirs.user_cache_path("dormouse")


def lock_path(folder: Path) -> Path:
    """The file that the owner of the home at `folder` keeps locked, with its name in it."""
    return folder / "lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that has a lock, and its command, as it wrote them."""

    pid: int
    command: str


def holder_of(lock: Path) -> Holder | None:
    """Who holds that lock now; None when nobody does, or it cannot be told.

    The name in the file is believed only of a process that has the file open. Takes no lock itself, so it is
    in nobody's way.
    """
    with suppress(OSError, ValueError, KeyError, TypeError, psutil.Error):
        named = json.loads(lock.read_text())
        holder = Holder(int(named["pid"]), str(named["command"]))
        if any(os.path.samefile(file.path, lock) for file in psutil.Process(holder.pid).open_files()):
            return holder
    return None


class Home:
    """An open home. Use `Home.open(...)`, as a context manager; closing it lets the next process in.

    The lock is an flock on `<home>/lock`, which the kernel drops when its owner dies, however it dies. There
    are no stale locks, only stale names in the file, and those are never trusted without the lock.
    """

    def __init__(self, path: Path, *, command: str, read_only: bool, lock: int | None) -> None:
        self.path = path
        self.command = command
        self.read_only = read_only
        self._lock = lock
        if lock is not None:
            _OPEN_HOMES.add(self)

    @classmethod
    def open(cls, path: Path | None = None, *, command: str, read_only: bool = False) -> Home:
        """Open, and for writing create and lock, the home at `path` (default: `default_home()`).

        A folder of the user's that was open to others is closed to them.
        `command` is what the user typed; a second process is shown it. With `read_only` nothing is created,
        locked or written, and the folder need not exist. Raises HomeLocked, HomeNotWritable, DiskFull,
        HomeError, and BadInput when `path` is a file.
        """
        folder = Path(os.path.abspath((path or default_home()).expanduser()))
        if folder.exists() and not folder.is_dir():
            raise BadInput(f"The home must be a folder, and {folder} is a file.")
        if read_only:
            return cls(folder, command=command, read_only=True, lock=None)
        with storage_faults(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise HomeNotWritable(folder, "permission denied")
        lock = _acquire(folder, command)
        home = cls(folder, command=command, read_only=False, lock=lock)
        try:
            with storage_faults(folder):
                _let_nobody_else_in(folder)
                home.adapters_path.mkdir(mode=0o700, exist_ok=True)
                home.nights_path.mkdir(mode=0o700, exist_ok=True)
        except BaseException:
            home.close()
            raise
        return home

    @property
    def journal_path(self) -> Path:
        """The SQLite file of tier 1."""
        return self.path / "journal.db"

    @property
    def store_path(self) -> Path:
        """The index of tier 1, one folder a scope; all of it can be made again from the journal."""
        return self.path / "store"

    @property
    def adapters_path(self) -> Path:
        """The registry of tier 2."""
        return self.path / "adapters"

    @property
    def nights_path(self) -> Path:
        """One folder per night, for what its stages leave each other."""
        return self.path / "nights"

    @property
    def replay_path(self) -> Path:
        """The replay buffer: what earlier nights learnt, in words and distributions."""
        return self.path / "replay.jsonl"

    @property
    def nap_path(self) -> Path:
        """Where the nap that is running works; it is gone when that has ended."""
        return self.path / "nap"

    @property
    def waiting_path(self) -> Path:
        """Where turns that wait for their owner's yes are kept."""
        return self.path / "waiting.db"

    @property
    def checkpoints_path(self) -> Path:
        """The SQLite file of the night graph's checkpointer."""
        return self.path / "checkpoints.db"

    @property
    def closed(self) -> bool:
        """Whether this process has stopped owning the home (always true of a read-only one)."""
        return self._lock is None

    def close(self) -> None:
        """Give the home up. Safe to call twice."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        with suppress(
            OSError
        ):  # the name in the file is a courtesy; the lock itself goes with the descriptor
            os.ftruncate(lock, 0)
        os.close(lock)

    def __enter__(self) -> Home:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _let_nobody_else_in(folder: Path) -> None:
    """What is said and learnt here is its user's alone, even in a folder that was there before."""
    found = folder.stat()
    if found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)


def _acquire(folder: Path, command: str) -> int:
    path = lock_path(folder)
    with storage_faults(folder):
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        owner = {
            "pid": os.getpid(),
            "command": command,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps(owner).encode(), 0)
    except OSError as cause:
        os.close(lock)
        if cause.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise HomeLocked(folder, *_owner(path)) from None
        raise storage_error(folder, cause) from cause
    return lock


def _owner(path: Path) -> tuple[int | None, str | None]:
    """The owner's pid and command. Waits a moment if they are a dead process's: the new owner is writing."""
    deadline = time.monotonic() + _OWNER_WAIT_S
    while True:
        with suppress(OSError, ValueError, KeyError, TypeError):
            owner = json.loads(path.read_text())
            pid = int(owner["pid"])
            if _alive(pid):
                return pid, str(owner["command"])
        if time.monotonic() > deadline:
            return None, None
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


_OPEN_HOMES: weakref.WeakSet[Home] = weakref.WeakSet()


def _drop_inherited_locks() -> None:
    # A forked child shares the open file, and would keep the home locked after its parent has died.
    for home in list(_OPEN_HOMES):
        lock, home._lock = home._lock, None
        if lock is not None:
            os.close(lock)


os.register_at_fork(after_in_child=_drop_inherited_locks)
