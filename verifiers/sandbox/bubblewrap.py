"""`bubblewrap`: the sandbox that Debian's `bwrap` makes: new namespaces, a read-only system, nothing of
the user's.

As root, who is under no process limit, it keeps the right to become another user, and the judge does so
first.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from ..settings import SandboxSettings
from . import payload, seccomp
from .abc import Job, Sandbox
from .system import DEVICES, SHARED_MEMORY, spare_user, system_links, system_paths


class Bubblewrap(Sandbox):
    """Runs jobs under `bwrap`."""

    name = "bubblewrap"

    def __init__(self, settings: SandboxSettings) -> None:
        super().__init__(settings)
        self._program = shutil.which("bwrap") or "bwrap"
        self._root = os.geteuid() == 0
        self._frame = [*_NAMESPACES, *(_AS_ROOT if self._root else _AS_USER), *system_mounts()]

    def user(self) -> int:
        return spare_user() if self._root else 0

    def command(self, job: Job, resources: ExitStack, pass_fds: list[int]) -> list[str]:
        filter_fd = os.memfd_create("filter")
        resources.callback(os.close, filter_fd)
        os.write(filter_fd, seccomp.program())
        os.lseek(filter_fd, 0, os.SEEK_SET)
        pass_fds.append(filter_fd)
        given = [part for path in job.read_only for part in bound(str(path.resolve()))]
        size = str(self.settings.disk_mib << 20)
        own = ["--perms", "1777", "--size", size, "--tmpfs", "/tmp", *given, "--remount-ro", "/"]
        return [
            self._program,
            *self._frame,
            *own,
            "--seccomp",
            str(filter_fd),
            "--",
            *payload.python_arguments(),
        ]


_NAMESPACES = (
    *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
)
_AS_ROOT = ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
_AS_USER = ("--unshare-user", "--uid", "65534", "--gid", "65534")


def system_mounts() -> list[str]:
    """bwrap's words for the read-only system."""
    words = [word for target, link in system_links() for word in ("--symlink", target, link)]
    for path in system_paths():
        words += bound(path)
    words += ["--perms", "0755", "--dir", "/dev"]
    for device in DEVICES:
        words += ["--dev-bind", device, device]
    return [*words, "--symlink", "/tmp", SHARED_MEMORY]


def bound(path: str) -> list[str]:
    """bwrap's words for `path`, read-only at its own place, below folders that any user may enter."""
    above = [str(folder) for folder in reversed(Path(path).parents)][1:]
    made = [word for folder in above for word in ("--perms", "0755", "--dir", folder)]
    return [*made, "--ro-bind", path, path]
