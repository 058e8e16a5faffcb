"""Whether a daemon is at home: asked by everything that is about to open one.

Promise: no daemon, no wait. Knows where a daemon is found; nothing of what is said to it.
"""

from __future__ import annotations

from pathlib import Path

from ...memory.home import default_home


def forget_daemon(home: Path) -> None:
    """Called by who owns the home without being a daemon: one that was killed is waited for no longer."""
    (home / "door" / "daemon.json").unlink(missing_ok=True)


def daemon_at(home: str | Path | None, command: str | None = None) -> bool:
    """Whether the home (default: `default_home()`) has a daemon; one that was killed is waited for."""
    folder = Path(home) if home is not None else default_home()
    if not (folder / "door").is_dir():
        return False
    from .client import knock

    connection = knock(folder, command or "dormouse")
    if connection is None:
        return False
    connection.close()
    return True
