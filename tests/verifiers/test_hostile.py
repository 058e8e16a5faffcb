"""Hostile programs in each sandbox: none gets out, none outlives its limit, nothing is left behind.

How soon after its limit one program is gone is the machine's matter, so that each alone has patience; over
several kinds together it is the sandbox's.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dormouse.runtime.bench.hostile import MEMORY_MIB, Program, hostile_programs, job
from dormouse.verifiers.sandbox import abc as sandbox_abc
from dormouse.verifiers.sandbox.abc import Ended, Sandbox
from dormouse.verifiers.sandbox.bubblewrap import Bubblewrap
from dormouse.verifiers.sandbox.choose import KINDS
from dormouse.verifiers.sandbox.namespaces import Namespaces
from dormouse.verifiers.sandbox.processes import kill_tree, processor_s
from dormouse.verifiers.settings import SandboxSettings

HOSTILE = hostile_programs()
ENDLESS_S, LONGEST_S = 1.5, 60.0
LATE_S = 5.0  # the promise is a second, on a machine that does nothing else
PATIENCE_S = 60.0
SHORT_S = 0.5
LINGERING = (
    "fork bomb",
    "fork bomb that catches its errors",
    "thread bomb",
    "zombies",
    "burns the processor",
    "ignores requests to end",
    "fills memory in many processes",
)


@dataclass(frozen=True)
class Bait:
    """What of ours a program may try to reach."""

    canary: Path
    server: socket.socket
    local: socket.socket
    abstract: str

    def laid(self, text: str) -> str:
        port = str(self.server.getsockname()[1])
        return (
            text.replace("CANARY", str(self.canary)).replace("PORT", port).replace("ABSTRACT", self.abstract)
        )

    def taken(self) -> bool:
        """Whether somebody connected, or changed the file."""
        for listening in (self.server, self.local):
            try:
                listening.accept()[0].close()
            except BlockingIOError:
                continue
            return True
        return self.canary.read_text() != "canary"


@pytest.fixture
def bait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bait]:
    monkeypatch.setenv("A_SECRET", "canary")
    canary = tmp_path / "canary"
    canary.write_text("canary")
    canary.chmod(0o666)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    name = f"dormouse-{secrets.token_hex(4)}"
    with socket.socket() as server, socket.socket(socket.AF_UNIX) as local:
        server.bind(("127.0.0.1", 0))
        local.bind(f"\0{name}")
        for listening in (server, local):
            listening.listen()
            listening.setblocking(False)
        yield Bait(canary, server, local, name)


def ran(kind: type[Sandbox], text: str, timeout_s: float) -> tuple[Ended, float, list[object]]:
    """How it ended, seconds from start to return, and what it left for good: processes and folders."""
    if kind is Bubblewrap and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    sandbox = kind(SandboxSettings(timeout_s=timeout_s, memory_mib=MEMORY_MIB))
    before = traces()
    started = time.monotonic()
    ended = sandbox.run(job(Program("", (), text)))
    seconds = time.monotonic() - started
    deadline = time.monotonic() + PATIENCE_S
    left = traces() - before
    while left and time.monotonic() < deadline:
        time.sleep(0.02)  # the kernel buries a namespace's processes one after another
        left &= traces()  # what came later is another program's
    return ended, seconds, sorted(left, key=str)


def traces() -> set[object]:
    """What a run may leave: a namespace with processes in it, and its folder."""
    return {*strangers(), *Path("/tmp").glob("dormouse-code-*")}


def strangers() -> set[str]:
    """The process namespaces other than this one in which processes are alive."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            state = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[0]
            if state not in "ZX":
                found.add(os.readlink(f"/proc/{name}/ns/pid"))
        except OSError:
            continue
    return found - {os.readlink("/proc/self/ns/pid")}


def test_there_are_enough_of_them() -> None:
    assert len({program.name for program in HOSTILE}) == len(HOSTILE) >= 64


@pytest.mark.parametrize("program", HOSTILE, ids=str)
def test_a_hostile_program_is_held(program: Program, bait: Bait) -> None:
    held(Bubblewrap, program, bait)


@pytest.mark.parametrize(
    "program",
    [p for p in HOSTILE if "endless" not in p.rest or "bomb" in p.name],
    ids=str,
)
def test_namespaces_alone_hold_it_too(program: Program, bait: Bait) -> None:
    held(Namespaces, program, bait)


