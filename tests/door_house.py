"""A home with a door, whose owner can be killed as a crash would and come back; its nights are quick.

The engine is a scripted one: what goes over the wire is what is shown, and nothing of what a model can do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripted_engine import BASE, ScriptedEngine

from dormouse.runtime.agent import Agent
from dormouse.runtime.doors import server
from dormouse.runtime.doors.client import mark_path
from dormouse.runtime.doors.server import DoorServer
from dormouse.runtime.scopes import Scopes
from dormouse.runtime.spec import Spec
from dormouse.sleep.errors import NightFailed
from dormouse.sleep.records import NightReport, Progress


class Owner(Agent):
    """An agent whose nights are quick."""

    def sleep(self, progress: Any = None) -> NightReport:
        if progress:
            progress(Progress("exam", 1, 2, "half"))
        if self.spec.name == "sleepless":
            raise NightFailed("exam", "no.")
        return NightReport("nothing-new", None, [], [], None, {"exam": 1.0}, 0.0, "n0001")


class House:
    """An owner with a door, which can be killed as a crash would, and come back."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.guests: Scopes | None = None
        self.open()

    def open(self) -> None:
        self.engine = ScriptedEngine()
        self.agent: Agent = Owner(home=self.home, engine=self.engine, base=BASE, attach=False)
        self.door = DoorServer(self.agent, self.home, self.more())
        mark_path(self.home).write_text("{}")

    def open_to_guests(self, max_open: int = 64) -> None:
        """The same door, open to other users too, whose agents share the owner's engine."""
        self.door.close()
        self.agent.close()
        self.engine = ScriptedEngine()
        self.guests = Scopes(
            Spec(),
            self.home,
            owner="owner",
            command="test",
            engine=self.engine,
            base=BASE,
            attach=False,
            max_open=max_open,
        )
        self.agent = self.guests.owner
        self.door = DoorServer(self.agent, self.home, self.more(), self.guests.using)

    def more(self) -> dict[str, server.Call]:
        return {
            "warnings": lambda agent: list(agent.warnings),
            "status": lambda agent: {"clients": self.door.clients, "alarms": [], "why": "", "held": []},
        }

    def crash(self) -> None:
        """Everything hangs up, and nothing is tidied."""
        self.door.close()
        self.engine.before_token = lambda said: None
        self.agent.close()
        if self.guests is not None:
            self.guests.close()

    def close(self) -> None:
        mark_path(self.home).unlink(missing_ok=True)
        self.crash()
