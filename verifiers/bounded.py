"""Processes of our own that compute for a verifier, so that a claim which never ends can be ended.

Promise: a call returns within its time or not at all, and the process that overran is killed. It runs
Dormouse's code on data, never code that came with a claim: that is the sandbox's.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import resource
import select
import subprocess
import sys
import threading
import time
from typing import Any

from .cores import usable_cores

_MEMORY_BYTES = 1 << 31
_START_S = 60.0


class BoundedWorker:
    """Calls `answer(payload)` of one module, after its `prepare()`, in another process. Safe to use from
    several threads: they take turns.
    """

    def __init__(self, module: str, timeout_s: float) -> None:
        self._module, self._timeout_s = module, timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, payload: dict[str, Any]) -> dict[str, Any] | None:
        """What `answer` returned, and the seconds of processor time it took, `cpu_s`; None when it took over
        `timeout_s` or its process broke.
        """
        with self._lock:
            process = self._running()
            if process is None:
                return None
            assert process.stdin is not None
            try:
                process.stdin.write(json.dumps(payload).encode() + b"\n")
                process.stdin.flush()
                line = _line(process, self._timeout_s)
            except OSError:
                line = b""
            if not line.endswith(b"\n"):
                self._kill()
                return None
            found: dict[str, Any] = json.loads(line)
            return found

    def close(self) -> None:
        """Ends the process, if there is one."""
        with self._lock:
            self._kill()

    def _running(self) -> subprocess.Popen[bytes] | None:
        """The process, which waits for a claim; None where it was not ready in time."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"from {__name__} import serve; serve({self._module!r})"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
            if not _line(self._process, _START_S).endswith(b"\n"):  # importing takes longer than a claim may
                self._kill()  # or its word that it is ready would be read as an answer
        return self._process

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    _close(stream)


class BoundedWorkers:
    """As a BoundedWorker, for as many threads at once as there are cores; its processes start as they are
    needed.
    """

    def __init__(self, module: str, timeout_s: float) -> None:
        self._all = [BoundedWorker(module, timeout_s) for _ in range(usable_cores())]
        self._free: queue.LifoQueue[BoundedWorker] = queue.LifoQueue()
        for worker in self._all:
            self._free.put(worker)

    def call(self, payload: dict[str, Any]) -> dict[str, Any] | None:
        """As BoundedWorker's, once one of them is free."""
        worker = self._free.get()
        try:
            return worker.call(payload)
        finally:
            self._free.put(worker)

    def close(self) -> None:
        """Ends the processes there are."""
        for worker in self._all:
            worker.close()


def _close(stream: Any) -> None:
    try:
        stream.close()
    except OSError:
        stream.raw.close()  # what was still to be written has no reader


def _line(process: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    """A line of its output; what there is of one when time is up or it ends."""
    assert process.stdout is not None
    number, data, end = process.stdout.fileno(), b"", time.monotonic() + timeout_s
    while not data.endswith(b"\n"):
        if not select.select([number], [], [], max(0.0, end - time.monotonic()))[0]:
            return data
        piece = os.read(number, 1 << 16)
        if not piece:
            return data
        data += piece
    return data


def serve(module: str) -> None:
    """The other process: answers lines until there are no more."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    served = importlib.import_module(module)
    served.prepare()
    sys.stdout.write("\n")
    sys.stdout.flush()
    for line in sys.stdin:
        began = time.process_time()
        try:
            found = served.answer(json.loads(line))
        except (MemoryError, RecursionError):
            found = {"error": "it takes too much memory"}
        spent = time.process_time() - began
        sys.stdout.write(json.dumps({**found, "cpu_s": spent}) + "\n")
        sys.stdout.flush()
