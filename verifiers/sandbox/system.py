"""The part of this machine that sandboxed code may see: programs and libraries, this Python, two devices."""

from __future__ import annotations

import os
import secrets
import sys
from functools import cache
from pathlib import Path

from . import payload

DEVICES = ("/dev/null", "/dev/urandom")
SHARED_MEMORY = "/dev/shm"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/nix/store")


@cache
def system_links() -> tuple[tuple[str, str], ...]:
    """(target, link) of those that are links, as /bin is to usr/bin."""
    return tuple((os.readlink(name), name) for name in _SYSTEM if Path(name).is_symlink())


@cache
def system_paths() -> tuple[str, ...]:
    """The folders and files to be seen, read-only, each at its own place."""
    found = [name for name in _SYSTEM if Path(name).exists() and not Path(name).is_symlink()]
    for path in (str(Path(sys.base_prefix).resolve()), str(payload.interpreter().parent)):
        if not any(path == name or path.startswith(f"{name}/") for name in found):
            found.append(path)
    return tuple(found)


def spare_user() -> int:
    """A user id that nobody has, new each time, so that process limits count one job alone."""
    rows = [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    first, _, count = max(rows, key=lambda row: row[2])
    low = max(first, min(1 << 20, first + count // 2), 1)
    return low + secrets.randbelow(max(1, min(first + count, 1 << 31) - low - 1))
