"""Signal: keyboard and mouse of an X display, by its MIT-SCREEN-SAVER extension.

Speaks the few messages of the X protocol that this takes, since Xlib ends the whole process when a display
goes away. Knows one display; a Wayland session's X server hears only its own windows, and is not asked.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

from .abc import Reading, Signal, ago

_WAIT_S = 0.5
_COOKIE = b"MIT-MAGIC-COOKIE-1"
_EXTENSION = b"MIT-SCREEN-SAVER"
_QUERY_EXTENSION, _QUERY_INFO = 98, 1


class X11(Signal):
    """Idle after `least_min` without input; unknown without a local display."""

    name = "display input"

    def __init__(self, least_min: float, environment: Mapping[str, str] | None = None) -> None:
        self._least_min = least_min
        self._environment = os.environ if environment is None else environment

    def read(self) -> Reading:
        display = re.fullmatch(r"(?:unix)?:(\d+)(?:\.\d+)?", self._environment.get("DISPLAY", ""))
        if self._environment.get("XDG_SESSION_TYPE") == "wayland" or display is None:
            return self.found("no X display is known here", None)
        try:
            idle_s = idle_ms(int(display[1]), _cookie(self._environment)) / 1000
        except (OSError, ValueError, struct.error) as error:
            return self.found(f"the X display cannot be asked ({error})", None)
        words = f"idle for {ago(idle_s)}, at least {self._least_min:g} min"
        return self.found(words, idle_s >= 60 * self._least_min)


def idle_ms(display: int, cookie: bytes, folder: Path = Path("/tmp/.X11-unix")) -> int:
    """Milliseconds since the last input. Raises OSError, ValueError, struct.error."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.settimeout(_WAIT_S)
        server.connect(str(folder / f"X{display}"))
        root = _root_window(server, cookie)
        name = _EXTENSION
        server.sendall(struct.pack("<BxHHxx", _QUERY_EXTENSION, 2 + _words(name), len(name)) + _padded(name))
        present, opcode = struct.unpack_from("<8xBB", _read(server, 32))
        if not present:
            raise ValueError("it has no screen saver extension")
        server.sendall(struct.pack("<BBHI", opcode, _QUERY_INFO, 2, root))
        reply = _read(server, 32)
        if reply[0] != 1:
            raise ValueError("it refused to tell")
        return int(struct.unpack_from("<16xI", reply)[0])


def _root_window(server: socket.socket, cookie: bytes) -> int:
    """Introduces itself, and finds the first screen's root in the answer."""
    name = _COOKIE if cookie else b""
    server.sendall(
        struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(name), len(cookie)) + _padded(name) + _padded(cookie)
    )
    accepted, length = struct.unpack("<BxxxxxH", _read(server, 8))
    about = _read(server, 4 * length)
    if accepted != 1:
        raise ValueError("it lets nobody in without its cookie")
    vendor, formats = struct.unpack_from("<16xH3xB", about)
    root: int = struct.unpack_from("<I", about, 32 + 4 * ((vendor + 3) // 4) + 8 * formats)[0]
    return root


def _cookie(environment: Mapping[str, str]) -> bytes:
    """The first magic cookie in the user's authority file; empty when there is none."""
    given = environment.get("XAUTHORITY") or str(Path(environment.get("HOME", "/"), ".Xauthority"))
    try:
        data = Path(given).read_bytes()
    except OSError:
        return b""
    at = 0
    while at + 2 <= len(data):
        at += 2  # the kind of address; the display is on this machine
        fields = []
        for _ in range(4):  # address, display, name of the protocol, its data
            (size,) = struct.unpack_from(">H", data, at)
            fields.append(data[at + 2 : at + 2 + size])
            at += 2 + size
        if fields[2] == _COOKIE:
            return fields[3]
    return b""


def _read(server: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = server.recv(size - len(data))
        if not more:
            raise ValueError("it hung up")
        data += more
    return data


def _words(data: bytes) -> int:
    return (len(data) + 3) // 4


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
