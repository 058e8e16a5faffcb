"""`bench nap`: a talk of several times the context, and what of it is answered once its text has left.

Promise: everything goes through the agent, retrieval off, and every question is asked with an empty context,
so that only the weights can answer; without naps (no passes) the same talk is held. Turns are also taken in
the midst of naps, and each is timed against itself. States the targets; knows nothing of how a nap works.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...memory.base_weights import BaseWeights, resolve, served_gguf
from ...memory.engine import WakeEngine
from ...memory.home import cache_path
from ...memory.llama_engine import LlamaEngine
from ..agent import Agent
from ..spec import Spec
from .loop import Asked, ask, not_anchored
from .personas import Fact, Persona, fact_items
from .plot import Axis, Series, line_plot
from .report import BenchReport, Say, Spread, Target, figures_of, gathered, spread, surroundings
from .turn_delays import FirstToken, TurnDelays, delays
from .watched_engine import WatchedEngine

OpenEngine = Callable[[Spec], tuple[WakeEngine, BaseWeights]]

TOLD_WITHIN = 0.75  # share of the talk in which the facts are told; what follows makes them leave
LEAST_RECALL, LONGEST_DELAY_S = 0.80, 0.5
NOISE = 0.03  # by how much recall may fall from one number of passes to the next and still count as rising
_INTERRUPTIONS = 3  # turns taken in the midst of each nap
_COMPARED = 2  # of the others, after each nap
_INTERRUPTED_WITHIN_S = 2.0
_RESUME_S = 0.2
_ANSWER_TOKENS = 64
_SMALL_TALK = (
    "Could you tell me something about the history of tea?",
    "What makes a good paragraph?",
    "I cannot decide what to cook tonight, something quick maybe?",
    "Tell me how bridges carry so much weight.",
    "Why does the sea look blue on some days and grey on others?",
    "Give me a few tips for packing a small suitcase.",
    "What is the difference between weather and climate?",
    "Explain how a bicycle stays upright.",
    "It is raining again, what can one do indoors?",
    "How do people learn to draw?",
    "What should one look for in a pair of walking boots?",
    "Tell me a little about how paper is made.",
    "Why do cats purr?",
    "How does a thermos keep things warm?",
    "What are the parts of a letter to an office?",
    "Say something encouraging, it has been a long week.",
    "How do bees find their way home?",
    "What is a simple way to stretch after sitting?",
    "Describe how bread rises.",
    "Which plants are hard to kill?",
    "How do lighthouses work?",
    "Why do we yawn?",
    "What makes some jokes funny?",
    "How do you keep a notebook that you will read again?",
)


@dataclass(frozen=True, slots=True)
class NapRun:
    """One talk: `passes` of each nap, the exam afterwards, and the first tokens of turns, those in the midst
    of naps among them.
    """

    persona: str
    style: str
    seed: int
    passes: int
    turns: int
    tokens: int
    after: Asked
    skills_before: int
    naps: tuple[dict[str, Any], ...]
    first_tokens: tuple[FirstToken, ...]
    wall_s: float


def open_engine(spec: Spec) -> tuple[WakeEngine, BaseWeights]:
    """What the spec names, on llama.cpp."""
    model = spec.model
    base = resolve(model.source, cache_path())
    gguf = served_gguf(base, cache_path(), model.serve_as)
    return LlamaEngine(gguf, context_tokens=model.context_tokens, threads=model.threads), base


def bench_nap(
    spec: Spec,
    people: Sequence[Persona],
    passes: Sequence[int],
    seeds: Sequence[int],
    context_tokens: int,
    times: float,
    say: Say,
    engines: OpenEngine = open_engine,
) -> tuple[BenchReport, str]:
    """A talk of `times` the context for each person, seed and number of passes: the report, and its plot."""
    where, started = surroundings(spec), time.monotonic()
    runs = []
    for person in people:
        for seed in seeds:
            for number in passes:
                talk = napping_spec(spec, number, seed, context_tokens)
                runs.append(run_talk(talk, person, seed, times * context_tokens, say, engines))
    figures = nap_figures(runs)
    targets = nap_targets(figures, runs, spec.memory.context.nap.passes)
    rows = [asdict(run) for run in runs]
    used = napping_spec(spec, spec.memory.context.nap.passes, 0, context_tokens)
    seconds = time.monotonic() - started
    return gathered("nap", where, used, seeds, seconds, figures, targets, rows), nap_plot(runs)


def napping_spec(spec: Spec, passes: int, seed: int, context_tokens: int) -> Spec:
    """As the spec says, with so many passes, a small context, short answers, and retrieval off."""
    memory = spec.memory
    nap = memory.context.nap.model_copy(update={"passes": passes})
    context = memory.context.model_copy(update={"nap": nap, "max_answer_tokens": _ANSWER_TOKENS})
    recall = memory.recall.model_copy(update={"enabled": False})
    return spec.model_copy(
        update={
            "model": spec.model.model_copy(update={"context_tokens": context_tokens}),
            "memory": memory.model_copy(update={"context": context, "recall": recall}),
            "sleep": spec.sleep.model_copy(update={"seed": seed, "resume_after_s": _RESUME_S}),
        }
    )


def facts_of(person: Persona) -> list[Fact]:
    """What is true of a person once both of their days were told."""
    return [*person.held(), *(person.later.facts if person.later else ())]


def run_talk(
    spec: Spec, person: Persona, seed: int, length_tokens: float, say: Say, engines: OpenEngine = open_engine
) -> NapRun:
    """Holds the talk, and asks when all that was told has left the context."""
    began, passes = time.monotonic(), spec.memory.context.nap.passes
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="dormouse-bench-"))) / "home"
        behind, base = engines(spec)
        engine = WatchedEngine(stack.enter_context(behind))
        alone = stack.enter_context(engines(spec)[0])
        command = "dormouse bench nap"
        agent = stack.enter_context(
            Agent(spec, home=home, engine=engine, base=base, command=command, attach=False)
        )
        general = not_anchored(person.skill_items())
        before = ask(agent, general)
        skills = [item for item in general if item.id in {i["id"] for i in before.items if i["passed"]}]
        timed = TurnDelays(agent, engine, alone)
        talk = _Talk(agent, timed, random.Random(seed))
        talk.hold(_told(person), length_tokens, spec.model.context_tokens)
        after = ask(agent, [*fact_items("recall", facts_of(person)), *person.unknown_items(), *skills])
        naps = tuple(_nap_row(nap) for nap in agent.naps())
        run = NapRun(
            persona=person.name,
            style=person.style,
            seed=seed,
            passes=passes,
            turns=talk.turns,
            tokens=talk.tokens,
            after=after,
            skills_before=len(skills),
            naps=naps,
            first_tokens=tuple(timed.measured),
            wall_s=time.monotonic() - began,
        )
    shares = ", ".join(f"{group} {share.passed}/{share.asked}" for group, share in after.shares.items())
    ended = ", ".join(nap["state"] for nap in naps) or "no naps"
    who = f"{person.name}, seed {seed}, {passes} passes"
    say(f"{who}: {shares}; {run.turns} turns; {ended}; {run.wall_s:.0f} s")
    return run


def _told(person: Persona) -> list[str]:
    days = [day for day in (person.first, person.later) if day]
    return [turn.content for day in days for turn in day.turns("talk")]


def _nap_row(nap: Any) -> dict[str, Any]:
    report: Mapping[str, Any] = nap.report
    kept = {name: report.get(name) for name in ("reasons", "exam", "seconds")}
    training = report.get("training") or {}
    return {
        "state": nap.state,
        "memories": len(report.get("memories", ())),
        "tokens": training.get("tokens"),
        **kept,
    }


class _Talk:
    """One session being held: small talk, what is to be told in between, and turns in the midst of naps."""

    def __init__(self, agent: Agent, timed: TurnDelays, rng: random.Random) -> None:
        self._agent, self._timed, self._rng = agent, timed, rng
        self._session = agent.new_session()
        self._small = _endless(_SMALL_TALK)
        self.turns, self.tokens = 0, 0

    def hold(self, told: Sequence[str], length_tokens: float, context_tokens: int) -> None:
        """Until it is so long, and until the last thing told has left the context."""
        left, last_told = list(told), 0
        while left or self.tokens < length_tokens or self.tokens - last_told < context_tokens:
            due = len(told) * min(1.0, self.tokens / (TOLD_WITHIN * length_tokens))
            if left and len(told) - len(left) <= due:
                self._say(left.pop(0))
                last_told = self.tokens
            else:
                self._say(next(self._small))
            disturbed = False
            for _ in range(_INTERRUPTIONS):
                time.sleep(self._rng.uniform(0.0, _INTERRUPTED_WITHIN_S) if self._agent.napping else 0.0)
                if not self._agent.napping:
                    break
                disturbed = True
                self._say(next(self._small))
            self._agent.wait_for_nap()
            if disturbed:
                self._timed.compare(_COMPARED)

    def _say(self, words: str) -> None:
        said = self._timed.say(words, self._session, disturbed=self._agent.napping)
        self.tokens += said + self._agent.space.engine.count(words)
        self.turns += 1


def _endless(words: Sequence[str]) -> Iterator[str]:
    while True:
        yield from words


def nap_figures(runs: Sequence[NapRun]) -> dict[str, Spread]:
    """Every figure over the runs, those of one number of passes together."""
    named: dict[str, list[float | None]] = {}
    for number in dict.fromkeys(run.passes for run in runs):
        mine = [run for run in runs if run.passes == number]
        named[f"recall_{number}"] = [run.after.rate("recall") for run in mine]
        named[f"unknown_{number}"] = [run.after.rate("unknown") for run in mine]
        named[f"skill_kept_{number}"] = [run.after.rate("skill") for run in mine]
        named[f"published_{number}"] = [_published(run) for run in mine]
        seconds = [sum((nap["seconds"] or {}).values()) for run in mine for nap in run.naps]
        named[f"nap_s_{number}"] = list(seconds)
    undisturbed = [each for run in runs for each in run.first_tokens if not each.disturbed]
    named["first_token_s"] = [each.took for each in undisturbed]
    named["first_token_beside_s"] = [each.beside for each in undisturbed]
    named["turn_delay_s"] = [delay for run in runs for delay in delays(run.first_tokens)]
    return figures_of(named)


def _published(run: NapRun) -> float | None:
    """The share of naps with something to learn whose adapter was served."""
    tried = [nap for nap in run.naps if nap["state"] != "nothing-new"]
    return sum(nap["state"] == "published" for nap in tried) / len(tried) if tried else None


def nap_targets(figures: Mapping[str, Spread], runs: Sequence[NapRun], default: int) -> list[Target]:
    """What the figures are held to; recall at the default number of passes, if that was among them."""
    means = [figures[f"recall_{number}"].mean for number in sorted({run.passes for run in runs})]
    rises = all(b >= a - NOISE for a, b in pairwise(means)) and means[-1] > means[0]
    delay = figures.get("turn_delay_s")

    def mean(name: str) -> float | None:
        found = figures.get(f"{name}_{default}")
        return found.mean if found else None

    return [
        Target(f"recall_{default}", "at least", LEAST_RECALL, mean("recall")),
        Target("recall_rises", "at least", 1.0, float(rises) if len(means) > 1 else None),
        Target(f"unknown_{default}", "at least", 0.85, mean("unknown")),
        Target(f"skill_kept_{default}", "at least", 0.90, mean("skill_kept")),
        Target("longest_turn_delay_s", "at most", LONGEST_DELAY_S, delay.high if delay else None),
    ]


def nap_plot(runs: Sequence[NapRun]) -> str:
    """Recall, honesty and old skills over the number of passes, as SVG."""
    numbers = sorted({run.passes for run in runs})

    def line(name: str, group: str) -> Series:
        of_each = [spread(run.after.rate(group) for run in runs if run.passes == n) for n in numbers]
        return Series(
            name, [(n, found.mean if found else None) for n, found in zip(numbers, of_each, strict=True)]
        )

    series = [line("told, left the context", "recall"), line("never told, declined", "unknown")]
    series.append(line("old skills kept", "skill"))
    return line_plot(
        "Answers from the weights alone, after naps",
        series,
        Axis("passes over what leaves the context (0: cut off)", low=0),
        Axis("share answered rightly", low=0, high=1),
    )
