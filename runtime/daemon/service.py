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
from dataclasses import dataclass
from pathlib import Path

from ...memory.durable import storage_faults, write_atomic
from ..doors.client import Connection, knock, mark_path
from ..errors import DaemonError, DoorError
from .log import log_path

_START_S, _STOP_S = 60.0, 120.0
_POLL_S = 0.05

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
# It waits for a home that another program has open.
TimeoutStartSec=infinity
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
        command = " ".join(_quoted(part) for part in self.command)
        return _UNIT.format(home=_escaped(str(self.home)), command=command, environment=lines)

    def install(self) -> Path:
        """Write the unit and have the service manager start it now and at each login; the file's path.

        Raises DaemonError when there is no service manager; the file is then not left.
        """
        path = self.unit_path
        path.parent.mkdir(parents=True, exist_ok=True)
        with storage_faults(path.parent):
            write_atomic(path, self.unit().encode())
        try:
            if sys.platform == "darwin":
                _managed("launchctl", "load", "-w", str(path))
            else:
                _managed("systemctl", "--user", "daemon-reload")
                _managed("systemctl", "--user", "enable", "--now", path.name)
        except DaemonError:
            path.unlink(missing_ok=True)
            raise
        return path

    def uninstall(self) -> Path:
        """Stop the service and remove the unit; its path. Raises DaemonError when it is not installed."""
        path = self.unit_path
        if not path.exists():
            raise DaemonError(f"No service is installed for {self.home}; {path} is not there.")
        try:
            if sys.platform == "darwin":
                _managed("launchctl", "unload", "-w", str(path))
            else:
                _managed("systemctl", "--user", "disable", "--now", path.name)
        finally:
            path.unlink(missing_ok=True)
        return path

    def start(self) -> int:
        """Start the daemon, by its unit where that is installed; returns its pid once it answers.

        Raises DaemonError when it does not, with its last words.
        """
        if (running := self._pid()) is not None:
            return running
        ended = None
        if self.unit_path.exists() and sys.platform != "darwin":
            _managed("systemctl", "--user", "start", self.unit_path.name)
        elif self.unit_path.exists():
            _managed("launchctl", "start", self.name)
        else:
            ended = self._kept()
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if (pid := self._pid()) is not None:
                return pid
            if ended is not None and ended.poll() is not None:
                break
            time.sleep(_POLL_S)
        raise DaemonError(f"The daemon did not start: {self._last_words()}")

    def stop(self) -> int:
        """Stop the daemon and wait for its end; returns the pid it had. Raises DaemonError."""
        pid = self._pid()
        if pid is None:
            raise DaemonError(f"No daemon is running for {self.home}.")
        if self._is_unit_active():
            _managed("systemctl", "--user", "stop", self.unit_path.name)
        else:
            os.kill(self._keeper() or pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        while time.monotonic() < deadline:
            if not _runs(pid):
                return pid
            time.sleep(_POLL_S)
        raise DaemonError(f"The daemon (process {pid}) has not ended within {_STOP_S:.0f} s.")

    def _kept(self) -> subprocess.Popen[bytes]:
        """The daemon under a keeper, in a session of its own, without a terminal."""
        keeper = f"{__package__}.keeper"
        output = self.home / "logs" / "start.log"
        with storage_faults(self.home):
            output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as words:
            return subprocess.Popen(
                [sys.executable, "-m", keeper, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                start_new_session=True,
                cwd="/",
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )

    def _last_words(self) -> str:
        for path in (self.home / "logs" / "start.log", log_path(self.home)):
            try:
                lines = path.read_text(errors="replace").strip().splitlines()
            except OSError:
                continue
            if lines:
                return lines[-1].removeprefix("dormouse: ")
        return "it said nothing"

    def _pid(self) -> int | None:
        """The pid of the daemon that answers now."""
        try:
            connection: Connection | None = knock(self.home, "dormouse daemon", returns_s=0.0)
        except DoorError:
            return None
        if connection is None:
            return None
        connection.close()
        return int(connection.about["pid"])

    def _keeper(self) -> int | None:
        try:
            kept = json.loads(mark_path(self.home).read_text())["keeper"]
        except (OSError, ValueError, KeyError):
            return None
        return int(kept) if kept else None

    def _is_unit_active(self) -> bool:
        if sys.platform == "darwin" or not self.unit_path.exists():
            return False
        asked = ["systemctl", "--user", "is-active", "--quiet", self.unit_path.name]
        return subprocess.run(asked, check=False, capture_output=True).returncode == 0


def _managed(*command: str) -> None:
    try:
        ran = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        raise DaemonError(
            f"This machine has no {command[0]}; `dormouse daemon start` runs the daemon without it."
        ) from None
    if ran.returncode:
        words = " ".join(ran.stderr.split()).rstrip(".") or f"it ended with {ran.returncode}"
        raise DaemonError(
            f"{shlex.join(command)} refused ({words}); `dormouse daemon start` runs the daemon without it."
        )


def _runs(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """As systemd reads it in a command: % and $ stand for themselves."""
    inner = _escaped(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{inner}"'