def held(kind: type[Sandbox], program: Program, bait: Bait) -> None:
    endless = "endless" in program.rest
    limit = ENDLESS_S if program.rest else LONGEST_S  # some end of themselves
    ended, seconds, left = ran(kind, bait.laid(program.text), limit)
    printed = bytes(ended.report.get("stdout", b"")).decode(errors="replace")
    assert "ESCAPED" not in printed, printed
    assert not bait.taken()
    assert seconds < limit + LATE_S
    assert left == []
    if endless:
        assert ended.how != "reported" or ended.report["how"] != "end", (
            "a limit ends it, if only its own error"
        )


@pytest.mark.parametrize("kind", [Bubblewrap, Namespaces])
def test_what_is_held_would_be_seen(kind: type[Sandbox], bait: Bait) -> None:
    """The same watch over what is allowed: its own folder, its own children."""
    text = (
        "open('/tmp/x', 'w').write('1')\nescaped(open('/tmp/x').read())\n"
        "if os.fork() == 0: os._exit(0)\nos.wait()"
    )
    ended, _, _ = ran(kind, text, LONGEST_S)
    assert bytes(ended.report["stdout"]) == b"ESCAPED 1\n" and ended.report["how"] == "end"


@pytest.mark.parametrize("kind", [Bubblewrap, Namespaces])
def test_it_stands_though_its_caller_keeps_files_private(kind: type[Sandbox]) -> None:
    os.umask(0o077)  # as a daemon does; put back after the test
    ended, _, _ = ran(kind, "print('here')", LONGEST_S)
    assert bytes(ended.report["stdout"]) == b"here\n" and ended.report["how"] == "end"


def test_without_a_sandbox_the_bait_is_taken(bait: Bait) -> None:
    """That the programs can get out where nothing holds them, so that being held means something."""
    names = (
        "connects",
        "reads a file of ours",
        "writes to a file of ours by a link",
        "connects to local sockets",
    )
    for program in HOSTILE:
        if program.name in names:
            text = bait.laid(program.text.replace("/tmp/", ""))
            ended, _, _ = ran(KINDS["none"], text, LONGEST_S)
            assert b"ESCAPED" in bytes(ended.report["stdout"]), program.name
    assert bait.taken()


@pytest.mark.parametrize("kind", [Bubblewrap, Namespaces])
def test_most_kinds_of_program_are_gone_well_within_a_second_of_their_limit(kind: type[Sandbox]) -> None:
    """The median, which a machine that is busy elsewhere moves least."""
    ends = [ran(kind, program.text, SHORT_S)[0] for program in HOSTILE if program.name in LINGERING]
    late = [ended.late_s for ended in ends]
    assert len(late) == len(LINGERING)
    known = [seconds for seconds in late if seconds is not None]
    assert known == late, "the last of each was seen to go"
    assert 0 < statistics.median(known) < 1.0, dict(zip(LINGERING, known, strict=True))


def test_what_lives_on_past_its_limit_is_seen_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def tardily(pid: int) -> None:
        time.sleep(0.3)
        kill_tree(pid)

    monkeypatch.setattr(sandbox_abc, "kill_tree", tardily)
    ended, _, _ = ran(Bubblewrap, "time.sleep(100)", SHORT_S)
    assert ended.late_s is not None and ended.late_s >= 0.3
    assert ran(Bubblewrap, "pass", LONGEST_S)[0].late_s == 0


def test_what_a_program_cost_until_it_was_ended_is_known() -> None:
    ended, _, _ = ran(Bubblewrap, "while True: pass", ENDLESS_S)
    assert ended.how == "timeout" and ended.cpu_s > 0


def test_processor_time_is_counted_over_all_below_and_those_that_have_ended() -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass\n"
    ended_child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn!r}])\n"
    waits = "print('burnt', flush=True)\ninput()\n"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {ended_child + waits!r}])"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"burnt\n"
        spent = processor_s(process.pid)
        process.communicate(b"\n")
    assert spent >= 0.19
    assert processor_s(process.pid) == 0


def test_memory_is_counted_over_all_processes() -> None:
    program = next(p for p in HOSTILE if p.name == "fills memory in many processes")
    ended, _, left = ran(Bubblewrap, program.text, LONGEST_S)
    assert (ended.how, left) == ("memory", [])


def test_a_judge_that_is_killed_gives_no_verdict() -> None:
    program = next(p for p in HOSTILE if p.name == "kills its judge")
    ended, _, _ = ran(Bubblewrap, program.text, LONGEST_S)
    assert ended.how == "broke off"
