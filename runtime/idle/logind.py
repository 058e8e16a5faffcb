"""Signal: keyboard and mouse, as systemd-logind knows it for this user's sessions, over D-Bus.

Knows what the desktop tells logind (its IdleHint); a session that tells nothing is unknown.
"""

from __future__ import annotations

import os
from typing import Any

from .abc import Clock, Reading, Signal, ago

_WAIT_S = 0.5
_BUS, _MANAGER = "org.freedesktop.login1", "/org/freedesktop/login1"
_GRAPHICAL = ("x11", "wayland", "mir")


class Logind(Signal):
    """Idle when each desktop session of this user has been idle for `least_min`.

    `bus` is a D-Bus address, the system's when None.
    """

    name = "session input"

    def __init__(self, least_min: float, clock: Clock, bus: str | None = None) -> None:
        self._least_min, self._clock, self._bus = least_min, clock, bus

    def read(self) -> Reading:
        from jeepney.io.blocking import open_dbus_connection
        from jeepney.wrappers import DBusErrorResponse

        try:
            with open_dbus_connection(bus=self._bus or "SYSTEM") as connection:
                sessions = [_properties(connection, path) for path in _sessions(connection)]
        except (OSError, DBusErrorResponse, ValueError, KeyError, IndexError) as error:
            return self.found(f"logind cannot be asked ({type(error).__name__})", None)
        desktops = [each for each in sessions if each.get("Type") in _GRAPHICAL]
        telling = [
            each for each in desktops if each["IdleSinceHint"]
        ]  # it is 0 until a desktop says anything
        if not telling:
            return self.found("no desktop session of yours tells logind", None)
        if not all(each["IdleHint"] for each in telling):
            return self.found("a desktop session of yours is in use", False)
        since = max(int(each["IdleSinceHint"]) for each in telling) / 1e6
        idle_s = max(0.0, self._clock.now().timestamp() - since)
        return self.found(
            f"idle for {ago(idle_s)}, at least {self._least_min:g} min", idle_s >= 60 * self._least_min
        )


def _sessions(connection: Any) -> list[str]:
    """The object paths of this user's sessions."""
    from jeepney import DBusAddress, new_method_call

    manager = DBusAddress(_MANAGER, bus_name=_BUS, interface=f"{_BUS}.Manager")
    listed = _asked(connection, new_method_call(manager, "ListSessions"))
    return [path for _, uid, _, _, path in listed[0] if uid == os.getuid()]


def _properties(connection: Any, path: str) -> dict[str, Any]:
    from jeepney import DBusAddress, Properties

    session = Properties(DBusAddress(path, bus_name=_BUS, interface=f"{_BUS}.Session"))
    found = _asked(connection, session.get_all())
    return {name: value for name, (_, value) in found[0].items()}


def _asked(connection: Any, message: Any) -> Any:
    from jeepney.wrappers import unwrap_msg

    return unwrap_msg(connection.send_and_get_reply(message, timeout=_WAIT_S))
