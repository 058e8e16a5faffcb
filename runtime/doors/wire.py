"""What goes over the socket: JSON, one message a line, in the version both ends name first.

Promise: a message that cannot be understood ends the connection with a sentence, never with a guess. Knows
lines and errors; nothing of agents. The messages are described in docs/doors.md.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ...memory.errors import DormouseError
from ..errors import DoorError

VERSION = 3
_LONGEST_LINE_BYTES = 64 << 20
_LOCAL_PEERCRED, _SOL_LOCAL = 1, 0  # macOS; Python names neither


class Line:
    """One end of a connection. One thread reads, any may send."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer, self._kept = peer, bytearray()

    def send(self, message: Mapping[str, Any]) -> None:
        """Raises OSError when the other end is gone."""
        self._peer.sendall(json.dumps(message, default=plain).encode() + b"\n")

    def receive(self, timeout_s: float | None = None) -> dict[str, Any] | None:
        """The next message; None when the other end has closed. Raises TimeoutError, OSError, DoorError."""
        while (end := self._kept.find(b"\n")) < 0:
            if len(self._kept) > _LONGEST_LINE_BYTES:
                raise DoorError("the other end sent a line without end")
            self._peer.settimeout(timeout_s)
            try:
                more = self._peer.recv(1 << 16)
            finally:
                with suppress(OSError):
                    self._peer.settimeout(None)
            if not more:
                return None
            self._kept += more
        text = bytes(self._kept[:end])
        del self._kept[: end + 1]
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise DoorError("the other end sent something that is not a JSON object")
        return message

    def close(self) -> None:
        """Safe to call twice, and from any thread: a reader gets None."""
        with suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)
        self._peer.close()


def plain(value: object) -> Any:
    """A record as JSON has it; times are ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")


def packed_error(error: BaseException) -> dict[str, Any]:
    """An error for the other end; one that is no sentence for users is described."""
    if isinstance(error, DormouseError):
        return {"kind": type(error).__name__, "text": str(error)}
    return {"kind": "DoorError", "text": f"The daemon failed at this ({type(error).__name__}: {error})."}


def unpacked_error(packed: Mapping[str, Any]) -> DormouseError:
    """The error of the other end, of its own class where that class is known here."""
    kinds = {kind.__name__: kind for kind in _subclasses(DormouseError)}
    kind, text = kinds.get(str(packed.get("kind")), DoorError), str(packed.get("text"))
    error: DormouseError = kind.__new__(kind, text)  # past its constructor, which makes the sentence
    error.args = (text,)
    return error


def _subclasses(kind: type[DormouseError]) -> list[type[DormouseError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _subclasses(child))]


def peer_uid(peer: socket.socket) -> int:
    """The user at the other end, as the kernel knows it."""
    if sys.platform == "linux":
        return int(struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])
    credentials = peer.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76)
    return int(struct.unpack("=II", credentials[:8])[1])


def socket_path(home: Path) -> Path:
    """Where the owner of `home` is reached, in a folder only its user may enter."""
    return home / "door" / "socket"


def at_address(path: Path, use: Callable[[str], None]) -> None:
    """Calls `use` (a bind or a connect) with an address for `path`, however long that is.

    An address of the kernel's has 100 bytes or so; through the folder's descriptor it is short.
    """
    if len(os.fsencode(path)) < 100 or sys.platform != "linux":
        use(str(path))
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        use(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
