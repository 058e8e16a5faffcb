"""The one interface of all sandboxes: a job in, what it reported and how it ended out.

Promise: when `run` returns, every process of the job has been killed and nothing of it is left on disk,
whatever it did; it returns within a second of the job's time limit.
"""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from ..errors import SandboxBroke
from ..settings import SandboxSettings
from . import payload
from .inside import wire
from .processes import FirstProcess, kill_tree, processor_s, use_of

Ending = Literal["reported", "timeout", "memory", "processes", "broke off"]

_LOOK_AFTER_S, _LOOK_EVERY_S = 0.06, 0.03
_MOST_REPORT_BYTES = 16 << 20
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """What to do in the sandbox: `mode` names a module of `inside/`, `source` goes to the code process, and
    `secret` to the judge alone. `read_only` files and folders can be seen at their own paths.
    """

    mode: str
    source: str
    secret: Mapping[str, Any] = field(default_factory=dict)
    read_only: tuple[Path, ...] = ()
    memory_mib: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended; `report` is what its judge said, and only there when it `reported`.

    `seconds` is wall time; `cpu_s` the processor time of the judge and the code process, or of all there was
    when it was killed. `late_s` is how long after its limit the last of its processes was gone: 0 when that
    was before, None when it was not seen to go.
    """

    how: Ending
    report: Mapping[str, Any]
    seconds: float
    cpu_s: float = 0.0
    late_s: float | None = 0.0


class Sandbox(ABC):
    """Runs jobs under the limits of its settings. Safe to use from several threads."""

    name: ClassVar[str]

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings

    @abstractmethod
    def command(self, job: Job, resources: ExitStack, pass_fds: list[int]) -> list[str]:
        """The program and arguments that start the job's Python (`payload.python_arguments`) in isolation.

        Descriptors it needs are opened in `resources` and added to `pass_fds`.
        """

    def folder(self, resources: ExitStack) -> str:
        """The code's working folder as it sees it, empty at first."""
        return "/tmp"

    def user(self) -> int:
        """The user id to become inside; 0 to stay as it is."""
        return 0

    def sweep(self, pid: int) -> None:  # noqa: B027  there is nothing where the kernel does it
        """Ends what the launcher `pid`, which has ended, may have left."""

    def run(self, job: Job) -> Ended:
        """Runs `job` to its end or its limit. Raises SandboxBroke when the sandbox itself does not stand."""
        started = time.monotonic()
        token = secrets.token_bytes(16)
        with ExitStack() as resources:
            pass_fds: list[int] = []
            command = self.command(job, resources, pass_fds)
            folder = self.folder(resources)
            known = {"mode": job.mode, "limits": self._limits(job), "user": self.user(), "folder": folder}
            secret = {**job.secret, "token": token, "output_bytes": self.settings.output_kib << 10}
            stdin = resources.enter_context(payload.as_file(known, job.source, secret))
            reading, writing = os.pipe()
            resources.callback(os.close, reading)
            try:
                process = subprocess.Popen(
                    command,
                    stdin=stdin,
                    stdout=writing,
                    stderr=subprocess.PIPE,
                    env=payload.environment(folder),
                    cwd="/",
                    pass_fds=pass_fds,
                    start_new_session=True,
                )
            except OSError as error:
                raise SandboxBroke(self.name, (error.strerror or str(error)).lower()) from None
            finally:
                os.close(writing)
            return self._watched(job, process, reading, token, started)

    def _watched(
        self, job: Job, process: subprocess.Popen[bytes], reading: int, token: bytes, started: float
    ) -> Ended:
        how: Ending | None = None
        data = b""
        first = FirstProcess(process.pid)
        limit = started + self.settings.timeout_s
        try:
            how, data = self._followed(job, first, reading, limit, len(token))
            if how in ("memory", "processes"):
                limit = time.monotonic()
        finally:
            first.find()
            complaint, cpu_s = _buried(process, kill=how != "reported")
            gone = first.wait()
            self.sweep(process.pid)
        seconds = time.monotonic() - started
        late_s = max(0.0, started + seconds - limit) if gone else None
        if not data.startswith(b"+") and how != "timeout":
            raise SandboxBroke(self.name, complaint or "it ended before it began")
        if how != "reported":
            return Ended(how, {}, seconds, cpu_s, late_s)
        if data[1 : 1 + len(token)] != token:
            return Ended("broke off", {}, seconds, cpu_s, late_s)
        report = wire.decode(data[1 + len(token) :], _plain_only)
        return Ended("reported", report, seconds, report.pop("cpu_s"), late_s)

    def _followed(
        self, job: Job, first: FirstProcess, reading: int, deadline: float, least: int
    ) -> tuple[Ending, bytes]:
        """Reads the report until its end, a limit, or the deadline (monotonic seconds)."""
        poller = select.poll()
        poller.register(reading, select.POLLIN | select.POLLHUP)
        data = bytearray()
        look = time.monotonic() + _LOOK_AFTER_S
        while True:
            now = time.monotonic()
            if now >= deadline:
                return "timeout", bytes(data)
            if now >= look:
                if over := self._over(job, first.launcher):
                    return over, bytes(data)
                look = now + _LOOK_EVERY_S
            if not poller.poll(max(0.0, min(look, deadline) - now) * 1000 + 1):
                continue
            piece = os.read(reading, 1 << 16)
            data += piece
            first.find()
            if not piece:
                return ("reported" if len(data) > 1 + least else "broke off"), bytes(data)
            if len(data) > _MOST_REPORT_BYTES:
                return "broke off", bytes(data)

    def _over(self, job: Job, pid: int) -> Ending | None:
        """The limit that the job's processes are over together. Each alone is held by its rlimits."""
        most = (job.memory_mib or self.settings.memory_mib) * _MIB
        use = use_of(pid, most)
        if use.processes > self.settings.processes + _OUR_OWN:
            return "processes"
        return "memory" if use.memory_bytes > most else None

    def _limits(self, job: Job) -> dict[str, int]:
        settings = self.settings
        memory = (job.memory_mib or settings.memory_mib) * _MIB
        return {
            "RLIMIT_AS": memory,
            "RLIMIT_CORE": 0,
            "RLIMIT_CPU": int(settings.timeout_s) + 1,
            "RLIMIT_FSIZE": settings.disk_mib * _MIB,
            "RLIMIT_MEMLOCK": 0,
            "RLIMIT_MSGQUEUE": 0,
            "RLIMIT_NOFILE": settings.open_files,
            "RLIMIT_NPROC": settings.processes + _OUR_OWN,
        }


_OUR_OWN = 4  # the launcher, its init, the judge, the code process


def _buried(process: subprocess.Popen[bytes], *, kill: bool) -> tuple[str, float]:
    """Waits for the launcher, which ends when all it started has; returns the last line it complained in, and
    the processor time spent until it was killed, if it was.
    """
    spent = 0.0
    if kill:
        spent = processor_s(process.pid)
        kill_tree(process.pid)
    process.wait()
    if process.stderr is None:
        return "", spent
    with process.stderr as stream, suppress(OSError):
        os.set_blocking(stream.fileno(), False)
        words = os.read(stream.fileno(), 4096).decode(errors="replace").strip().splitlines()
        return (words[-1] if words else ""), spent
    return "", spent


def _plain_only(described: Any) -> Any:
    raise wire.WireError("a report holds something that is not plain")
