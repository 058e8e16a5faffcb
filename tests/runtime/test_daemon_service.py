"""The daemon as a service: what the service manager is given and told, who is found to have a home, and how
whatever runs is ended. The service manager is a fake; daemons and keepers are processes.
"""

from __future__ import annotations

import json
import os
import plistlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from command_line import environment
from fake_services import FakeServices, fake_services

from dormouse.memory.errors import HomeLocked
from dormouse.memory.home import Home, holder_of, lock_path
from dormouse.runtime.daemon import keeper, service
from dormouse.runtime.daemon.holders import COMMAND, daemon_of, waiting_daemon
from dormouse.runtime.daemon.keeper import bound_output
from dormouse.runtime.daemon.log import log_path
from dormouse.runtime.daemon.service import Service
from dormouse.runtime.doors.client import mark_path
from dormouse.runtime.errors import DaemonError, DaemonRunning

PROGRAMS = Path(__file__).parents[1]
PATIENCE_S = 300.0
NASTY = 'my "home" of 100%h $HOME ${USER}\\n'


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeServices:
    return fake_services(tmp_path, monkeypatch)


@pytest.fixture
def daemon(tmp_path: Path, services: FakeServices) -> Service:
    return Service(tmp_path / "home", None)


@contextmanager
def program(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Python with these arguments, in a process that does not outlive the block."""
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)], env=environment(), text=True, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def old_daemon(home: Path) -> Iterator[subprocess.Popen[str]]:
    with program(PROGRAMS / "old_daemon.py", home) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield process


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- what the service manager is given --------------------------------------------------


def words(text: str) -> list[str]:
    """Quoted words as systemd.syntax(7) and systemd.unit(5) have them: C's escapes, then %%."""
    escapes = {"n": "\n"}
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    return [
        re.sub(r"\\(.)", lambda found: escapes.get(found[1], found[1]), word).replace("%%", "%")
        for word in quoted
    ]


def directives(unit: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#"))


@pytest.mark.parametrize("name", ["home", NASTY, "two\nlines", "caf\udce9"])
def test_the_unit_starts_the_daemon_of_that_home_by_that_spec_whatever_their_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/a $place/100%/python")
    daemon = Service(tmp_path / name, tmp_path / f"{name}.yaml")
    python, *arguments = words(directives(daemon.unit())["ExecStart"])
    assert python == sys.executable  # no $ is read in what is executed
    assert [argument.replace("$$", "$") for argument in arguments] == daemon.command[1:]
    assert not any("$" in argument.replace("$$", "") for argument in arguments)
    assert daemon.command[-4:] == ["--home", str(daemon.home), "--spec", str(daemon.spec_file)]


def test_the_unit_carries_the_environment_as_it_is(daemon: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("DORMOUSE_CACHE", NASTY)
    assert words(directives(daemon.unit())["Environment"]) == [f"DORMOUSE_CACHE={NASTY}"]


def test_the_unit_is_told_when_it_is_ready_and_given_up_in_the_end(daemon: Service) -> None:
    said = directives(daemon.unit())
    assert (said["Type"], said["Restart"], said["WantedBy"]) == ("notify", "on-failure", "default.target")
    assert (said["RestartPreventExitStatus"], said["UMask"]) == ("2", "0077")
    assert int(said["TimeoutStartSec"]) <= 600
    assert int(said["WatchdogSec"]) > 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd to read it")
def test_systemd_finds_no_fault_in_the_unit(
    tmp_path: Path, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a $place of 100%").mkdir()
    (tmp_path / "a $place of 100%" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "a $place of 100%" / "python"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    daemon = Service(tmp_path / NASTY, tmp_path / "two\nlines.yaml")
    unit = tmp_path / daemon.unit_path.name
    unit.write_text(daemon.unit())
    read = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (read.returncode, read.stderr) == (0, "")


# --- install and uninstall --------------------------------------------------------------


def test_install_enables_and_starts_the_unit_and_uninstall_leaves_nothing(
    daemon: Service, services: FakeServices
) -> None:
    unit = daemon.unit_path.name
    assert daemon.install() == services.units / unit
    assert (services.units / unit).read_text() == daemon.unit()
    assert services.calls == [
        "systemctl --user daemon-reload",
        f"systemctl --user enable {unit}",
        f"systemctl --user restart {unit}",
    ]
    assert daemon.uninstall() == services.units / unit
    assert services.calls[3:5] == [f"systemctl --user disable --now {unit}", "systemctl --user daemon-reload"]
    assert services.left() == []
    with pytest.raises(DaemonError, match="No service is installed"):
        daemon.uninstall()


@pytest.mark.parametrize("verb", ["daemon-reload", "enable", "restart"])
def test_an_install_that_fails_says_why_and_leaves_nothing(
    verb: str, daemon: Service, services: FakeServices
) -> None:
    services.refuse(verb)
    with pytest.raises(
        DaemonError, match=rf"systemctl --user {verb}.* refused \(Job for .* is not to be\); "
    ):
        daemon.install()
    assert services.left() == []
    unit = daemon.unit_path.name
    removal = [f"systemctl --user disable --now {unit}", "systemctl --user daemon-reload"]
    at = services.calls.index(removal[0])
    assert services.calls[at : at + 2] == removal


def test_an_install_again_that_fails_leaves_the_earlier_service(
    daemon: Service, services: FakeServices
) -> None:
    unit = daemon.install()
    before = unit.read_text()
    services.refuse("restart")
    with pytest.raises(DaemonError, match="refused"):
        Service(daemon.home, daemon.home / "spec.yaml").install()
    assert unit.read_text() == before
    assert services.left() == [unit.name, unit.name]


def test_without_a_service_manager_nothing_is_installed(
    daemon: Service, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DaemonError, match="no systemctl; `dormouse daemon start` runs the daemon without it"):
        daemon.install()
    assert services.left() == []


def test_an_uninstall_that_is_refused_leaves_no_unit_to_start_at_the_next_login(
    daemon: Service, services: FakeServices
) -> None:
    daemon.install()
    services.refuse("disable")
    with pytest.raises(DaemonError, match="refused"):
        daemon.uninstall()
    assert services.left() == []


def test_install_says_that_a_daemon_runs_already_before_it_changes_anything(
    daemon: Service, services: FakeServices
) -> None:
    with (
        Home.open(daemon.home, command=COMMAND),
        pytest.raises(DaemonRunning, match=rf"process {os.getpid()}\); `dormouse daemon stop` ends it"),
    ):
        daemon.install()
    assert (services.left(), services.calls) == ([], [])


def test_a_service_that_runs_is_installed_again_and_begins_anew(
    daemon: Service, services: FakeServices
) -> None:
    daemon.install()
    services.run(os.getpid())
    with Home.open(daemon.home, command=COMMAND):
        daemon.install()
    assert services.calls[3:] == services.calls[:3]


def test_on_a_mac_the_agent_is_a_plist_that_launchctl_is_given(
    daemon: Service, services: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        service, "sys", SimpleNamespace(platform="darwin", executable=sys.executable, path=sys.path)
    )
    monkeypatch.setattr(service, "_START_S", 0.0)
    path = daemon.install()
    assert path == tmp_path / "Library" / "LaunchAgents" / f"{daemon.name}.plist"
    agent = plistlib.loads(path.read_bytes())
    assert (agent["Label"], agent["ProgramArguments"]) == (daemon.name, daemon.command)
    assert (agent["RunAtLoad"], agent["KeepAlive"]) == (True, {"SuccessfulExit": False})
    with pytest.raises(DaemonError, match="did not start"):
        daemon.start()
    daemon.uninstall()
    assert services.calls[1:] == [
        f"launchctl load -w {path}",
        f"launchctl start {daemon.name}",
        f"launchctl stop {daemon.name}",
        f"launchctl unload -w {path}",
    ]
    assert not path.exists()


# --- a home that another program has open -----------------------------------------------


@pytest.mark.parametrize("command", [Service.start, Service.install])
def test_a_home_in_use_is_said_at_once_and_nothing_is_started(
    command: Callable[[Service], object], daemon: Service, services: FakeServices
) -> None:
    said = rf"process {os.getpid()} \(dormouse chat\) is using it"
    with Home.open(daemon.home, command="dormouse chat"), pytest.raises(HomeLocked, match=said):
        command(daemon)
    assert (services.left(), services.calls) == ([], [])
    assert not (daemon.home / "logs").exists()


def test_what_was_started_ends_when_another_program_was_quicker(
    daemon: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[subprocess.Popen[bytes]] = []
    kept = Service._kept

    def slow(self: Service) -> subprocess.Popen[bytes]:
        opened.append(Home.open(self.home, command="dormouse chat"))
        begun.append(kept(self))
        return begun[-1]

    opened: list[Home] = []
    monkeypatch.setattr(Service, "_kept", slow)
    with pytest.raises(HomeLocked, match="dormouse chat"):
        daemon.start()
    opened[0].close()
    assert begun[0].poll() is not None


def test_a_daemon_that_waits_for_its_home_is_found_and_can_be_stopped(daemon: Service) -> None:
    with (
        Home.open(daemon.home, command="dormouse chat"),
        program(PROGRAMS / "daemon_program.py", daemon.home) as waiting,
    ):
        until(lambda: waiting_daemon(daemon.home))
        until(lambda: log_path(daemon.home).exists() and log_path(daemon.home).read_text().endswith("\n"))
        assert daemon.stop() == waiting.pid
        said = json.loads(log_path(daemon.home).read_text())
        assert said["event"] == "waiting for the home"
        assert said["held_by"] == f"process {os.getpid()} (dormouse chat)"
        assert waiting_daemon(daemon.home) is None
        with pytest.raises(DaemonError, match="No daemon is running"):
            daemon.stop()


def test_a_name_in_the_lock_is_believed_only_of_a_process_that_has_it_open(daemon: Service) -> None:
    daemon.home.mkdir()
    with program("-c", "input()") as bystander:
        lock_path(daemon.home).write_text(json.dumps({"pid": bystander.pid, "command": COMMAND}))
        assert daemon_of(daemon.home) is None
        with pytest.raises(DaemonError, match="No daemon is running"):
            daemon.stop()
        assert bystander.poll() is None


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", '{"pid": "x", "command": "y"}'])
def test_a_lock_without_a_name_has_no_holder(text: str, tmp_path: Path) -> None:
    lock_path(tmp_path).write_text(text)
    assert holder_of(lock_path(tmp_path)) is None
    assert holder_of(tmp_path / "none") is None


# --- start and stop ---------------------------------------------------------------------


def test_a_daemon_of_another_version_is_named_by_start_and_ended_by_stop(daemon: Service) -> None:
    with old_daemon(daemon.home) as old:
        with pytest.raises(DaemonError, match=rf"another version already \(process {old.pid}\)"):
            daemon.start()
        assert daemon.stop() == old.pid
        assert old.wait() == -15
    with pytest.raises(DaemonError, match="No daemon is running"):
        daemon.stop()


def test_a_daemon_of_the_service_manager_is_stopped_by_it(daemon: Service, services: FakeServices) -> None:
    daemon.install()
    with old_daemon(daemon.home) as running:
        services.run(running.pid)
        assert daemon.stop() == running.pid
    assert services.calls[-1] == f"systemctl --user stop {daemon.unit_path.name}"


def test_a_daemon_beside_its_unit_is_not_the_service_managers_to_stop(
    daemon: Service, services: FakeServices
) -> None:
    daemon.install()
    with old_daemon(daemon.home) as running:
        assert daemon.stop() == running.pid
    assert not any(" stop " in call for call in services.calls)


def test_an_installed_daemon_that_does_not_answer_is_stopped_again(
    daemon: Service, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_START_S", 0.0)
    daemon.install()
    with pytest.raises(DaemonError, match="The daemon did not start: it said nothing"):
        daemon.start()
    unit = daemon.unit_path.name
    assert services.calls[-2:] == [f"systemctl --user start {unit}", f"systemctl --user stop {unit}"]


@pytest.mark.parametrize("code", [1, 2])
def test_a_daemon_that_fails_before_it_is_ready_is_quoted_and_not_begun_again(
    code: int, daemon: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = f"import sys; print('dormouse: Not so.', file=sys.stderr); sys.exit({code})"
    monkeypatch.setattr(Service, "command", [sys.executable, "-c", fails])
    with pytest.raises(DaemonError, match=r"^The daemon did not start: Not so\.$"):
        daemon.start()


def test_a_keeper_between_two_daemons_is_ended(daemon: Service) -> None:
    daemon.home.mkdir()
    mark_path(daemon.home).parent.mkdir(mode=0o700)
    again = daemon.home / "again"
    dies = f"import os, pathlib; pathlib.Path({str(again)!r}).touch(); os.kill(os.getpid(), 9)"
    with program("-m", keeper.__name__, sys.executable, "-c", dies) as kept:
        mark_path(daemon.home).write_text(json.dumps({"pid": 1, "keeper": str(kept.pid)}))
        until(again.exists)
        assert daemon.stop() == kept.pid
        assert kept.wait() == 0


def test_what_a_mark_calls_a_keeper_must_be_one(daemon: Service) -> None:
    daemon.home.mkdir()
    mark_path(daemon.home).parent.mkdir(mode=0o700)
    with program("-c", "input()") as bystander:
        mark_path(daemon.home).write_text(json.dumps({"pid": 1, "keeper": str(bystander.pid)}))
        with pytest.raises(DaemonError, match="No daemon is running"):
            daemon.stop()
        assert bystander.poll() is None


def test_a_daemon_that_had_been_ready_is_begun_again_after_a_failure(tmp_path: Path) -> None:
    before = tmp_path / "before"
    fails = (
        "import pathlib, sys, time\n"
        "from dormouse.runtime.daemon.notify import notify\n"
        f"before = pathlib.Path({str(before)!r})\n"
        "if before.exists():\n"
        "    sys.exit(0)\n"
        "before.touch()\n"
        "notify('READY=1')\n"
        "time.sleep(0.2)\n"
        "sys.exit(1)\n"
    )
    keeping = [sys.executable, "-m", keeper.__name__, sys.executable, "-c", fails]
    assert subprocess.run(keeping, env=environment(), check=False).returncode == 0


# --- what a kept daemon prints ----------------------------------------------------------


@pytest.mark.parametrize(("size", "left"), [(keeper._LONGEST_OUTPUT_BYTES, "all"), (1 << 21, "none")])
def test_a_file_of_output_is_emptied_once_it_is_long(size: int, left: str, tmp_path: Path) -> None:
    with (tmp_path / "start.log").open("ab") as file:
        file.write(b"x" * size)
        file.flush()
        bound_output(file.fileno())
        assert os.fstat(file.fileno()).st_size == (size if left == "all" else 0)


def test_a_keeper_bounds_what_its_daemons_print(tmp_path: Path) -> None:
    before = tmp_path / "before"
    prints = (
        "import os, pathlib, sys\n"
        f"before = pathlib.Path({str(before)!r})\n"
        "if before.exists():\n"
        "    print('again', file=sys.stderr)\n"
        "else:\n"
        "    before.touch()\n"
        "    print('x' * (1 << 21), file=sys.stderr)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    output = tmp_path / "start.log"
    with output.open("ab") as file:
        keeping = [sys.executable, "-m", keeper.__name__, sys.executable, "-c", prints]
        assert subprocess.run(keeping, env=environment(), stderr=file, check=False).returncode == 0
    assert output.read_text() == "again\n"
