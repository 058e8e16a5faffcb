"""`bench memory`: the same questions to one assistant that remembers in five ways, and to one in none.

The bare base; all that was told in the prompt; retrieval; the weights; weights and retrieval. Promise: every
way is asked the same questions through the agent, each in an empty session; a told value in an answer about
something never told is counted as a false memory, and a wrong answer with another fact's value as a false
value. States the targets, those of the night itself too: its seconds, its compaction, what it cost the base.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from ...memory.recalling import with_recalled
from ...sleep.exam import ExamItem, passes
from ...sleep.spans import places
from ..agent import Agent
from ..records import Answer, Tiers
from ..spec import Spec
from .compaction import Compaction, judge
from .loop import NightRun, Share, not_anchored, sleep
from .personas import Fact, Persona, Style, fact_items
from .plot import Axis, Bars, bar_plot
from .report import BenchReport, Say, Spread, Target, figures_of, gathered, surroundings, target

MakeAgent = Callable[[Spec, Path], Agent]
Way = Literal["base", "prompt", "retrieval", "weights", "both"]
WAYS: tuple[Way, ...] = ("base", "prompt", "retrieval", "weights", "both")
_TIERS: dict[Way, Tiers] = {
    "base": "weights",  # in a home of its own, where nothing was learnt
    "prompt": "weights",
    "retrieval": "store",
    "weights": "weights",
    "both": "both",
}

TARGETS: tuple[tuple[str, Literal["at least", "at most"], float], ...] = (
    ("weights_recall", "at least", 0.90),
    ("weights_recall_plain", "at least", 0.98),
    ("weights_unknown", "at least", 0.95),
    ("weights_false_memories", "at most", 0.02),
    ("weights_false_values", "at most", 0.02),
    ("weights_skills", "at least", 0.95),
    ("general_perplexity", "at most", 1.02),
    ("night_s", "at most", 120.0),
    ("compaction_placed", "at least", 0.92),
    ("compaction_true", "at least", 0.95),
)
_SHARES = ("recall", "unknown", "false_memories", "false_values", "skills")


@dataclass(frozen=True)
class WayRun:
    """One way of remembering, for one persona and seed: shares of what was asked; `skills` of those that the
    bare base answers; tokens read and written, and seconds, of an answer on average.
    """

    persona: str
    seed: int
    way: Way
    night: str
    recall: float
    unknown: float
    false_memories: float
    false_values: float
    skills: float | None
    tokens_read: float
    tokens_written: float
    seconds: float
    answers: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class PersonRun:
    """One persona under one seed: the night, what it made of what was told, and the five ways."""

    style: Style
    night: NightRun
    compaction: Compaction
    ways: tuple[WayRun, ...]


def open_agent(spec: Spec, home: Path) -> Agent:
    """The agent a benchmark measures."""
    return Agent(spec, home=home, command="dormouse bench memory")


def bench_memory(
    spec: Spec,
    people: Sequence[Persona],
    seeds: Sequence[int],
    say: Say,
    make_agent: MakeAgent = open_agent,
) -> BenchReport:
    """Every persona under every seed: told, one night, and asked in each way."""
    where, started = surroundings(spec), time.monotonic()
    runs = [run_persona(persona, spec, seed, say, make_agent) for persona in people for seed in seeds]
    figures = memory_figures(runs)
    plain = any(run.style == "plain" for run in runs)
    stated = [each for each in TARGETS if plain or each[0] != "weights_recall_plain"]
    targets: list[Target] = [target(figures, *each) for each in stated]
    rows = [asdict(run) for run in runs]
    seconds = time.monotonic() - started
    return gathered(
        "memory", where, spec, seeds, seconds, figures, targets, rows, plots={"memory": plot(figures)}
    )


def run_persona(
    persona: Persona, spec: Spec, seed: int, say: Say, make_agent: MakeAgent = open_agent
) -> PersonRun:
    """The night and the five ways; the base comes first, since the others' skills are counted by its own."""
    seeded = spec.model_copy(update={"sleep": spec.sleep.model_copy(update={"seed": seed})})
    told = persona.first.turns("first")
    all_told = with_recalled(spec.persona, [turn.content for turn in told])
    items = [
        *fact_items("recall", persona.first.facts),
        *persona.unknown_items(),
        *not_anchored(persona.skill_items()),
    ]
    runs: list[WayRun] = []
    skills: set[str] | None = None
    with TemporaryDirectory(prefix="dormouse-bench-") as folder:
        home, other = Path(folder) / "home", Path(folder) / "other"
        with make_agent(seeded, home) as agent:
            agent.tell(told)
            night = sleep(agent)
            held = [m for m in agent.memories() if m.state in ("admitted", "consolidated")]
            compaction = judge(held, persona.first.facts)
        for way in WAYS:
            knows = seeded.model_copy(update={"persona": all_told}) if way == "prompt" else seeded
            with make_agent(knows, other if way in ("base", "prompt") else home) as agent:
                run, passed = _asked(agent, persona, seed, way, night.status, items, skills)
            if way == "base":
                skills = {id for id in passed if id.startswith("skill")}
            runs.append(run)
            say(f"{persona.name}, seed {seed}, {way}: {_line(run)}")
    return PersonRun(persona.style, night, compaction, tuple(runs))


