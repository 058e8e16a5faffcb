"""`bench nights`: one person tells a few facts a day for many days; all of them are asked after each night.

Promise: everything goes through the agent, in one home; each question is asked with an empty context and
retrieval off, in words no night trains on; a night that fails counts with what is then answered. States the
targets.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from ...sleep.exam import ExamItem, general_skills
from ..agent import Agent
from ..spec import Spec
from .life import Life, PlainFact, life
from .loop import not_anchored, sleep
from .plot import Axis, Series, line_plot
from .report import BenchReport, Say, Spread, Target, figures_of, gathered, surroundings, target

MakeAgent = Callable[[Spec, Path], Agent]
FIRST_NIGHTS = 5
_SKILLS = 30

TARGETS: tuple[tuple[str, Literal["at least", "at most"], float], ...] = (
    ("recall_all", "at least", 0.85),
    ("recall_first_nights", "at least", 0.80),
    ("unknown", "at least", 0.90),
    ("skill_kept", "at least", 0.90),
    ("cost_last_to_fifth", "at most", 1.5),
)


@dataclass(frozen=True)
class Morning:
    """After one night: the share answered of each night's facts so far, the share declined of what was never
    told, the share kept of the general questions that the base answers.
    """

    seed: int
    night: int
    status: str
    reasons: tuple[str, ...]
    seconds: float
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


def open_agent(spec: Spec, home: Path) -> Agent:
    """The agent a benchmark measures."""
    return Agent(spec, home=home, command="dormouse bench nights")


def bench_nights(
    spec: Spec,
    nights: int,
    facts: int,
    seeds: Sequence[int],
    say: Say,
    make_agent: MakeAgent = open_agent,
) -> BenchReport:
    """One life for each seed, of so many nights with so many facts each. Raises BadInput for too many."""
    lives = {seed: life(nights * facts, seed) for seed in seeds}
    where, started = surroundings(spec), time.monotonic()
    runs = [run_life(lives[seed], spec, facts, seed, say, make_agent) for seed in seeds]
    figures = nights_figures(runs)
    stated = [each for each in TARGETS if nights >= FIRST_NIGHTS or each[0] != "cost_last_to_fifth"]
    targets: list[Target] = [target(figures, *each) for each in stated]
    rows = [asdict(morning) for run in runs for morning in run]
    seconds = time.monotonic() - started
    return gathered(
        "nights", where, spec, seeds, seconds, figures, targets, rows, plots={"nights": plot(runs[0])}
    )


def run_life(
    told: Life, spec: Spec, facts: int, seed: int, say: Say, make_agent: MakeAgent = open_agent
) -> list[Morning]:
    """Tells `facts` a day, sleeps, and asks for everything told so far, until all is told."""
    seeded = spec.model_copy(update={"sleep": spec.sleep.model_copy(update={"seed": seed})})
    days = [told.facts[at : at + facts] for at in range(0, len(told.facts), facts)]
    mornings: list[Morning] = []
    with (
        TemporaryDirectory(prefix="dormouse-bench-") as folder,
        make_agent(seeded, Path(folder) / "home") as agent,
    ):
        general = not_anchored(general_skills())[:_SKILLS]
        right = {item.id for item in agent.exam(general, "weights").items if item.passed}
        skills = [item for item in general if item.id in right]
        for number, day in enumerate(days, 1):
            agent.tell([{"session": f"day-{number}", "content": fact.told} for fact in day])
            night = sleep(agent)
            morning = _morning(agent, told, days[:number], skills, seed, night)
            mornings.append(morning)
            say(_line(morning))
    return mornings


def _morning(
    agent: Agent,
    told: Life,
    days: Sequence[Sequence[PlainFact]],
    skills: Sequence[ExamItem],
    seed: int,
    night: Any,
) -> Morning:
    """Asks for everything told so far."""
    items = [item for n, day in enumerate(days) for item in told.items(f"night{n}", day, way=len(days))]
    asked = agent.exam([*items, *told.unknown_items(), *skills], "weights")
    passed = {item.id: item.passed for item in asked.items}

    def share(ids: Sequence[str]) -> float:
        return statistics.fmean(passed[id] for id in ids) if ids else 1.0

    return Morning(
        seed=seed,
        night=len(days),
        status=night.status,
        reasons=night.reasons,
        seconds=night.wall_s,
        stages_s=night.stages_s,
        learnt=night.memories,
        drift=night.drift,
        recall=tuple(share([f"night{n}:{fact.id}" for fact in day]) for n, day in enumerate(days)),
        unknown=share([item.id for item in told.unknown_items()]),
        skill_kept=share([item.id for item in skills]),
        answers=tuple(
            {"id": item.id, "answer": item.answer, "passed": item.passed}
            for item in asked.items
            if len(days) == len(told.facts) // len(days[0]) or not item.passed
        ),
    )


def _line(morning: Morning) -> str:
    return (
        f"seed {morning.seed}, night {morning.night}: {morning.status}, {morning.seconds:.0f} s, "
        f"{morning.learnt} learnt; recall {morning.recall_all:.2f} of all, {morning.recall[-1]:.2f} of the "
        f"last; unknown {morning.unknown:.2f}, skills {morning.skill_kept:.2f}"
    )


def nights_figures(runs: Sequence[Sequence[Morning]]) -> dict[str, Spread]:
    """What is left after the last night, over the seeds."""
    last = [run[-1] for run in runs]
    fifth = [run[min(FIRST_NIGHTS, len(run)) - 1] for run in runs]
    return figures_of(
        {
            "recall_all": [morning.recall_all for morning in last],
            "recall_first_nights": [morning.recall_first for morning in last],
            "recall_last_night": [morning.recall[-1] for morning in last],
            "recall_on_the_first_morning": [
                statistics.fmean(morning.recall[-1] for morning in run) for run in runs
            ],
            "unknown": [morning.unknown for morning in last],
            "skill_kept": [morning.skill_kept for morning in last],
            "general_perplexity": [morning.drift.get("general") for morning in last],
            "chat_perplexity": [morning.drift.get("chat") for morning in last],
            "published": [statistics.fmean(m.status == "published" for m in run) for run in runs],
            "night_s": [statistics.fmean(morning.seconds for morning in run) for run in runs],
            "last_night_s": [morning.seconds for morning in last],
            "cost_last_to_fifth": [
                end.seconds / at.seconds if at.seconds else None for end, at in zip(last, fifth, strict=True)
            ],
        }
    )


def plot(run: Sequence[Morning]) -> str:
    """Retention night by night, of one life."""
    lines = {
        "all facts so far": [(m.night, m.recall_all) for m in run],
        "first five nights' facts": [(m.night, m.recall_first) for m in run],
        "last night's facts": [(m.night, m.recall[-1]) for m in run],
        "never told, declined": [(m.night, m.unknown) for m in run],
        "skills kept": [(m.night, m.skill_kept) for m in run],
    }
    series = [Series(name, points) for name, points in lines.items()]
    return line_plot("What is left after each night", series, Axis("night"), Axis("share", 0.0, 1.0))
