"""A server over real sockets, in this process, for tests: with a scripted engine or a tiny random model."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from scripted_engine import BASE, ScriptedEngine

from dormouse.memory.base_weights import BaseWeights
from dormouse.memory.engine import WakeEngine
from dormouse.memory.episodes.embedder import Embedder
from dormouse.runtime.scopes import OWNER, Scopes
from dormouse.runtime.server.app import make_app
from dormouse.runtime.server.serving import server_config
from dormouse.runtime.server.settings import ServeSettings
from dormouse.runtime.spec import Spec


@dataclass(frozen=True)
class Served:
    """A running server: where, over which scopes."""

    url: str
    scopes: Scopes


@contextmanager
def serving(
    home: Path,
    engine: WakeEngine | None = None,
    settings: ServeSettings | None = None,
    spec: Spec | None = None,
    demands_tokens: bool = False,
    embedder: Embedder | None = None,
    beside_a_daemon: bool = False,
    base: BaseWeights = BASE,
) -> Iterator[Served]:
    """Serve until the block ends; `beside_a_daemon` with that one's engine."""
    own: dict[str, Any] = {} if beside_a_daemon else {"engine": engine or ScriptedEngine(), "base": base}
    with Scopes(
        spec or Spec(),
        home,
        owner=OWNER,
        command="a test",
        embedder=embedder,
        max_open=(settings or ServeSettings()).max_open_users,
        **own,
    ) as scopes:
        app = make_app(scopes, settings or ServeSettings(), demands_tokens=demands_tokens)
        listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        config = server_config(app, settings or ServeSettings())
        config.timeout_graceful_shutdown = 2
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}, name="serving", daemon=True
        )
        thread.start()
        deadline = time.monotonic() + 120
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", scopes)
        finally:
            server.should_exit = True
            thread.join(120)
            listening.close()
