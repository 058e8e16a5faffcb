"""Signals of idleness, each before something that it can read: clocks, batteries, a bus, a display."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dormouse.runtime.idle import x11
from dormouse.runtime.idle.abc import Clock, Reading
from dormouse.runtime.idle.battery import Battery
from dormouse.runtime.idle.gpu import Gpu
from dormouse.runtime.idle.last_turn import LastTurn
from dormouse.runtime.idle.load import Load
from dormouse.runtime.idle.logind import Logind
from dormouse.runtime.idle.quiet_hours import QuietHours
from dormouse.runtime.idle.watch import idle


def at(hour: int, minute: int = 0) -> Clock:
    return Clock(lambda: datetime(2026, 3, 1, hour, minute, tzinfo=UTC), lambda: 0.0)


@pytest.mark.parametrize(
    ("age", "verdict"), [(None, "idle"), (0.0, "busy"), (599.0, "busy"), (600.0, "idle")]
)
def test_the_last_turn(age: float | None, verdict: str) -> None:
    assert LastTurn(lambda: age, 10).read().verdict == verdict


@pytest.mark.parametrize(
    ("span", "hour", "verdict"),
    [
        ("23:00-06:30", 22, "busy"),
        ("23:00-06:30", 23, "idle"),
        ("23:00-06:30", 3, "idle"),
        ("23:00-06:30", 7, "busy"),
        ("12:00-14:00", 13, "idle"),
        ("12:00-14:00", 14, "busy"),
        ("00:00-00:00", 5, "idle"),
    ],
)
def test_quiet_hours(span: str, hour: int, verdict: str) -> None:
    assert QuietHours([span], at(hour), zone=UTC).read().verdict == verdict


def test_an_overdue_night_does_not_wait_for_quiet_hours() -> None:
    assert QuietHours(["23:00-06:00"], at(12), lambda: True, UTC).read().verdict == "idle"
    assert QuietHours([], at(12), lambda: True, UTC).read().verdict == "unknown"


def test_the_battery_and_what_a_night_may_take_of_it() -> None:
    state: Any = SimpleNamespace(percent=80.0, power_plugged=True)
    battery = Battery(50, 20, lambda: state)
    assert battery.read().verdict == "idle"
    state.power_plugged = False
    assert battery.read().verdict == "idle"
    battery.begin()
    state.percent = 61.0
    assert battery.read().verdict == "idle"
    state.percent = 60.0
    assert battery.read().verdict == "busy"
    state.power_plugged, state.percent = True, 80.0
    assert battery.read().verdict == "idle"
    state.power_plugged, state.percent = False, 55.0
    assert battery.read().verdict == "busy"
    battery.end()
    assert battery.read().verdict == "idle"  # it was that night's budget, and not the next one's
    state.power_plugged, state.percent = None, 49.0  # psutil does not know; it may well be on battery
    battery.begin()
    assert battery.read().verdict == "busy"
    assert (
        Battery(100, 20, lambda: SimpleNamespace(percent=100.0, power_plugged=False)).read().verdict == "busy"
    )
    assert Battery(50, 20, lambda: None).read().verdict == "unknown"


def test_others_load_is_seen_and_ones_own_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from dormouse.runtime.idle import load

    taken = iter([(0.0, 0.0, 0.0), (10.0, 12.0, 10.0), (20.0, 22.0, 11.0), (30.0, 22.0, 21.0)])
    monkeypatch.setattr(load, "_taken", lambda: next(taken))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(time, "monotonic", lambda: 1e9)
    signal = Load(0.5)
    assert [signal.read().verdict for _ in range(3)] == ["idle", "busy", "idle"]


def test_a_childs_work_is_ones_own() -> None:
    from dormouse.runtime.idle.load import _taken

    busy = "import time; end = time.process_time() + 60\nwhile time.process_time() < end: pass"
    with subprocess.Popen([sys.executable, "-c", busy]) as child:
        before = _taken()
        while _taken()[2] - before[2] < 0.05:
            assert child.poll() is None
        child.kill()


def test_graphics_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    import pynvml

    for name in ("nvmlInit", "nvmlShutdown"):
        monkeypatch.setattr(pynvml, name, lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: 2)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda at: at)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetUtilizationRates", lambda at: SimpleNamespace(gpu=[0, 30][at]))
    assert [Gpu(most).read().verdict for most in (20, 30)] == ["busy", "idle"]


def reading(verdict: Any) -> Reading:
    return Reading("x", "x", verdict)


@pytest.mark.parametrize(
    ("verdicts", "result"),
    [
        (["idle", "unknown"], True),
        (["idle", "busy"], False),
        (["unknown", "unknown"], False),
        ([], False),
        (["idle", "idle"], True),
    ],
)
def test_all_together(verdicts: list[str], result: bool) -> None:
    assert idle([reading(verdict) for verdict in verdicts]) is result


# --- a display --------------------------------------------------------------------------


def a_display(folder: Path, idle_ms: int, cookie: bytes, extension: bool = True) -> threading.Thread:
    """An X server that knows one extension, and serves one client."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "X7"))
    listener.listen(1)

    def serve() -> None:
        with listener, listener.accept()[0] as peer:
            names, cookies = struct.unpack("<BxHHHHxx", peer.recv(12))[3:]
            given = peer.recv(4096) if names or cookies else b""
            if cookie and not given.endswith(cookie):
                peer.sendall(struct.pack("<BxHHH", 0, 11, 0, 0))
                return
            vendor = b"Ours"
            about = struct.pack("<IIIIHHBBBBBBBB4x", 0, 0, 0, 0, len(vendor), 0, 1, 1, 0, 0, 0, 0, 0, 0)
            about += vendor + bytes(8) + struct.pack("<I", 777) + bytes(36)
            peer.sendall(struct.pack("<BxHHH", 1, 11, 0, len(about) // 4) + about)
            assert peer.recv(4096)[8:].startswith(b"MIT-SCREEN-SAVER")
            peer.sendall(struct.pack("<BxHIBB22x", 1, 1, 0, extension, 140))
            if extension:
                opcode, minor, _, root = struct.unpack("<BBHI", peer.recv(8))
                assert (opcode, minor, root) == (140, 1, 777)
                peer.sendall(struct.pack("<BBHIIIII8x", 1, 0, 2, 0, 0, 0, idle_ms, 0))

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.fixture
def display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(x11.idle_ms, "__defaults__", (tmp_path,))
    monkeypatch.setattr(x11, "_WAIT_S", 20)
    yield tmp_path


def authority(folder: Path, cookie: bytes) -> dict[str, str]:
    fields = [b"host", b"7", b"MIT-MAGIC-COOKIE-1", cookie]
    data = b"".join(struct.pack(">H", len(field)) + field for field in fields)
    (folder / "authority").write_bytes(struct.pack(">H", 256) + data)
    return {"DISPLAY": ":7.0", "XAUTHORITY": str(folder / "authority")}


@pytest.mark.parametrize(("idle_ms", "verdict"), [(599_000, "busy"), (601_000, "idle")])
def test_a_display_tells_how_long_it_had_no_input(display: Path, idle_ms: int, verdict: str) -> None:
    server = a_display(display, idle_ms, b"0123456789abcdef")
    found = x11.X11(10, authority(display, b"0123456789abcdef")).read()
    server.join(120)
    assert (found.verdict, found.words) == (verdict, "idle for 10 min, at least 10 min")


def test_a_display_that_refuses_or_cannot_tell_is_unknown(display: Path) -> None:
    server = a_display(display, 0, b"0123456789abcdef")
    assert "cookie" in x11.X11(10, authority(display, b"wrong cookie")).read().words
    server.join(120)
    (display / "X7").unlink()
    server = a_display(display, 0, b"", extension=False)
    assert "no screen saver" in x11.X11(10, {"DISPLAY": ":7", "HOME": str(display)}).read().words
    server.join(120)


def test_a_wayland_sessions_display_is_not_asked() -> None:
    found = x11.X11(10, {"DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"}).read()
    assert found.verdict == "unknown"


# --- logind -----------------------------------------------------------------------------


def desktop(hint: bool, since: datetime | None, kind: str = "x11") -> dict[str, Any]:
    return {
        "Type": kind,
        "IdleHint": hint,
        "IdleSinceHint": int(since.timestamp() * 1e6) if since else 0,
    }


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sessions", "verdict"),
    [
        ([], "unknown"),
        ([desktop(False, None)], "unknown"),
        ([desktop(True, NOON - timedelta(minutes=11))], "idle"),
        ([desktop(True, NOON - timedelta(minutes=9))], "busy"),
        ([desktop(False, NOON - timedelta(minutes=30))], "busy"),
        ([desktop(True, NOON - timedelta(minutes=30)), desktop(False, NOON)], "busy"),
        ([desktop(True, NOON - timedelta(minutes=30)), desktop(False, NOON, "tty")], "idle"),
    ],
)
def test_what_desktops_tell_logind(
    sessions: list[dict[str, Any]], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers are played back; that they are asked for rightly is seen on a machine with a bus."""
    import contextlib

    from jeepney.io import blocking

    from dormouse.runtime.idle import logind

    monkeypatch.setattr(blocking, "open_dbus_connection", lambda bus: contextlib.nullcontext())
    monkeypatch.setattr(logind, "_sessions", lambda connection: [str(n) for n in range(len(sessions))])
    monkeypatch.setattr(logind, "_properties", lambda connection, path: sessions[int(path)])
    assert Logind(10, at(12)).read().verdict == verdict
