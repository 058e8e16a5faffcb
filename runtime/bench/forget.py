"""`bench forget`: an agent learns what people tell, forgets some of it, and is searched for traces.

At once, and after three more nights; and what it cost the other memories.

Promise: everything goes through the agent, in a home of its own for each person; questions are the persona's
own, which no night trains on; the files are searched byte by byte. States the targets.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from ...memory.home import Home
from ...memory.journal import Memory
from ...sleep.exam import ExamItem
from ...sleep.fingerprint import fingerprint_of
from ...sleep.forgetting import eraser, names_of, related
from ...sleep.spans import places
from ..agent import Agent
from ..erasure import left_in, traces
from ..records import Tiers
from ..spec import Spec
from .personas import Fact, Persona, fact_items
from .plot import Axis, Bars, bar_plot
from .report import BenchReport, Say, Spread, Target, figures_of, gathered, surroundings, target

MakeAgent = Callable[[Spec, Path], Agent]
LATER_NIGHTS = 3
LEAST_FORGOTTEN = 20

TARGETS: tuple[tuple[str, Literal["at least", "at most"], float], ...] = (
    ("in_weights", "at most", 0.0),
    ("in_store", "at most", 0.0),
    ("in_files", "at most", 0.0),
    ("in_weights_later", "at most", 0.0),
    ("in_store_later", "at most", 0.0),
    ("in_files_later", "at most", 0.0),
    ("receipts_not_clean", "at most", 0.0),
    ("others_lost", "at most", 0.02),
    ("others_lost_later", "at most", 0.02),
)


@dataclass(frozen=True)
class Left:
    """What is left of the forgotten memories: how many of them some answer or file still told."""

    in_weights: int
    in_store: int
    in_files: int
    answers: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class ForgetRun:
    """One person. `others_*` are shares of the questions about what was not forgotten, answered rightly."""

    persona: str
    seed: int
    learnt: int
    forgotten: int
    at_once: Left
    later: Left
    others_before: float
    others_after: float
    others_later: float
    receipt: str
    by_chance: int
    night_s: float
    forget_s: float
    later_nights: tuple[str, ...]


def open_agent(spec: Spec, home: Path) -> Agent:
    """The agent a benchmark measures."""
    return Agent(spec, home=home, command="dormouse bench forget")


def bench_forget(
    spec: Spec,
    people: Sequence[Persona],
    each: int,
    seed: int,
    say: Say,
    make_agent: MakeAgent = open_agent,
) -> BenchReport:
    """Forgets up to `each` memories of every person, in one request, and reports."""
    where, started = surroundings(spec), time.monotonic()
    runs = [run_persona(persona, spec, each, seed, say, make_agent) for persona in people]
    figures = forget_figures(runs)
    number = max(LEAST_FORGOTTEN, each * len(people))
    targets: list[Target] = [target(figures, "forgotten", "at least", number)]
    targets += [target(figures, *each_target) for each_target in TARGETS]
    rows, seconds = [asdict(run) for run in runs], time.monotonic() - started
    plots = {"forget": plot(figures)}
    return gathered("forget", where, spec, [seed], seconds, figures, targets, rows, plots)


def run_persona(
    persona: Persona, spec: Spec, each: int, seed: int, say: Say, make_agent: MakeAgent = open_agent
) -> ForgetRun:
    """Tells, sleeps, asks, forgets, asks, sleeps three times more, asks."""
    seeded = spec.model_copy(update={"sleep": spec.sleep.model_copy(update={"seed": seed})})
    with (
        TemporaryDirectory(prefix="dormouse-bench-") as folder,
        make_agent(seeded, Path(folder) / "home") as agent,
    ):
        agent.tell(persona.first.turns("first"))
        began = time.monotonic()
        night = agent.sleep()
        night_s = time.monotonic() - began
        memories = agent.memories("consolidated")
        known = _recalled(agent, persona, memories)
        chosen = random.Random(seed).sample(known, min(each, len(known)))
        gone = _with_related([memory for _, memory in chosen], memories)
        others = [fact for fact in persona.held() if not any(_tells(memory, fact) for memory in gone)]
        forgotten = [fact for fact, _ in chosen]
        before = _share(agent, others)
        say(f"{persona.name}: {night.status}, {len(memories)} memories; forgetting {len(chosen)}")
        began = time.monotonic()
        receipt = agent.forget(*(memory.id for _, memory in chosen), now=True)
        forget_s = time.monotonic() - began
        at_once, after = _left(agent, forgotten, gone, memories), _share(agent, others)
        say(f"{persona.name}: {receipt.state}; others {before:.2f} -> {after:.2f}; {_line(at_once)}")
        later_nights = []
        for number, turns in enumerate(_later_days(persona), 1):
            agent.tell([{"session": f"later-{number}", "content": turn} for turn in turns])
            later_nights.append(agent.sleep().status)
        later, last = _left(agent, forgotten, gone, memories), _share(agent, others)
        say(f"{persona.name}: after {', '.join(later_nights)}: others {last:.2f}; {_line(later)}")
        return ForgetRun(
            persona.name, seed, len(memories), len(chosen), at_once, later, before, after, last,
            receipt.state, sum(probe.by_chance for probe in receipt.probes), night_s, forget_s,
            tuple(later_nights),
        )  # fmt: skip


def _tells(memory: Memory, fact: Fact) -> bool:
    return any(places(expected, memory.value) for expected in fact.expect)


def _recalled(agent: Agent, persona: Persona, memories: Sequence[Memory]) -> list[tuple[Fact, Memory]]:
    """Facts that were learnt and are answered: only what is known can be forgotten."""
    known = []
    for fact in persona.held():
        memory = next((memory for memory in memories if _tells(memory, fact)), None)
        if memory and any(item.passed for item in agent.exam(fact_items("known", [fact])).items):
            known.append((fact, memory))
    return known


def _with_related(chosen: Sequence[Memory], memories: Sequence[Memory]) -> list[Memory]:
    return list({m.id: m for one in chosen for m in related(one, memories)}.values())


def _share(agent: Agent, facts: Sequence[Fact]) -> float:
    return agent.exam(fact_items("kept", facts)).rate("fact") if facts else 1.0


def _left(agent: Agent, facts: Sequence[Fact], gone: Sequence[Memory], before: Sequence[Memory]) -> Left:
    """Asks for each forgotten fact from the weights and from the store, and searches every file."""
    told: dict[Tiers, set[str]] = {"weights": set(), "both": set()}
    answers = []
    items = fact_items("gone", facts)
    for tiers, found in told.items():
        for item, result in zip(items, agent.exam(items, tiers).items, strict=True):
            if result.passed:
                found.add(_fact_id(item))
                answers.append({"tiers": tiers, "question": item.question, "answer": result.answer})
    ids = {memory.id for memory in gone}
    staying = [memory for memory in before if memory.id not in ids]
    holding = [files_holding(agent.home, memory, staying) for memory in gone]
    answers += [{"file": name} for name in sorted({name for names in holding for name in names})]
    return Left(len(told["weights"]), len(told["both"]), sum(map(bool, holding)), tuple(answers))


def files_holding(home: Home, memory: Memory, staying: Sequence[Memory]) -> set[str]:
    """Files with a trace: its names, byte by byte, and all that a receipt would count as telling of it."""
    kept = " \n ".join(other.quote for other in staying)
    names = [name for name in names_of([memory], None) if not places(name, kept)]
    left = left_in(home, eraser([fingerprint_of(memory)], staying))
    return {*traces(home, names)[1], *left.holding}


def _fact_id(item: ExamItem) -> str:
    return item.id.split(":")[1]


def _later_days(persona: Persona) -> list[list[str]]:
    """What is told on three later days."""
    said = [turn for session in (persona.later.sessions if persona.later else ()) for turn in session]
    return [said[number::LATER_NIGHTS] or ["Nothing new today."] for number in range(LATER_NIGHTS)]


def _line(left: Left) -> str:
    return f"traces: {left.in_weights} in weights, {left.in_store} in the store, {left.in_files} in files"


def forget_figures(runs: Sequence[ForgetRun]) -> dict[str, Spread]:
    """Traces are summed over the people; what it cost the others is a mean."""

    def total(values: Sequence[float]) -> list[float]:
        return [sum(values)] if sum(run.forgotten for run in runs) else []

    return figures_of(
        {
            "forgotten": [float(sum(run.forgotten for run in runs))],
            "in_weights": total([run.at_once.in_weights for run in runs]),
            "in_store": total([run.at_once.in_store for run in runs]),
            "in_files": total([run.at_once.in_files for run in runs]),
            "in_weights_later": total([run.later.in_weights for run in runs]),
            "in_store_later": total([run.later.in_store for run in runs]),
            "in_files_later": total([run.later.in_files for run in runs]),
            "receipts_not_clean": total([float(run.receipt != "forgotten") for run in runs]),
            "said_by_chance": total([run.by_chance for run in runs]),
            "others_before": [run.others_before for run in runs],
            "others_after": [run.others_after for run in runs],
            "others_later": [run.others_later for run in runs],
            "others_lost": [run.others_before - run.others_after for run in runs],
            "others_lost_later": [run.others_before - run.others_later for run in runs],
            "night_s": [run.night_s for run in runs],
            "forget_s": [run.forget_s for run in runs],
        }
    )


def plot(figures: Mapping[str, Spread]) -> str:
    """Of the forgotten memories, the share still told somewhere; of the others' questions, the share answered
    rightly.
    """
    places_ = {"weights": "told by weights", "store": "told by the store", "files": "left in files"}
    forgotten = figures["forgotten"].mean

    def bars(name: str, end: str, others: str) -> Bars:
        left = [figures.get(f"in_{place}{end}") for place in places_]
        shares = [count.mean / forgotten if count else None for count in left]
        kept = figures.get(f"others_{others}")
        return Bars(
            name,
            [*shares, kept.mean if kept else None],
            [None, None, None, (kept.low, kept.high) if kept else None],
        )

    known = figures.get("others_before")
    before = Bars("before", [1.0 if forgotten else None, None, None, known.mean if known else None])
    after = [bars("at once", "", "after"), bars(f"after {LATER_NIGHTS} more nights", "_later", "later")]
    title = f"What is left of {forgotten:.0f} forgotten memories, and of the others"
    return bar_plot(title, [*places_.values(), "others answered"], [before, *after], Axis("share", 0.0, 1.0))
