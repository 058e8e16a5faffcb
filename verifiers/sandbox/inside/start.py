"""The first thing that runs in the sandbox: bounds itself, forks the code process, and reports once.

Promise: the report goes to a descriptor that no code under judgement ever had, behind a token it never saw.
"""

from __future__ import annotations

import os
import resource
import sys

from . import wire
from .code import become_code_process

TYPE_CHECKING = False  # `typing` takes longer to import than most code takes to judge
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Take = Callable[[], bytes]

_JOB, _REPORT = 0, 1


def main(take: Take) -> None:
    """Does the job that `take` gives in parts: what all may know, the code, and what only the judge may."""
    known = wire.decode(take(), _plain_only)
    _bound(known["limits"], known["user"])
    if known["folder"]:
        os.chdir(known["folder"])
    report = os.dup(_REPORT)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.write(report, b"+")  # from here on the sandbox stands, and what goes wrong is the code's doing
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    source = take()
    secret: dict[str, Any] = {}

    def rest() -> dict[str, Any]:
        if not secret:
            secret.update(wire.decode(take(), _plain_only))
            os.dup2(nothing, _JOB)
        return secret

    found = sys.modules[f"{__package__}.{known['mode']}"].judge(
        source.decode("utf-8", "surrogatepass"), rest, spawn
    )
    used = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    found["cpu_s"] = sum(use.ru_utime + use.ru_stime for use in used)
    _tell(report, rest()["token"] + wire.encode(found, _nothing_else))
    os._exit(0)


def spawn(source: str) -> tuple[int, int, int]:
    """Forks the code process; returns where it is read from, where it is written to, and its process."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            become_code_process(source, theirs_in, theirs_out)
        finally:
            os._exit(0)
    os.close(theirs_in)
    os.close(theirs_out)
    return ours_in, ours_out, pid


def _bound(limits: dict[str, int], user: int) -> None:
    """Sets the limits for this process and all it forks, then gives up being root for good."""
    for name, value in limits.items():
        number = getattr(resource, name)
        most = resource.getrlimit(number)[1]
        least = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(number, (least, least))
    if user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    os.umask(0o077)


def _tell(report: int, data: bytes) -> None:
    while data:
        data = data[os.write(report, data) :]


def _plain_only(described: Any) -> Any:
    raise wire.WireError("the job holds something that is not plain")


def _nothing_else(value: Any) -> Any:
    return repr(value)
