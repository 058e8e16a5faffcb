"""`namespaces`: the sandbox without bubblewrap, made of the kernel's namespaces by a Python of its own.

It needs the right to make user namespaces, or root. The same promise as bubblewrap's, kept by
`inside/launch.py`.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import cache
from importlib import resources

from . import payload, seccomp
from .abc import Job, Sandbox
from .system import DEVICES, SHARED_MEMORY, spare_user, system_links, system_paths


class Namespaces(Sandbox):
    """Runs jobs in namespaces that their first process makes."""

    name = "namespaces"

    def command(self, job: Job, resources: ExitStack, pass_fds: list[int]) -> list[str]:
        seen = [*system_paths(), *(str(path.resolve()) for path in job.read_only)]
        config = {
            "seen": seen,
            "links": [*system_links(), ("/tmp", SHARED_MEMORY)],
            "devices": list(DEVICES),
            "disk_bytes": self.settings.disk_mib << 20,
            "user": spare_user() if os.geteuid() == 0 else 0,
            "filter": seccomp.program().hex(),
        }
        return payload.python_arguments(f"{_launcher()}\nlaunch({config!r})\n")


@cache
def _launcher() -> str:
    return (resources.files(__package__) / "inside" / "launch.py").read_text()
