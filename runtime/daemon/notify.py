"""What systemd is told (sd_notify): ready, alive, stopping. Says nothing where nobody listens."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(*lines: str) -> None:
    """Send lines such as READY=1 to the service manager, if this process has one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect("\0" + address[1:] if address[0] == "@" else address)
        manager.send("\n".join(lines).encode())


def watchdog_s() -> float | None:
    """How often the manager wants to hear WATCHDOG=1: half of the time after which it would restart us."""
    given = os.environ.get("WATCHDOG_USEC", "")
    meant = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    return int(given) / 2e6 if given.isdigit() and meant == str(os.getpid()) else None


def desktop_notification(sentence: str) -> bool:
    """Show a sentence on the user's desktop; whether there was one to show it on."""
    from jeepney import DBusAddress, new_method_call
    from jeepney.io.blocking import open_dbus_connection
    from jeepney.wrappers import DBusErrorResponse, unwrap_msg

    bubble = DBusAddress(
        "/org/freedesktop/Notifications",
        bus_name="org.freedesktop.Notifications",
        interface="org.freedesktop.Notifications",
    )
    body: tuple[object, ...] = ("Dormouse", 0, "", "Dormouse", sentence, [], {}, -1)
    try:
        with open_dbus_connection(bus="SESSION") as connection:
            message = new_method_call(bubble, "Notify", "susssasa{sv}i", body)
            unwrap_msg(connection.send_and_get_reply(message, timeout=1.0))
    except (OSError, KeyError, ValueError, RuntimeError, DBusErrorResponse):  # no bus, or one it cannot reach
        return False
    return True
