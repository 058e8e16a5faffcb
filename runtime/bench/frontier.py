"""`bench frontier`: what each setting of a night buys and costs, one changed at a time.

Promise: every point is two nights of the same people under the same seed, all else as the spec says, and one
point of each setting is the spec itself; people of the dev split by default, so that what is chosen here is
judged on others. States no target: the point of the defaults is to lie where nothing else is better in all
respects.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...memory.errors import BadInput
from ..agent import Agent
from ..spec import Spec
from .loop import ask, not_anchored, sleep
from .memory import false_memories
from .personas import Persona, fact_items
from .plot import Axis, Series, line_plot
from .report import BenchReport, Say, Spread, Target, figures_of, gathered, surroundings, target

MakeAgent = Callable[[Spec, Path], Agent]


@dataclass(frozen=True, slots=True)
class Knob:
    """A setting of the night, how many times the spec's own value it is given, and the settings of the same
    room that keep pace with it: floors and shares that would otherwise hold what is trained where it was.
    """

    path: str
    times: tuple[float, ...]
    paced: tuple[str, ...] = ()


KNOBS: Mapping[str, Knob] = {
    "negatives": Knob(
        "replay.negatives_per_memory",
        (0, 0.5, 1, 2),
        ("min_negatives", "neighbours_per_memory", "old_negatives"),
    ),
    "neighbours": Knob("replay.neighbours_per_memory", (0, 0.5, 1, 1.5)),
    "anchors": Knob("replay.anchors", (0, 0.5, 1, 2)),
    "phrasings": Knob("replay.questions_per_memory", (0.25, 0.5, 1, 1.5), ("min_questions",)),
    "rank": Knob("lora.rank", (0.25, 0.5, 1, 2), ("alpha",)),
    "alpha": Knob("training.alpha", (0, 0.3, 1, 3)),
    "beta": Knob("training.beta", (0, 0.5, 1, 2)),
}
"""What is changed, under `sleep`. One of another rank than the role adapter's is trained from nothing."""


@dataclass(frozen=True)
class Point:
    """One setting, one person, after two nights: shares answered of both days' questions, declined of what
    was never told, answered with a told value instead, kept of the base's general answers; seconds of both.
    """

    knob: str
    value: float
    persona: str
    seed: int
    statuses: tuple[str, ...]
    new: float
    old: float
    unknown: float
    false_memories: float
    skills: float
    seconds: float

    @property
    def recall(self) -> float:
        return (self.new + self.old) / 2


def open_agent(spec: Spec, home: Path) -> Agent:
    """The agent a benchmark measures."""
    return Agent(spec, home=home, command="dormouse bench frontier")


def bench_frontier(
    spec: Spec,
    knobs: Sequence[str],
    people: Sequence[Persona],
    seeds: Sequence[int],
    say: Say,
    make_agent: MakeAgent = open_agent,
) -> BenchReport:
    """Every value of every knob on every person. Raises BadInput for a knob that is not one."""
    if unknown := [knob for knob in knobs if knob not in KNOBS]:
        raise BadInput(f"--vary takes {', '.join(KNOBS)}, and it is given {unknown[0]!r}.")
    where, started = surroundings(spec), time.monotonic()
    points = [
        run_point(changed(spec, knob, value), knob, value, persona, seed, say, make_agent)
        for knob in knobs
        for value in values(spec, knob)
        for persona in people
        if persona.later is not None
        for seed in seeds
    ]
    figures = frontier_figures(points)
    targets: list[Target] = [target(figures, "points", "at least", 1)]
    seconds = time.monotonic() - started
    return gathered(
        "frontier",
        where,
        spec,
        seeds,
        seconds,
        figures,
        targets,
        [asdict(point) for point in points],
        plots={"frontier": plot(points)},
    )


def values(spec: Spec, knob: str) -> list[float]:
    """What the knob is set to, in rising order; the spec's own value is always among it."""
    frame, own = _frame(spec, knob), _setting(spec, KNOBS[knob].path)
    base = _setting(frame, KNOBS[knob].path)
    return sorted({own, *(_times(base, times) for times in KNOBS[knob].times)})


