"""The daemon as a service of the user's: a systemd user unit, a launchd agent, or, without either, a keeper.

Promise: a unit names one home and one spec by their whole paths; what `install` writes `uninstall` removes,
and nothing else. Knows files and commands; nothing of what a daemon does.
"""

from __future__ import annotations

import hashlib
import json
import os
import plistlib
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...memory.durable import storage_faults, write_atomic
from ...memory.errors import FIXED
from ..doors.client import Connection, knock, mark_path
from ..errors import DaemonError, DaemonRunning, DoorError
from .holders import daemon_of, refuse_if_held, waiting_daemon
from .log import log_path

_START_S, _STOP_S = 300.0, 120.0
_POLL_S = 0.05
_KEEPER = f"{__package__}.keeper"
_RUNNING_UNIT = ("active", "activating", "reloading", "deactivating")

_UNIT = """\
[Unit]
Description=Dormouse at {home}
# Its turns are in the journal, so it may come back as often as it is killed; a fault at each start ends it.
StartLimitIntervalSec=600
StartLimitBurst=200

[Service]
Type=notify
ExecStart={command}
Restart=on-failure
RestartSec=1
# Given nonsense it ends with 2, and would do so again.
RestartPreventExitStatus=2
# It is ready once it serves, or waits for a home that another program has open; a big home takes a while.
TimeoutStartSec=300
WatchdogSec=120
TimeoutStopSec=120
UMask=0077
{environment}
[Install]
WantedBy=default.target
"""


