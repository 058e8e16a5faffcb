"""Who holds a home: the daemon that owns it, a daemon that waits for it, or another program.

Promise: daemons of every version are found, and whatever answers at the door is not needed for that; a daemon
that waits says so, in its log and to its service manager, and only one of them waits. Imports nothing heavy.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from ...memory.durable import storage_faults
from ...memory.errors import HomeLocked
from ...memory.home import holder_of, lock_path
from ..errors import DaemonRunning
from .log import Log
from .notify import notify

COMMAND = "dormouse daemon"
_POLL_S = 0.2

Opened = TypeVar("Opened")


def daemon_of(home: Path) -> int | None:
    """The process of the daemon that owns the home."""
    holder = holder_of(lock_path(home))
    return holder.pid if holder is not None and _is_daemon(holder.command) else None


def waiting_daemon(home: Path) -> int | None:
    """The process of the daemon that waits for the home."""
    holder = holder_of(_waiting_path(home))
    return None if holder is None else holder.pid


def refuse_if_held(home: Path) -> None:
    """Raises HomeLocked when another program than a daemon has the home open."""
    holder = holder_of(lock_path(home))
    if holder is not None and not _is_daemon(holder.command):
        raise HomeLocked(home, holder.pid, holder.command)


def once_free(
    home: Path,
    opened: Callable[[], Opened],
    *,
    wait: bool = True,
    pause: Callable[[float], None] = time.sleep,
) -> Opened:
    """What `opened` returns, once it no longer raises HomeLocked. `wait` False lets that through.

    Raises DaemonRunning when a daemon has the home, or waits for it already.
    """
    with ExitStack() as waiting:
        told = ""
        while True:
            try:
                return opened()
            except HomeLocked as locked:
                if _is_daemon(locked.command):
                    raise DaemonRunning(home, locked.pid) from None
                if not wait:
                    raise
                if not told:
                    waiting.enter_context(_announced(home))
                if (who := held_by(locked.pid, locked.command)) != told:
                    _tell(home, told := who)
            notify("WATCHDOG=1")
            pause(_POLL_S)


def held_by(pid: int | None, command: str | None) -> str:
    """The holder in words."""
    return f"process {pid} ({command})" if pid else "another process"


def _is_daemon(command: str | None) -> bool:
    return command is not None and command.startswith(COMMAND)


def _waiting_path(home: Path) -> Path:
    return home / "door" / "waiting"


@contextmanager
def _announced(home: Path) -> Iterator[None]:
    """Holds the lock that says which daemon waits."""
    path = _waiting_path(home)
    with storage_faults(home):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise DaemonRunning(home, waiting_daemon(home)) from None
    try:
        with storage_faults(home):
            os.ftruncate(lock, 0)
            os.pwrite(lock, json.dumps({"pid": os.getpid(), "command": COMMAND}).encode(), 0)
        yield
    finally:
        with storage_faults(home):
            os.ftruncate(lock, 0)
        os.close(lock)


def _tell(home: Path, who: str) -> None:
    """READY, for the manager has started it: whoever asked for that need not wait as long as it does."""
    log = Log(home)
    log("waiting for the home", held_by=who)
    log.close()
    notify("READY=1", f"STATUS=Waiting for {home}: {who} is using it")
