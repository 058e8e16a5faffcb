"""`dormouse daemon`, and what `dormouse status` says of one: a kept one over a tiny base among them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from command_line import Cli, environment, ran
from fake_services import FakeServices, fake_services

from dormouse.memory.home import Home
from dormouse.runtime.daemon import keeper, service
from dormouse.runtime.daemon.log import log_path
from dormouse.tui import daemon as commands

OLD = Path(__file__).parents[1] / "old_daemon.py"


@pytest.fixture(autouse=True)
def services(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FakeServices:
    return fake_services(folder, monkeypatch)


@contextmanager
def old_daemon(home: Path) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, str(OLD), str(home)], env=environment(), text=True, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def stopped(cli: Cli) -> Iterator[None]:
    """Whatever the test left running is ended."""
    yield
    cli("daemon", "stop")


def test_a_kept_daemon_is_started_asked_and_stopped(cli: Cli, folder: Path, stopped: None) -> None:
    started = ran("daemon", "start", "--json")
    assert (started.code, started.err) == (0, "")
    pid = started.document["pid"]
    kept = psutil.Process(pid).ppid()
    assert keeper.__name__ in psutil.Process(kept).cmdline()
    assert cli("daemon", "start").out == f"The daemon runs as process {pid}.\n"
    seen = cli("status", "--json").document["daemon"]
    assert (seen["pid"], seen["alarms"]) == (pid, [])
    assert "last turn" in {signal["signal"] for signal in seen["signals"]}
    refused = cli("daemon", "install")
    assert (refused.code, f"process {pid}" in refused.err) == (2, True)
    assert cli("daemon", "stop").out == f"The daemon (process {pid}) has ended.\n"
    assert not service._runs(pid) and not service._runs(kept)
    assert (cli("daemon", "stop").code, cli("daemon", "logs").code) == (1, 0)
    assert [json.loads(line)["event"] for line in cli("daemon", "logs", "--json").out.splitlines()] == [
        "ready",
        "stopping",
    ]


def test_status_shows_every_signal_while_no_daemon_runs(cli: Cli) -> None:
    shown = cli("status")
    assert "not running" in shown.out and "no daemon is running; it would wait for" in shown.out
    seen = cli("status", "--json").document["daemon"]
    assert seen["pid"] is None
    assert {reading["verdict"] for reading in seen["signals"]} <= {"idle", "busy", "unknown"}
    rows = [line.split("│")[1:4] for line in shown.out.splitlines() if line.startswith("│")]
    assert [row[0].strip() for row in rows] == [reading["signal"] for reading in seen["signals"]]
    assert [row[1].strip() for row in rows] == [reading["verdict"] for reading in seen["signals"]]


def test_a_daemon_of_another_version_is_shown_and_stopped(cli: Cli, folder: Path) -> None:
    with old_daemon(folder / "home") as pid:
        shown = cli("status")
        assert (shown.code, f"process {pid}\n" in shown.out) == (0, True)
        assert "it speaks version 1" in shown.out
        assert cli("daemon", "stop").out == f"The daemon (process {pid}) has ended.\n"
    assert "not running" in cli("status").out


@pytest.mark.parametrize("command", ["start", "install"])
def test_who_uses_the_home_is_said_in_one_sentence(command: str, cli: Cli, folder: Path) -> None:
    with Home.open(folder / "home", command="dormouse chat"):
        refused = cli("daemon", command)
    assert refused.code == 1
    assert refused.err.count("\n") == 1
    assert f"process {os.getpid()} (dormouse chat) is using it" in refused.err


def test_the_installed_unit_names_the_home_and_the_spec_of_this_folder(
    cli: Cli, folder: Path, services: FakeServices
) -> None:
    installed = cli("daemon", "install", "--json")
    unit = Path(installed.document["unit"]).read_text()
    assert f'"--home" "{folder / "home"}" "--spec" "{folder / "dormouse.yaml"}"' in unit
    assert "is removed" in cli("daemon", "uninstall").out
    assert services.left() == []
    assert "No service is installed" in cli("daemon", "uninstall").err


def test_an_install_that_is_refused_is_an_error_in_one_line(cli: Cli, services: FakeServices) -> None:
    services.refuse("restart")
    refused = cli("daemon", "install")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "`dormouse daemon start` runs the daemon without it" in refused.err


def test_a_log_that_is_not_there_is_said(cli: Cli, folder: Path) -> None:
    missing = cli("daemon", "logs")
    assert (missing.code, str(log_path(folder / "home")) in missing.err) == (1, True)


def test_the_log_is_followed_and_printed_for_people(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log_path(folder / "home")
    path.parent.mkdir(parents=True)
    line = '{"at": "2026-01-02T03:04:05.678+00:00", "level": "info", "event": "night began", "turns": 3}\n'
    path.write_text(line * 3 + "no JSON\n")
    pauses = iter(range(3))

    def pause() -> None:
        match next(pauses):
            case 0:
                path.rename(f"{path}.1")
            case 1:
                path.write_text(line)
            case _:
                raise KeyboardInterrupt

    monkeypatch.setattr(commands, "_pause", pause)
    night = "2026-01-02T03:04:05  info     night began  turns=3"
    assert cli("daemon", "logs", "-n", 2, "-f").out.splitlines() == [night, "no JSON", night]
