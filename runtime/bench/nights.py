"""`bench nights`: one person tells a few facts a day for many days; all of them are asked after each night.

Promise: everything goes through the agent, in one home; each question is asked with an empty context and
retrieval off, in words no night trains on; a night that fails counts with what is then answered. A life that
is kept goes on, after a stop, from its last morning. States the targets.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from ...sleep.exam import ExamItem, general_skills
from ..agent import Agent
from ..spec import Spec
from .kept_life import FIRST_NIGHTS, KeptLife, Morning
from .life import Life, PlainFact, life
from .loop import NightRun, not_anchored, sleep
from .plot import Axis, Series, line_plot
from .report import BenchReport, Say, Spread, Target, figures_of, gathered, surroundings, target

MakeAgent = Callable[[Spec, Path], Agent]
_SKILLS = 30

TARGETS: tuple[tuple[str, Literal["at least", "at most"], float], ...] = (
    ("recall_all", "at least", 0.85),
    ("recall_first_nights", "at least", 0.80),
    ("unknown", "at least", 0.90),
    ("skill_kept", "at least", 0.90),
    ("cost_last_to_fifth", "at most", 1.5),
)


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
    keep: Path | None = None,
) -> BenchReport:
    """One life for each seed, of so many nights with so many facts each. In `keep` each life stays with its
    mornings, and goes on from them; without it nothing does.

    Raises BadInput for too many facts, and for a life in `keep` that is another; HomeError and the like.
    """
    lives = {seed: life(nights * facts, seed) for seed in seeds}
    where = surroundings(spec)
    with TemporaryDirectory(prefix="dormouse-bench-") as passing:
        kept = {
            seed: KeptLife(keep or Path(passing), told, spec, facts, seed) for seed, told in lives.items()
        }
        runs = [run_life(lives[seed], kept[seed], say, make_agent) for seed in seeds]
    figures = nights_figures(runs)
    stated = [each for each in TARGETS if nights >= FIRST_NIGHTS or each[0] != "cost_last_to_fifth"]
    targets: list[Target] = [target(figures, *each) for each in stated]
    rows = [asdict(morning) for run in runs for morning in run]
    seconds = sum(morning.day_s for run in runs for morning in run)
    return gathered(
        "nights", where, spec, seeds, seconds, figures, targets, rows, plots={"nights": plot(runs[0])}
    )


def run_life(told: Life, kept: KeptLife, say: Say, make_agent: MakeAgent = open_agent) -> list[Morning]:
    """Tells a day's facts, sleeps, and asks for everything told so far, until all is told."""
    general = not_anchored(general_skills())[:_SKILLS]
    mornings = kept.mornings()
    if mornings:
        say(f"seed {kept.seed}: goes on after night {len(mornings)}")
    else:
        with make_agent(kept.spec, kept.first_home()) as agent:
            kept.begun([item.id for item in agent.exam(general, "weights").items if item.passed])
    skills = [item for item in general if item.id in kept.skills()]
    for number in range(len(mornings) + 1, len(kept.days) + 1):
        started = time.monotonic()
        with make_agent(kept.spec, kept.home_for(number)) as agent:
            agent.tell([{"session": f"day-{number}", "content": f.told} for f in kept.days[number - 1]])
            night = sleep(agent)
            morning = _morning(agent, told, kept.days[:number], skills, kept.seed, night, started)
        mornings.append(morning)
        kept.slept(mornings)
        say(_line(morning))
    return mornings


def _morning(
    agent: Agent,
    told: Life,
    days: Sequence[Sequence[PlainFact]],
    skills: Sequence[ExamItem],
    seed: int,
    night: NightRun,
    started: float,
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
        day_s=time.monotonic() - started,
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