def changed(spec: Spec, knob: str, value: float) -> Spec:
    """The spec with one setting of the night at another value, and what keeps pace with it."""
    room, name = KNOBS[knob].path.split(".")
    if value == _setting(spec, KNOBS[knob].path):
        return spec
    frame = _frame(spec, knob)
    times = value / _setting(frame, KNOBS[knob].path)
    paced = {each: _times(_setting(frame, f"{room}.{each}"), times) for each in KNOBS[knob].paced}
    sleep_settings = spec.sleep.model_dump()
    sleep_settings[room] = {**sleep_settings[room], **paced, name: value}
    return spec.model_copy(update={"sleep": type(spec.sleep).model_validate(sleep_settings)})


def _frame(spec: Spec, knob: str) -> Spec:
    """Whose values the knob's are multiples of: the spec's, or the defaults where the spec has it at zero."""
    return spec if _setting(spec, KNOBS[knob].path) else Spec()


def _setting(spec: Spec, path: str) -> Any:
    room, name = path.split(".")
    return getattr(getattr(spec.sleep, room), name)


def _times(value: float, times: float) -> float:
    """A whole number stays one, and above nothing where something is asked for."""
    if isinstance(value, int):
        return max(round(value * times), 1 if value and times else 0)
    return value * times


def run_point(
    spec: Spec,
    knob: str,
    value: float,
    persona: Persona,
    seed: int,
    say: Say,
    make_agent: MakeAgent = open_agent,
) -> Point:
    """Two days and two nights, then all questions."""
    seeded = spec.model_copy(update={"sleep": spec.sleep.model_copy(update={"seed": seed})})
    assert persona.later is not None
    with (
        TemporaryDirectory(prefix="dormouse-bench-") as folder,
        make_agent(seeded, Path(folder) / "home") as agent,
    ):
        general = not_anchored(persona.skill_items())
        right = {item["id"] for item in ask(agent, general).items if item["passed"]}
        nights = []
        for label, day in (("first", persona.first), ("later", persona.later)):
            agent.tell(day.turns(label))
            nights.append(sleep(agent))
        facts = [*persona.held(), *persona.later.facts]
        items = [*fact_items("new", persona.later.facts), *fact_items("old", persona.held())]
        skills = [item for item in general if item.id in right]
        asked = ask(agent, [*items, *persona.unknown_items(), *skills])
    unknown = [item["answer"] for item in asked.items if item["id"].startswith("unknown")]
    point = Point(
        knob=knob,
        value=value,
        persona=persona.name,
        seed=seed,
        statuses=tuple(night.status for night in nights),
        new=asked.rate("new") or 0.0,
        old=asked.rate("old") or 0.0,
        unknown=asked.rate("unknown") or 0.0,
        false_memories=false_memories(unknown, facts),
        skills=1.0 if not skills else asked.rate("skill") or 0.0,
        seconds=sum(night.wall_s for night in nights),
    )
    say(_line(point))
    return point


def _line(point: Point) -> str:
    return (
        f"{point.knob} {point.value:g}, {point.persona}: new {point.new:.2f}, old {point.old:.2f}, unknown "
        f"{point.unknown:.2f}, false {point.false_memories:.2f}, skills {point.skills:.2f}, "
        f"{point.seconds:.0f} s"
    )


def frontier_figures(points: Sequence[Point]) -> dict[str, Spread]:
    """For each knob and value, every figure over people and seeds."""
    named: dict[str, list[float | None]] = {"points": [float(len(points))]}
    for knob, value in dict.fromkeys((point.knob, point.value) for point in points):
        mine = [point for point in points if (point.knob, point.value) == (knob, value)]
        for name in ("recall", "old", "unknown", "false_memories", "skills", "seconds"):
            named[f"{knob}_{value:g}_{name}"] = [getattr(point, name) for point in mine]
    return figures_of(named)


def plot(points: Sequence[Point]) -> str:
    """Recall against what was declined, a line for each knob, its values beside the points."""
    series = []
    for knob in dict.fromkeys(point.knob for point in points):
        values = list(dict.fromkeys(point.value for point in points if point.knob == knob))
        placed, names = [], []
        for value in values:
            mine = [point for point in points if (point.knob, point.value) == (knob, value)]
            placed.append(
                (
                    statistics.fmean(point.unknown for point in mine),
                    statistics.fmean(point.recall for point in mine),
                )
            )
            names.append(f"{value:g}")
        series.append(Series(knob, placed, names=names))
    return line_plot(
        "What each setting buys", series, Axis("never told, declined", high=1.0), Axis("recall", high=1.0)
    )
