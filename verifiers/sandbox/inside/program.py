"""Runs a program as `__main__` in the code process, and says how it ended and what it printed.

Promise: a program that leaves early is told from one that reached its last line.
"""

from __future__ import annotations

import os
import select
import sys

from .code import keep_only

TYPE_CHECKING = False  # `typing` takes longer to import than most code takes to judge
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_TAIL_BYTES = 2000


def judge(source: str, rest: Callable[[], dict[str, Any]], spawn: Any) -> dict[str, Any]:
    """How it ended (`end`, or a clause) and its standard output and error."""
    given = rest()
    token = os.urandom(8)
    stdin = _filled(given["stdin"].encode())
    if "file" in given:
        name, text = given["file"]
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
    out, err, end = os.pipe(), os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become_program(source, stdin, out[1], err[1], end[1], token, given["arguments"])
        finally:
            os._exit(70)
    for pipe in (out, err, end):
        os.close(pipe[1])
    texts, over = _drained({out[0]: b"", err[0]: b"", end[0]: b""}, given["output_bytes"], pid)
    if over:
        os.kill(pid, 9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    said = texts[end[0]]
    how = said[len(token) :].decode(errors="replace") if said.startswith(token) else _left(status)
    return {
        "how": "it printed too much" if over else how,
        "status": status,
        "stdout": texts[out[0]],
        "stderr": texts[err[0]][-_TAIL_BYTES:],
    }


def _filled(data: bytes) -> int:
    path = "input-of-the-program"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.unlink(path)
    while data:
        data = data[os.write(descriptor, data) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _become_program(
    source: str, stdin: int, stdout: int, stderr: int, end: int, token: bytes, arguments: list[str]
) -> None:
    keep_only(end, end, (stdin, stdout, stderr))
    if arguments:
        os.execv(arguments[0], arguments)
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    sys.argv = ["program.py"]
    try:
        exec(compile(source, "program.py", "exec", dont_inherit=True), module.__dict__)
        said = "end"
    except SystemExit as left:
        said = f"it left by sys.exit({left.code!r})"
    except BaseException as error:  # noqa: BLE001  however it failed, that is how it ended
        said = f"it raised {type(error).__name__}: {error}"[:400]
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        said = "its output could not be written"
    os.write(3, token + said.encode(errors="replace"))
    os._exit(0)


def _drained(texts: dict[int, bytes], most: int, pid: int) -> tuple[dict[int, bytes], bool]:
    """All that comes until every writer has closed or the program's process has ended; and whether it is
    too much.
    """
    waiting = set(texts)
    while waiting:
        ready, _, _ = select.select(list(waiting), [], [], 0.05)
        if not ready and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return texts, False  # what still holds the pipes is a process it left behind
        for number in ready:
            piece = os.read(number, 1 << 16)
            texts[number] += piece
            if not piece:
                waiting.discard(number)
            if sum(map(len, texts.values())) > most:
                return texts, True
    return texts, False


def _left(status: int) -> str:
    return f"signal {-status} ended it" if status < 0 else f"it ended its process with status {status}"
