"""What a night works with, and what passes from stage to stage.

`NightContext` holds the living parts (journal, engine, registry) and is never stored; `NightState` is plain
JSON and is what the checkpoint holds. Knows nothing of the order of stages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from ..memory.adapters import Registry
from ..memory.base_weights import BaseWeights
from ..memory.engine import WakeEngine
from ..memory.home import Home
from ..memory.journal import Journal
from ..memory.records import Memory
from ..memory.settings import ServeAs
from ..sleep.records import Progress
from ..sleep.right_of_way import RightOfWay
from ..sleep.settings import ExamSettings, SleepSettings
from ..verifiers.abc import Verifier

Report = Callable[[Progress], None]


@dataclass(frozen=True)
class NightContext:
    """The parts of one night; `cache` is where what is derived from the base is kept, `serve_as` in which
    numbers the engine serves it, and `way` says when the night has to stand still.

    With `only_rebuild` the night hears no talk: it makes the weights anew without what was forgotten.
    """

    home: Home
    journal: Journal
    registry: Registry
    engine: WakeEngine
    base: BaseWeights
    cache: Path
    settings: SleepSettings
    exam: ExamSettings
    persona: str
    seed: int
    verifiers: tuple[Verifier, ...]
    only_rebuild: bool = False
    serve_as: ServeAs = "auto"
    way: RightOfWay = field(default_factory=RightOfWay)


class NightState(TypedDict, total=False):
    """One night so far. Every value survives JSON."""

    night: str
    basis: str  # what the stages done so far were done with
    turns: list[dict[str, Any]]
    candidates: list[dict[str, Any]]
    memories: list[str]  # ids of what tonight is to learn
    superseded: dict[str, str]
    denied: dict[str, str]  # memories that hold no more, with nothing in their place, and why
    unlearn: list[str]  # ids of those of them that the version to go on from holds
    rejected: list[dict[str, str]]
    admitted: int  # how many of what was heard became memories, tonight or in naps before
    rebuild: bool  # whether the weights served hold what was forgotten
    start: str | None  # the adapter the night goes on from
    training_sha256: str
    probes: list[dict[str, Any]]
    due: list[str]
    training: dict[str, Any]
    adapter: str
    exam: dict[str, Any]
    status: str
    reasons: list[str]
    seconds: dict[str, float]


@dataclass(frozen=True)
class Stage:
    """Handed to each stage: the night's parts, its folder, and where to report progress."""

    context: NightContext
    name: str
    report: Report

    def folder(self, state: NightState) -> Path:
        return self.context.home.nights_path / state["night"]

    def progress(self, done: float, total: float, note: str = "", **training: float) -> None:
        """Tell how far the stage is; `training` is its loss and tokens_per_s."""
        self.report(Progress(self.name, done, total, note, **training))


def memory_as_json(memory: Memory) -> dict[str, Any]:
    """A memory for people and for `--json`."""
    row = asdict(memory)
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in ((field.name, row[field.name]) for field in fields(memory))
    }
