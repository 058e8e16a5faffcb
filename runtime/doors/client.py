"""The client's end of a door: finds the owner of a home, calls it, and notices when it is gone.

Promise: a call ends with its result, with the error the owner raised, or with DoorClosed. Knows the messages;
nothing of what an agent does.
"""

from __future__ import annotations

import itertools
import os
import socket
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...memory.errors import DormouseError
from ..errors import DoorClosed, DoorError
from .wire import VERSION, Line, at_address, peer_uid, socket_path, unpacked_error

_HELLO_S = 20.0
_POLL_S = 0.05
RETURNS_S = 15.0
"""How long an owner that was killed is given to come back."""


class _Refused(Exception):
    def __init__(self, error: DormouseError) -> None:
        self.error = error


class Connection:
    """One conversation with the owner; one call at a time. `about` is what the owner said of itself.

    `user` names another user of the home, whose agent is then the one called. Connections with the same `of`
    are one client's.
    """

    def __init__(self, home: Path, client: str, user: str | None = None, of: str | None = None) -> None:
        """Raises OSError when nobody is there, DoorError when whoever is there cannot be talked to."""
        self.closed = False
        self._line = _dialled(socket_path(home))
        self._ids = itertools.count(1)
        try:
            self._line.send(
                {"dormouse": VERSION, "client": client, "pid": os.getpid(), "user": user, "of": of}
            )
            about = self._line.receive(_HELLO_S)
        except BaseException:
            self._line.close()
            raise
        if about is None or "error" in about or about.get("dormouse") != VERSION:
            self._line.close()
            if about is None:
                raise ConnectionResetError
            if "error" in about:
                raise unpacked_error(about["error"])
            raise DoorError(f"the daemon speaks version {about.get('dormouse')}, and this is {VERSION}")
        self.about: dict[str, Any] = about

    def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        on: Mapping[str, Callable[[Any], None]] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Any:
        """The result, as JSON has it. `on` is given what comes before it, by the key it comes under;
        `cancelled` is asked now and then, and once it is True the owner is asked to stop.
        """
        number = next(self._ids)
        try:
            self._line.send({"id": number, "call": name, "with": dict(arguments)})
            return self._answer(number, on or {}, cancelled)
        except _Refused as refusal:  # the owner's answer: the connection is as good as before
            raise refusal.error from None
        except OSError as error:
            self.close()
            raise DoorClosed from error
        except (
            BaseException
        ):  # such as Ctrl-C in the middle: what else comes belongs to a call nobody waits for
            self.close()
            raise

    def _answer(
        self, number: int, on: Mapping[str, Callable[[Any], None]], cancelled: Callable[[], bool] | None
    ) -> Any:
        stopped = False
        while True:
            if cancelled is not None and not stopped and cancelled():
                stopped = True
                self._line.send({"id": number, "stop": True})
            try:
                message = self._line.receive(_POLL_S if cancelled is not None and not stopped else None)
            except TimeoutError:
                continue
            if message is None:
                raise DoorClosed
            if message.get("id") != number:
                continue
            if "error" in message:
                raise _Refused(unpacked_error(message["error"]))
            if "result" in message:
                return message["result"]
            for key, take in on.items():
                if key in message:
                    take(message[key])

    def stale(self) -> bool:
        """Whether the owner has hung up meanwhile; then it is closed."""
        try:
            waiting = self._line.receive(timeout_s=0)
        except BlockingIOError:
            return False
        except (OSError, DoorError):
            waiting = None
        if waiting is None:
            self.close()
        return self.closed

    def close(self) -> None:
        """Safe to call twice."""
        self.closed = True
        self._line.close()


def mark_path(home: Path) -> Path:
    """The file that says a daemon is meant to be here; it stays when the daemon is killed."""
    return socket_path(home).with_name("daemon.json")


def knock(
    home: Path,
    client: str,
    returns_s: float = RETURNS_S,
    user: str | None = None,
    of: str | None = None,
) -> Connection | None:
    """A connection to the daemon that owns `home`; None when there is none. `user` and `of` are a
    connection's.

    One that was killed is given `returns_s` to come back, for something restarts it.
    """
    deadline = time.monotonic() + returns_s
    while True:
        with suppress(OSError):
            return Connection(home, client, user, of)
        if not mark_path(home).exists() or time.monotonic() > deadline:
            return None
        time.sleep(_POLL_S)


def _dialled(path: Path) -> Line:
    folder = os.stat(path.parent)
    if folder.st_uid != os.getuid() or stat.S_IMODE(folder.st_mode) & 0o077:
        raise DoorError(f"{path.parent} can be entered by other users, so what is in it is not trusted")
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        peer.settimeout(_HELLO_S)
        at_address(path, peer.connect)
        peer.settimeout(None)
        if peer_uid(peer) != os.getuid():
            raise DoorError(f"{path} is another user's")
    except BaseException:
        peer.close()
        raise
    return Line(peer)
