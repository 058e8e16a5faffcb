"""Runs the server until it is told to stop.

Promise: it listens beyond this machine only when a token is asked for; told to stop, it stops within seconds,
and turns being answered are journaled as interrupted.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from ...memory.errors import BadInput
from ..errors import OpenDoor
from ..scopes import OWNER, Scopes
from ..spec import Spec
from .app import make_app
from .settings import ServeSettings
from .tokens import Tokens

_GRACE_S = 5
_BACKLOG = 1024


def serve(
    spec: Spec,
    home: Path | None,
    settings: ServeSettings,
    *,
    command: str,
    ready: Callable[[str, bool], None],
) -> None:
    """Serve until SIGINT or SIGTERM. `ready` is given the address, and whether a token is needed.

    Raises OpenDoor, BadInput for an address that cannot be listened on, HomeLocked and the like.
    """
    local = _is_local(settings.host)
    with Scopes(
        spec,
        home,
        owner=OWNER,
        command=command,
        max_open=settings.max_open_users,
        max_fused=settings.max_fused_users,
    ) as scopes:
        known = Tokens(scopes.path).all()
        if not local and not known:
            raise OpenDoor(settings.host)
        with _listening(settings) as listening:
            port = listening.getsockname()[1]
            app = make_app(scopes, settings, demands_tokens=bool(known) or not local)
            _allow_files(2 * settings.max_connections)
            shown = f"[{settings.host}]" if ":" in settings.host else settings.host
            ready(f"http://{shown}:{port}", bool(known) or not local)
            uvicorn.Server(server_config(app, settings)).run(sockets=[listening])


def server_config(app: ASGIApp, settings: ServeSettings) -> uvicorn.Config:
    """How uvicorn serves the app."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=65_536,
        limit_concurrency=settings.max_connections,
    )


def _allow_files(wanted: int) -> None:
    """Raises the number of files that may be open, as far as the system lets a process do so."""
    import resource

    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now < wanted:
        room = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, room), most))


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listening(settings: ServeSettings) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"The server cannot listen on {settings.host}:{settings.port}: {reason}.") from error
    return listening
