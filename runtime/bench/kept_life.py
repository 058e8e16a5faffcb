"""A life of `bench nights` on disk: its homes and its mornings, so that hours of nights can be stopped.

Promise: a stop at any instant loses at most the day it fell into, which begins again from the home as it was
the morning before. A life that was begun with other facts, settings or seed is refused, never mixed.
"""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ...memory.durable import storage_faults, write_atomic
from ...memory.errors import OUTPUT, BadInput, HomeError
from ...memory.home import holder_of, lock_path
from ..spec import Spec
from .life import Life

FIRST_NIGHTS = 5
_T = TypeVar("_T")


@dataclass(frozen=True)
class Morning:
    """After one night: the share answered of each night's facts so far, the share declined of what was never
    told, the share kept of the general questions that the base answers. `seconds` are the night's, `day_s`
    those from the telling to the last answer.
    """

    seed: int
    night: int
    status: str
    reasons: tuple[str, ...]
    seconds: float
    day_s: float
    stages_s: Mapping[str, float]
    learnt: int
    drift: Mapping[str, float]
    recall: tuple[float, ...]
    unknown: float
    skill_kept: float
    answers: tuple[dict[str, Any], ...]

    @property
    def recall_all(self) -> float:
        """Over all facts told so far: as many each night."""
        return statistics.fmean(self.recall)

    @property
    def recall_first(self) -> float:
        return statistics.fmean(self.recall[:FIRST_NIGHTS])


class KeptLife:
    """One life in a folder of its own, `seed-N`: `life.json` says what it is of, `mornings.json` what was
    found after each night, `night-N` is the home as it was then.
    """

    def __init__(self, folder: Path, told: Life, spec: Spec, facts: int, seed: int) -> None:
        """`facts` a day. Raises BadInput when the folder holds another life, HomeError and the like."""
        self.seed = seed
        self.spec = spec.model_copy(update={"sleep": spec.sleep.model_copy(update={"seed": seed})})
        self.days = [told.facts[at : at + facts] for at in range(0, len(told.facts), facts)]
        self._folder = folder / f"seed-{seed}"
        plan = {"facts": asdict(told), "facts a day": facts, "settings": self.spec.model_dump(mode="json")}
        self._plan = json.loads(json.dumps(plan))
        with storage_faults(self._folder, OUTPUT):
            self._folder.mkdir(parents=True, exist_ok=True)
        begun = self._read("life.json", _PLAN)
        if begun is not None and (
            differ := [name for name in self._plan if begun.get(name) != self._plan[name]]
        ):
            raise BadInput(
                f"{self._folder} keeps another life ({', '.join(differ)} differ); choose another folder."
            )

    def mornings(self) -> list[Morning]:
        """Those of the nights so far."""
        return self._read("mornings.json", _MORNINGS) or []

    def skills(self) -> frozenset[str]:
        """The ids of what the base could do before the first night."""
        begun = self._read("life.json", _PLAN)
        return frozenset(begun["skills"] if begun else ())

    def first_home(self) -> Path:
        """An empty home, for asking what the base can do."""
        return self._emptied(0)

    def begun(self, skills: Sequence[str]) -> None:
        """Keeps what this life is of."""
        self._write("life.json", {**self._plan, "skills": list(skills)})

    def home_for(self, number: int) -> Path:
        """The home that the night `number` is for: a copy of the one before."""
        home = self._emptied(number)
        with storage_faults(self._folder, OUTPUT):
            shutil.copytree(self._home(number - 1), home, dirs_exist_ok=True)
        return home

    def slept(self, mornings: Sequence[Morning]) -> None:
        """Keeps the mornings so far; only then is the home before the last of them given up."""
        self._write("mornings.json", [asdict(morning) for morning in mornings])
        shutil.rmtree(self._home(len(mornings) - 1), ignore_errors=True)

    def _home(self, number: int) -> Path:
        return self._folder / f"night-{number}"

    def _emptied(self, number: int) -> Path:
        home = self._home(number)
        if holder := holder_of(lock_path(home)):
            raise HomeError(home, f"process {holder.pid} ({holder.command}) is using it", OUTPUT)
        with storage_faults(self._folder, OUTPUT):
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
        return home

    def _read(self, name: str, kind: TypeAdapter[_T]) -> _T | None:
        path = self._folder / name
        with storage_faults(path, OUTPUT):
            if not path.exists():
                return None
            text = path.read_bytes()
        try:
            return kind.validate_json(text)
        except ValidationError:
            raise BadInput(f"{path} is damaged; choose another folder.") from None

    def _write(self, name: str, what: Any) -> None:
        with storage_faults(self._folder, OUTPUT):
            write_atomic(self._folder / name, (json.dumps(what, ensure_ascii=False) + "\n").encode())


_MORNINGS = TypeAdapter(list[Morning])
_PLAN = TypeAdapter(dict[str, Any])
