"""What a benchmark hands back: the machine, versions and seeds it ran with, its figures, and whether its
targets were met.

Promise: a target whose figure was not measured is missed. Knows nothing of what is measured or of how it
is printed.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...memory.doctor import inspect
from ...memory.durable import storage_faults, write_atomic
from ...memory.errors import OUTPUT, BadInput
from ...memory.home import cache_path
from ..spec import Spec
from .plot import write_plot

Say = Callable[[str], None]
"""Told in a sentence how far a benchmark is."""

_MACHINE = (
    "processor",
    "physical_cores",
    "threads",
    "memory_bytes",
    "free_memory_bytes",
    "system",
    "python",
    "engine",
    "training_device",
)


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over several runs: its mean, the least and the greatest, and how many runs had it."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure is to be; `got` is None when it was not measured."""

    figure: str
    bound: Literal["at least", "at most"]
    value: float
    got: float | None

    @property
    def met(self) -> bool:
        if self.got is None:
            return False
        return self.got >= self.value if self.bound == "at least" else self.got <= self.value


@dataclass(frozen=True)
class BenchReport:
    """One run of a benchmark. `runs` are its parts, one by one, as JSON objects; `plots` are SVG by name."""

    bench: str
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    base: Mapping[str, Any] | None
    seeds: tuple[int, ...]
    settings: Mapping[str, Any]
    seconds: float
    figures: Mapping[str, Spread]
    targets: tuple[Target, ...]
    runs: tuple[Mapping[str, Any], ...] = field(default=())
    plots: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return bool(self.targets) and all(target.met for target in self.targets)

    def as_json(self) -> dict[str, Any]:
        targets = [{**asdict(target), "met": target.met} for target in self.targets]
        figures = {name: asdict(spread) for name, spread in self.figures.items()}
        plain = {name: getattr(self, name) for name in ("bench", "machine", "versions", "base")}
        return {
            **plain,
            "seeds": list(self.seeds),
            "settings": self.settings,
            "seconds": round(self.seconds, 1),
            "passed": self.passed,
            "targets": targets,
            "figures": figures,
            "runs": list(self.runs),
        }


def spread(values: Iterable[float | None]) -> Spread | None:
    """Mean and range of what was measured; None when nothing was."""
    known = [value for value in values if value is not None]
    return Spread(statistics.fmean(known), min(known), max(known), len(known)) if known else None


def figures_of(named: Mapping[str, Iterable[float | None]]) -> dict[str, Spread]:
    """The figures that were measured, in order."""
    found = {name: spread(values) for name, values in named.items()}
    return {name: figure for name, figure in found.items() if figure is not None}


def target(
    figures: Mapping[str, Spread], figure: str, bound: Literal["at least", "at most"], value: float
) -> Target:
    """A target for the mean of a figure."""
    found = figures.get(figure)
    return Target(figure, bound, value, found.mean if found else None)


@dataclass(frozen=True)
class Surroundings:
    """Where a benchmark runs: see BenchReport."""

    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    base: Mapping[str, Any] | None


def surroundings(spec: Spec) -> Surroundings:
    """This machine, with the load it was under, the versions installed and the base the spec names."""
    found = inspect(spec.model, Path.cwd(), cache_path()).to_json()
    machine = {name: found[name] for name in _MACHINE}
    load = [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None
    return Surroundings({**machine, "load_average": load}, found["versions"], found["base"])


def make_folder(folder: Path) -> None:
    """Makes the folder a report is to go to, before anything is measured. Raises BadInput for what is no
    folder, HomeError and the like.
    """
    with storage_faults(folder, OUTPUT):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise BadInput(f"The report cannot be written to {folder}, for that is no folder.") from None


def write_report(report: BenchReport, folder: Path) -> Path:
    """Writes `<bench>.json`, and its plots as SVG, into `folder`; returns the JSON's path. Raises HomeError
    when the disk refuses.
    """
    for name, svg in report.plots.items():
        write_plot(svg, folder / f"{name}.svg")
    path = folder / f"{report.bench}.json"
    with storage_faults(folder, OUTPUT):
        write_atomic(path, (json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n").encode())
    return path


def gathered(
    bench: str,
    where: Surroundings,
    spec: Spec,
    seeds: Sequence[int],
    seconds: float,
    figures: Mapping[str, Spread],
    targets: Iterable[Target],
    runs: Iterable[Mapping[str, Any]],
    plots: Mapping[str, str] | None = None,
) -> BenchReport:
    """The report of a benchmark that has ended."""
    settings = spec.model_dump(mode="json")
    return BenchReport(
        bench,
        where.machine,
        where.versions,
        where.base,
        tuple(seeds),
        settings,
        seconds,
        figures,
        tuple(targets),
        tuple(runs),
        dict(plots or {}),
    )
