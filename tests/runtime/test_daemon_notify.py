"""What a daemon tells its service manager and the desktop, over sockets as theirs."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from daemon_program import scopes
from jeepney import HeaderFields, MessageType, Parser, new_error, new_method_return

from dormouse.memory.errors import HomeLocked
from dormouse.memory.home import Home
from dormouse.runtime.daemon.daemon import Daemon
from dormouse.runtime.daemon.holders import once_free, waiting_daemon
from dormouse.runtime.daemon.notify import desktop_notification, notify, watchdog_s
from dormouse.runtime.errors import DaemonRunning
from dormouse.runtime.spec import Spec


class Manager:
    """Listens where NOTIFY_SOCKET says, as systemd does."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """The messages so far."""
        found = []
        with suppress(BlockingIOError):
            while True:
                found.append(self.socket.recv(4096).decode())
        return found


@pytest.fixture(
    params=[
        "path",
        pytest.param("abstract", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux")),
    ]
)
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@dormouse-test-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    made = Manager(address)
    yield made
    made.socket.close()


# --- the service manager ----------------------------------------------------------------


def test_the_manager_is_told_in_one_message(manager: Manager) -> None:
    notify("READY=1", "STATUS=Serving /home/é")
    assert manager.heard() == ["READY=1\nSTATUS=Serving /home/é"]


@pytest.mark.parametrize("address", [None, "", "nonsense", "/nowhere/notify", "@nobody-listens-here"])
def test_nothing_is_said_where_nobody_listens(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if address is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


@pytest.mark.parametrize(
    ("usec", "pid", "every_s"),
    [
        (None, None, None),
        ("120000000", None, 60.0),
        ("120000000", "own", 60.0),
        ("120000000", "1", None),
        ("often", None, None),
    ],
)
def test_the_watchdog_is_told_twice_as_often_as_it_asks(
    usec: str | None, pid: str | None, every_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, str(os.getpid()) if value == "own" else value)
    assert watchdog_s() == every_s


def test_a_daemon_says_that_it_is_ready_alive_and_stopping(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = Daemon(Spec(), tmp_path / "home", make_scopes=scopes, signals=[])
    monkeypatch.setattr(daemon, "keep_house", daemon.stop)
    assert manager.heard() == []
    daemon.run()
    assert manager.heard() == [f"READY=1\nSTATUS=Serving {tmp_path / 'home'}", "WATCHDOG=1", "STOPPING=1"]


def test_a_daemon_whose_home_is_in_use_says_so_and_is_ready_and_alive_meanwhile(
    manager: Manager, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = 0

    def opened() -> str:
        nonlocal looks
        looks += 1
        if looks < 4:
            raise HomeLocked(tmp_path, 7 if looks < 3 else 8, "dormouse chat")
        return "open"

    assert once_free(tmp_path, opened, pause=lambda _: None) == "open"
    status = f"READY=1\nSTATUS=Waiting for {tmp_path}: process %d (dormouse chat) is using it"
    assert manager.heard() == [status % 7, "WATCHDOG=1", "WATCHDOG=1", status % 8, "WATCHDOG=1"]
    assert capsys.readouterr().err.count("waiting for the home") == 2


def test_only_one_daemon_waits_for_a_home_and_none_when_it_is_free(tmp_path: Path) -> None:
    home = Home.open(tmp_path, command="dormouse chat")

    def second(_: float) -> None:
        assert waiting_daemon(tmp_path) == os.getpid()
        with pytest.raises(DaemonRunning, match=f"process {os.getpid()}"):
            once_free(tmp_path, lambda: Home.open(tmp_path, command="x"))
        home.close()

    once_free(tmp_path, lambda: Home.open(tmp_path, command="x"), pause=second).close()
    assert waiting_daemon(tmp_path) is None


def test_a_daemon_that_is_not_to_wait_does_not(tmp_path: Path) -> None:
    with Home.open(tmp_path, command="dormouse chat"), pytest.raises(HomeLocked, match="dormouse chat"):
        once_free(tmp_path, lambda: Home.open(tmp_path, command="x"), wait=False)


# --- the desktop ------------------------------------------------------------------------


class Bus:
    """A session bus with a desktop on it, or without."""

    def __init__(self, address: Path, *, desktop: bool) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._desktop = desktop
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(address))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        peer, _ = self._listener.accept()
        with peer:
            peer.recv(1024)
            peer.sendall(b"OK 0123456789abcdef\r\n")
            said, parser = b"", Parser()
            while b"BEGIN\r\n" not in said:
                said += peer.recv(1024)
            messages = parser.feed(said.partition(b"BEGIN\r\n")[2])
            while messages or (more := peer.recv(1 << 16)):
                for message in messages or parser.feed(more):
                    peer.sendall(self._answer(message).serialise(serial=1))
                messages = []

    def _answer(self, message: Any) -> Any:
        assert message.header.message_type is MessageType.method_call
        member = message.header.fields[HeaderFields.member]
        if member == "Hello":
            return new_method_return(message, "s", (":1.1",))
        self.calls.append((message.header.fields[HeaderFields.destination], member, message.body))
        if self._desktop:
            return new_method_return(message, "u", (1,))
        return new_error(message, "org.freedesktop.DBus.Error.ServiceUnknown")

    def close(self) -> None:
        self._thread.join(60)
        self._listener.close()


@pytest.mark.parametrize("desktop", [True, False])
def test_a_desktop_is_asked_to_show_the_sentence_and_an_error_is_no_desktop(
    desktop: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'bus'}")
    bus = Bus(tmp_path / "bus", desktop=desktop)
    assert desktop_notification("The disk is nearly full.") is desktop
    bus.close()
    ((destination, member, body),) = bus.calls
    assert (destination, member) == ("org.freedesktop.Notifications", "Notify")
    assert body[:1] + body[3:5] == ("Dormouse", "Dormouse", "The disk is nearly full.")


@pytest.mark.parametrize("address", [None, "unix:path=/nowhere/bus", "nonsense", "tcp:host=localhost,port=1"])
def test_without_a_session_bus_there_is_no_desktop(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if address is None:
        monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    else:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    assert not desktop_notification("Nobody sees this.")