def _asked(
    agent: Agent,
    persona: Persona,
    seed: int,
    way: Way,
    night: str,
    items: Sequence[ExamItem],
    skills: set[str] | None,
) -> tuple[WayRun, set[str]]:
    """Asks everything; returns what came of it, and the ids of what was passed."""
    answers: dict[str, Answer] = {item.id: agent.ask(item.question, _TIERS[way]) for item in items}
    passed = {item.id for item in items if passes(item, answers[item.id].answer)}
    counted = skills if skills is not None else {id for id in passed if id.startswith("skill")}

    def share(group: str) -> float:
        ids = [item.id for item in items if item.id.startswith(group)]
        return statistics.fmean(id in passed for id in ids) if ids else 0.0

    unknown = {item.id: answers[item.id].answer for item in items if item.id.startswith("unknown")}
    run = WayRun(
        persona=persona.name,
        seed=seed,
        way=way,
        night=night,
        recall=share("recall"),
        unknown=share("unknown"),
        false_memories=false_memories(unknown.values(), persona.first.facts),
        false_values=false_values(
            {item.id: answers[item.id].answer for item in items}, passed, persona.first.facts
        ),
        skills=statistics.fmean(id in passed for id in counted) if counted else None,
        tokens_read=statistics.fmean(answer.prompt_tokens for answer in answers.values()),
        tokens_written=statistics.fmean(answer.tokens for answer in answers.values()),
        seconds=statistics.fmean(answer.ms for answer in answers.values()) / 1000,
        answers=tuple(
            {"id": id, "answer": answer.answer, "passed": id in passed} for id, answer in answers.items()
        ),
    )
    return run, passed


def false_memories(answers: Any, facts: Sequence[Fact]) -> float:
    """The share of answers to questions about things never told that hold a value which was told."""
    given = list(answers)
    values = [value for fact in facts for value in (fact.value, *fact.expect)]
    return statistics.fmean(any(places(value, a) for value in values) for a in given) if given else 0.0


def false_values(answers: Mapping[str, str], passed: Collection[str], facts: Sequence[Fact]) -> float:
    """The share of answers about the user, by item id, that are wrong and hold the value of another fact."""

    def is_false(id: str) -> bool:
        others = [fact for fact in facts if fact.id != _fact_asked(id)]
        return id not in passed and false_memories([answers[id]], others) > 0

    asked = [id for id in answers if not id.startswith("skill")]
    return statistics.fmean(is_false(id) for id in asked) if asked else 0.0


def _fact_asked(id: str) -> str:
    group, _, rest = id.partition(":")
    return rest.split(":")[0] if group == "recall" else ""


def memory_figures(runs: Sequence[PersonRun]) -> dict[str, Spread]:
    """Every figure of every way and of the nights, over personas and seeds. A night that failed has no
    seconds.
    """
    named: dict[str, list[float | None]] = {}
    for way in WAYS:
        mine = [each for run in runs for each in run.ways if each.way == way]
        for name in (*_SHARES, "tokens_read", "tokens_written", "seconds"):
            named[f"{way}_{name}"] = [getattr(run, name) for run in mine]
    plain = [each for run in runs if run.style == "plain" for each in run.ways]
    told = [run.compaction for run in runs]
    named |= {
        "weights_recall_plain": [run.recall for run in plain if run.way == "weights"],
        "night_s": [run.night.wall_s if run.night.stages_s else None for run in runs],
        "general_perplexity": [run.night.drift.get("general") for run in runs],
        "chat_perplexity": [run.night.drift.get("chat") for run in runs],
        "compaction_placed": [Share(each.placed, each.told).rate for each in told],
        "compaction_true": [Share(each.true, each.true + each.wrong).rate for each in told],
    }
    return figures_of(named)


def plot(figures: dict[str, Spread]) -> str:
    """The shares of each way side by side, with the range over personas."""
    groups = {
        "recall": "recall",
        "unknown": "declined",
        "false_memories": "false memories",
        "skills": "skills",
    }
    bars = []
    for way in WAYS:
        found = [figures.get(f"{way}_{name}") for name in groups]
        bars.append(
            Bars(
                way,
                [spread.mean if spread else None for spread in found],
                [(spread.low, spread.high) if spread else None for spread in found],
            )
        )
    return bar_plot("Ways to remember", list(groups.values()), bars, Axis("share", 0.0, 1.0))


def _line(run: WayRun) -> str:
    skills = "none" if run.skills is None else f"{run.skills:.2f}"
    return (
        f"recall {run.recall:.2f}, unknown {run.unknown:.2f}, false memories {run.false_memories:.2f}, "
        f"skills {skills}, {run.tokens_read:.0f} tokens read, {run.seconds:.1f} s"
    )