@dataclass(frozen=True)
class Service:
    """The daemon of one home, with the spec file it is to run by (None: the defaults)."""

    home: Path
    spec_file: Path | None

    @property
    def name(self) -> str:
        """One name for one home."""
        return f"dormouse-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:8]}"

    @property
    def command(self) -> list[str]:
        """The daemon in the foreground, by whole paths."""
        module = f"{__name__.split('.runtime.')[0]}.tui.cli"
        chosen = [] if self.spec_file is None else ["--spec", str(self.spec_file)]
        return [sys.executable, "-m", module, "daemon", "--home", str(self.home), *chosen]

    @property
    def unit_path(self) -> Path:
        """The file that `install` writes."""
        if sys.platform == "darwin":
            return Path.home() / "Library" / "LaunchAgents" / f"{self.name}.plist"
        config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        return Path(config) / "systemd" / "user" / f"{self.name}.service"

    def unit(self) -> str:
        """What is written there."""
        environment = {
            name: os.environ[name] for name in ("DORMOUSE_CACHE", "PYTHONPATH") if os.environ.get(name)
        }
        if sys.platform == "darwin":
            document = {
                "Label": self.name,
                "ProgramArguments": self.command,
                "EnvironmentVariables": environment,
                "RunAtLoad": True,
                "KeepAlive": {"SuccessfulExit": False},
                "Umask": 0o077,
            }
            return plistlib.dumps(document).decode()
        lines = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in environment.items())
        program, *arguments = map(_quoted, self.command)
        command = " ".join([program, *(argument.replace("$", "$$") for argument in arguments)])
        home = _escaped(str(self.home)).replace("\n", " ")
        return _UNIT.format(home=home, command=command, environment=lines)

    def install(self) -> Path:
        """Write the unit and have the service manager start it now and at each login; the file's path.

        Raises HomeLocked and DaemonRunning while anything but this service has the home, and DaemonError when
        the service manager refuses or is missing; all is then as it was.
        """
        refuse_if_held(self.home)
        pid = self._daemon()
        if pid is not None and pid != self._unit_pid():
            raise DaemonRunning(self.home, pid)
        path = self.unit_path
        before = path.read_bytes() if path.exists() else None
        try:
            self._enable(os.fsencode(self.unit()))
        except DaemonError as error:
            with suppress(DaemonError):
                if before is None:
                    self._remove()
                else:
                    self._enable(before)
            reason = str(error).rstrip(".")
            raise DaemonError(f"{reason}; `dormouse daemon start` runs the daemon without it.") from None
        return path

    def uninstall(self) -> Path:
        """Stop the service and remove the unit; its path. Raises DaemonError when it is not installed."""
        path = self.unit_path
        if not path.exists():
            raise DaemonError(f"No service is installed for {self.home}; {path} is not there.")
        self._remove()
        return path

    def start(self) -> int:
        """Start the daemon, by its unit where that is installed; returns its pid once it answers.

        Raises HomeLocked while another program has the home, and DaemonError when the daemon does not answer,
        with its last words; nothing that was started is then left.
        """
        refuse_if_held(self.home)
        if self._daemon() is not None:
            return self._answered(None)
        keeper = None if self.unit_path.exists() else self._kept()
        try:
            if keeper is None:
                self._start_unit()
            return self._answered(keeper)
        except BaseException:
            self._take_back(keeper)
            raise

    def stop(self) -> int:
        """Stop the daemon, of whatever version, and wait for its end; returns the pid it had.

        Raises DaemonError.
        """
        pid, unit = self._daemon(), self._unit_pid()
        keeper = self._keeper(pid)
        last = pid or keeper or unit
        if last is None:
            raise DaemonError(f"No daemon is running for {self.home}.")
        if unit is not None and (pid is None or pid == unit):
            _managed("systemctl", "--user", "stop", self.unit_path.name)
        else:
            with suppress(ProcessLookupError):
                os.kill(keeper or last, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        while time.monotonic() < deadline:
            if not any(_runs(each) for each in (pid, keeper) if each):
                return last
            time.sleep(_POLL_S)
        raise DaemonError(f"The daemon (process {last}) has not ended within {_STOP_S:.0f} s.")

    def _enable(self, unit: bytes) -> None:
        """Write the unit, and have it started now and at each login; one that runs begins anew by it."""
        path = self.unit_path
        with storage_faults(path.parent, FIXED):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, unit)
        if sys.platform == "darwin":
            with suppress(DaemonError):
                _managed("launchctl", "unload", str(path))
            _managed("launchctl", "load", "-w", str(path))
            return
        _managed("systemctl", "--user", "daemon-reload")
        _managed("systemctl", "--user", "enable", path.name)
        _managed("systemctl", "--user", "restart", path.name)

    def _remove(self) -> None:
        """Stop the service and leave nothing of it, whatever the service manager says to that."""
        path = self.unit_path
        try:
            if sys.platform == "darwin":
                _managed("launchctl", "unload", "-w", str(path))
            else:
                _managed("systemctl", "--user", "disable", "--now", path.name)
        finally:
            for left in (path, path.parent / "default.target.wants" / path.name):
                left.unlink(missing_ok=True)
            if sys.platform != "darwin":
                with suppress(DaemonError):
                    _managed("systemctl", "--user", "daemon-reload")
                with suppress(DaemonError):  # there is something to forget only where it had failed
                    _managed("systemctl", "--user", "reset-failed", path.name)

    def _start_unit(self) -> None:
        if sys.platform == "darwin":
            _managed("launchctl", "start", self.name)
        else:
            _managed("systemctl", "--user", "start", self.unit_path.name)

    def _take_back(self, keeper: subprocess.Popen[bytes] | None) -> None:
        """End what was started in vain, so that it does not take the home later."""
        if keeper is not None:
            keeper.terminate()
            keeper.wait()
        elif sys.platform == "darwin":
            with suppress(DaemonError):
                _managed("launchctl", "stop", self.name)
        else:
            with suppress(DaemonError):
                _managed("systemctl", "--user", "stop", self.unit_path.name)

    def _answered(self, keeper: subprocess.Popen[bytes] | None) -> int:
        """The pid of the daemon, once it answers. Raises HomeLocked, DaemonError."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if (pid := self._pid()) is not None:
                return pid
            if keeper is not None and keeper.poll() is not None:
                break
            refuse_if_held(self.home)
            time.sleep(_POLL_S)
        raise DaemonError(f"The daemon did not start: {self._last_words(keeper)}.")

    @property
    def _output(self) -> Path:
        """What a kept daemon prints."""
        return self.home / "logs" / "start.log"

    def _kept(self) -> subprocess.Popen[bytes]:
        """The daemon under a keeper, in a session of its own, without a terminal."""
        with storage_faults(self.home):
            self._output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        with open(descriptor, "wb") as words:
            return subprocess.Popen(
                [sys.executable, "-m", _KEEPER, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                start_new_session=True,
                cwd="/",
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )

    def _last_words(self, keeper: subprocess.Popen[bytes] | None) -> str:
        path = log_path(self.home) if keeper is None else self._output
        with suppress(OSError):
            if lines := path.read_text(errors="replace").strip().splitlines():
                return lines[-1].removeprefix("dormouse: ").rstrip(".")
        return "it said nothing"

    def _daemon(self) -> int | None:
        """The pid of the daemon that has the home, or waits for it, whether it answers or not."""
        return daemon_of(self.home) or waiting_daemon(self.home)

    def _pid(self) -> int | None:
        """The pid of the daemon that answers now. Raises DaemonError for one that cannot be talked to."""
        try:
            connection: Connection | None = knock(self.home, "dormouse daemon", returns_s=0.0)
        except DoorError:
            if (pid := daemon_of(self.home)) is None:
                return None
            raise DaemonError(
                f"{self.home} has a daemon of another version already (process {pid}); "
                "`dormouse daemon stop` ends it."
            ) from None
        if connection is None:
            return None
        connection.close()
        return int(connection.about["pid"])

    def _keeper(self, pid: int | None) -> int | None:
        """The keeper of the daemon `pid`; without one, the keeper that will soon begin another."""
        import psutil

        with suppress(OSError, ValueError, KeyError, TypeError, psutil.Error):
            if pid is not None:
                keeper = psutil.Process(pid).ppid()
            else:
                keeper = int(json.loads(mark_path(self.home).read_text())["keeper"])
            if _KEEPER in psutil.Process(keeper).cmdline():
                return keeper
        return None

    def _unit_pid(self) -> int | None:
        """The unit's process; None when it is not running, 0 when it will soon begin another."""
        if sys.platform == "darwin" or not self.unit_path.exists():
            return None
        asked = ["systemctl", "--user", "show", "--property=ActiveState,MainPID", self.unit_path.name]
        try:
            told = subprocess.run(asked, check=False, capture_output=True, text=True).stdout
        except FileNotFoundError:
            return None
        found = dict(line.partition("=")[::2] for line in told.splitlines())
        return int(found["MainPID"]) if found.get("ActiveState") in _RUNNING_UNIT else None


def _managed(*command: str) -> None:
    try:
        ran = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        raise DaemonError(f"This machine has no {command[0]}.") from None
    if ran.returncode:
        words = " ".join(ran.stderr.split()).rstrip(".") or f"it ended with {ran.returncode}"
        raise DaemonError(f"{shlex.join(command)} refused ({words}).")


def _runs(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """As systemd reads one word. In a command's arguments $ is doubled besides."""
    inner = _escaped(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{inner}"'
