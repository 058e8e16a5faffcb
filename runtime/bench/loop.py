"""`bench loop`: personas are told to an agent, it sleeps, and is asked with an empty context; then a second
night, and some of it is asked again in a talk.

Promise: everything goes through the agent, as a user would do it, in a home of its own for each persona
and seed; a night that fails counts with what the agent then answers. States the targets; knows nothing of
how figures are printed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from ...memory.base_weights import resolve, served_gguf
from ...memory.errors import DormouseError
from ...memory.home import cache_path
from ...sleep import kinds
from ...sleep.exam import ExamItem, ItemResult, passes
from ...sleep.kinds import words
from ...sleep.replay import anchor_prompts
from ..agent import Agent
from ..spec import Spec
from .compaction import Compaction, judge
from .mount import MountRun, measure_mount
from .personas import Fact, Persona, fact_items
from .report import BenchReport, Say, Spread, Target, figures_of, gathered, surroundings, target

Part = Literal["nights", "mount"]
_TALK_ITEMS = 30  # of what was told and never told, asked in one talk
_BETWEEN = 2  # of them between two general questions
MakeAgent = Callable[[Spec, Path], Agent]

NIGHT_TARGETS: tuple[tuple[str, Literal["at least", "at most"], float], ...] = (
    ("recall_natural", "at least", 0.75),
    ("recall_plain", "at least", 0.95),
    ("unknown", "at least", 0.85),
    ("skill_kept", "at least", 0.90),
    ("night_s", "at most", 180.0),
    ("train_tokens_per_s", "at least", 600.0),
    ("second_new_recall", "at least", 0.75),
    ("second_old_kept", "at least", 0.95),
    ("talk_kept", "at least", 0.90),
    ("talk_unknown", "at least", 0.85),
)
MOUNT_TARGETS: tuple[tuple[str, Literal["at least", "at most"], float], ...] = (
    ("mount_ms", "at most", 50.0),
    ("base_reloads", "at most", 0.0),
    ("decode_ratio", "at least", 0.90),
)


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many; `rate` is None when nothing was asked."""

    passed: int
    asked: int

    @property
    def rate(self) -> float | None:
        return self.passed / self.asked if self.asked else None


@dataclass(frozen=True, slots=True)
class Asked:
    """One exam: what was passed by group (the item id up to its first colon), and every answer."""

    shares: dict[str, Share]
    items: tuple[dict[str, Any], ...]

    def rate(self, group: str) -> float | None:
        share = self.shares.get(group)
        return share.rate if share else None

    def rate_in_new_words(self, group: str) -> float | None:
        """As `rate`, of the questions alone that no training text holds word for word."""
        known = questions_of_bank()
        asked = [item for item in self.items if item["id"].split(":")[0] == group]
        new = [item["passed"] for item in asked if words(item["question"]) not in known]
        return Share(sum(new), len(new)).rate

    def passed(self, facts: Sequence[Fact]) -> int:
        """How many of the questions about these facts were answered rightly."""
        ids = {fact.id for fact in facts}
        return sum(item["passed"] for item in self.items if _fact_of(item["id"]) in ids)


@dataclass(frozen=True, slots=True)
class NightRun:
    """One night as the caller saw it: `wall_s` seconds in all, `stages_s` by stage; `drift` is how many times
    the base's perplexity its adapter has, on general text and on chat.
    """

    status: str
    reasons: tuple[str, ...]
    adapter: str | None
    wall_s: float
    stages_s: dict[str, float]
    train_tokens_per_s: float
    memories: int
    rejected: tuple[dict[str, str], ...]
    drift: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoopRun:
    """One persona under one seed: before any night, after the first, after the second (None if there was
    none), and in a talk after the last.
    """

    persona: str
    style: str
    seed: int
    before: Asked
    first: NightRun
    compaction: Compaction
    after: Asked
    second: NightRun | None
    later: Asked | None
    old_kept: float | None
    talk: Asked

    @property
    def talk_kept(self) -> float | None:
        """Of what was answered rightly after the last night, the share that is in the talk, too."""
        last = {item["id"] for item in (self.later or self.after).items if item["passed"]}
        told = [item for item in self.talk.items if _fact_of(item["id"]) and item["id"] in last]
        return Share(sum(item["passed"] for item in told), len(told)).rate

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def open_agent(spec: Spec, home: Path) -> Agent:
    """The agent a benchmark measures."""
    return Agent(spec, home=home, command="dormouse bench loop")


def bench_loop(
    spec: Spec,
    people: Sequence[Persona],
    seeds: Sequence[int],
    say: Say,
    parts: Sequence[Part] = ("nights", "mount"),
    make_agent: MakeAgent = open_agent,
) -> BenchReport:
    """Measures and reports; each persona is told, and sleeps, once under each seed."""
    where, started = surroundings(spec), time.monotonic()
    figures: dict[str, Spread] = {}
    targets: list[Target] = []
    rows: list[dict[str, Any]] = []
    if "nights" in parts:
        runs = [run_persona(persona, spec, seed, say, make_agent) for persona in people for seed in seeds]
        rows += [run.as_json() for run in runs]
        figures |= night_figures(runs)
        styles = {run.style for run in runs}
        stated = [t for t in NIGHT_TARGETS if not (t[0] == "recall_plain" and "plain" not in styles)]
        stated = [t for t in stated if not (t[0] == "recall_natural" and "natural" not in styles)]
        targets += [target(figures, *each) for each in stated]
    if "mount" in parts:
        run = run_mount(spec, say)
        rows.append({"mount": asdict(run)})
        figures |= mount_figures(run)
        targets += [target(figures, *each) for each in MOUNT_TARGETS]
    return gathered("loop", where, spec, seeds, time.monotonic() - started, figures, targets, rows)


def run_persona(
    persona: Persona, spec: Spec, seed: int, say: Say, make_agent: MakeAgent = open_agent
) -> LoopRun:
    """Tells, asks, sleeps, asks; and again with the later sessions."""
    seeded = spec.model_copy(update={"sleep": spec.sleep.model_copy(update={"seed": seed})})
    who = f"{persona.name}, seed {seed}"
    with (
        TemporaryDirectory(prefix="dormouse-bench-") as folder,
        make_agent(seeded, Path(folder) / "home") as agent,
    ):
        agent.tell(persona.first.turns("first"))
        unknown, general = persona.unknown_items(), not_anchored(persona.skill_items())
        before = ask(agent, [*fact_items("recall", persona.first.facts, most=1), *unknown, *general])
        passed = {item["id"] for item in before.items if item["passed"]}
        skills = [item for item in general if item.id in passed]
        say(f"{who}: told; the base answers {len(skills)} of {len(general)} general questions")
        first = sleep(agent)
        kept = [m for m in agent.memories() if m.state in ("admitted", "consolidated")]
        compaction = judge(kept, persona.first.facts)
        after = ask(agent, [*fact_items("recall", persona.first.facts), *unknown, *skills])
        say(f"{who}: {_night_line(first)}; {_asked_line(after)}; {compaction.placed} facts compacted")
        second, later, old_kept = None, None, None
        if persona.later is not None:
            agent.tell(persona.later.turns("later"))
            second = sleep(agent)
            held = persona.held()
            told = [*fact_items("new", persona.later.facts), *fact_items("old", held)]
            later = ask(agent, [*told, *unknown, *skills])
            old_kept = Share(later.passed(held), after.passed(held)).rate
            say(f"{who}: second night {_night_line(second)}; {_asked_line(later)}")
        else:
            told = fact_items("recall", persona.first.facts)
        talk = in_a_talk(agent, [*told, *unknown], skills)
        say(f"{who}: in a talk {_asked_line(talk)}")
    return LoopRun(
        persona.name, persona.style, seed, before, first, compaction, after, second, later, old_kept, talk
    )


@cache
def questions_of_bank() -> frozenset[tuple[str, ...]]:
    """The words of every question that a night or the role adapter is trained on. Some are everybody's ("How
    old is my dog?"), and are asked all the same: figures say what is left without them.
    """
    asked = {question for kind in kinds.bank() for question in kind.asked}
    asked |= {question for row in kinds.one_offs() for questions in row.asked for question in questions}
    return frozenset(words(question) for question in asked)


def not_anchored(items: Sequence[ExamItem]) -> list[ExamItem]:
    """The items whose question no night is anchored with: the others would prove nothing."""
    prompts = {_letters(prompt) for prompt in anchor_prompts()}
    return [item for item in items if _letters(item.question) not in prompts]


def ask(agent: Agent, items: Sequence[ExamItem]) -> Asked:
    """The exam with the weights alone, counted by group."""
    return _counted(agent.exam(items, "weights").items)


def in_a_talk(agent: Agent, items: Sequence[ExamItem], general: Sequence[ExamItem]) -> Asked:
    """Some of the items asked in one session, as a user would, with general questions in between."""
    rng, session = random.Random(0), agent.new_session()
    between = iter(rng.sample(general, len(general)))
    order: list[ExamItem] = []
    for number, item in enumerate(rng.sample(items, min(_TALK_ITEMS, len(items)))):
        order += [*([] if number % _BETWEEN else islice(between, 1)), item]
    answers = [(item, agent.chat(item.question, session=session).text) for item in order]
    return _counted(
        [ItemResult(item.id, item.kind, item.question, said, passes(item, said)) for item, said in answers]
    )


def _counted(items: Iterable[ItemResult]) -> Asked:
    shares: dict[str, Share] = {}
    results = tuple(items)
    for item in results:
        group = item.id.split(":")[0]
        share = shares.get(group, Share(0, 0))
        shares[group] = Share(share.passed + item.passed, share.asked + 1)
    return Asked(shares, tuple(asdict(item) for item in results))


def sleep(agent: Agent) -> NightRun:
    """One night, timed from outside; one that fails is reported as failed."""
    started = time.monotonic()
    try:
        report = agent.sleep()
    except DormouseError as error:
        return NightRun("failed", (str(error),), None, time.monotonic() - started, {}, 0.0, 0, ())
    return NightRun(
        status=report.status,
        reasons=tuple(report.reasons),
        adapter=report.adapter,
        wall_s=time.monotonic() - started,
        stages_s=dict(report.seconds),
        train_tokens_per_s=report.train_tokens_per_s,
        memories=len(report.memories),
        rejected=tuple(report.rejected),
        drift={kind: found["ratio"] for kind, found in (report.exam or {}).get("drift", {}).items()},
    )


def run_mount(spec: Spec, say: Say) -> MountRun:
    """Mounting measured on the base the spec names."""
    from ...memory.llama_engine import LlamaEngine

    base = resolve(spec.model.source, cache_path())
    gguf = served_gguf(base, cache_path(), spec.model.serve_as)
    settings = spec.model
    with TemporaryDirectory(prefix="dormouse-bench-") as folder:
        return measure_mount(
            base,
            lambda: LlamaEngine(gguf, context_tokens=settings.context_tokens, threads=settings.threads),
            Path(folder),
            say,
        )


def night_figures(runs: Sequence[LoopRun]) -> dict[str, Spread]:
    """Every figure over the runs. Nights that failed have no seconds, but their answers count."""
    named: dict[str, list[float | None]] = {
        "recall": [run.after.rate("recall") for run in runs],
        "recall_in_new_words": [run.after.rate_in_new_words("recall") for run in runs],
        "unknown": [run.after.rate("unknown") for run in runs],
        "skill_kept": [run.after.rate("skill") for run in runs],
        "published": [float(run.first.status == "published") for run in runs],
        "night_s": [run.first.wall_s if run.first.stages_s else None for run in runs],
        "train_tokens_per_s": [run.first.train_tokens_per_s or None for run in runs],
    }
    for stage in dict.fromkeys(stage for run in runs for stage in run.first.stages_s):
        named[f"night_s.{stage}"] = [run.first.stages_s.get(stage) for run in runs]
    for style in dict.fromkeys(run.style for run in runs):
        alike = [run for run in runs if run.style == style]
        named[f"recall_{style}"] = [run.after.rate("recall") for run in alike]
        named[f"compaction_found_{style}"] = [_part(r.compaction.found, r.compaction.told) for r in alike]
        named[f"compaction_placed_{style}"] = [_part(r.compaction.placed, r.compaction.told) for r in alike]
    for verdict in ("true", "wrong", "unlisted"):
        shares = [_part(getattr(run.compaction, verdict), run.compaction.memories) for run in runs]
        named[f"compaction_memories_{verdict}"] = shares
    later = [run for run in runs if run.later is not None and run.second is not None]
    named |= {
        "second_new_recall": [run.later.rate("new") for run in later if run.later],
        "second_old_kept": [run.old_kept for run in later],
        "second_unknown": [run.later.rate("unknown") for run in later if run.later],
        "second_skill_kept": [run.later.rate("skill") for run in later if run.later],
        "second_published": [float(run.second.status == "published") for run in later if run.second],
        "second_night_s": [run.second.wall_s for run in later if run.second and run.second.stages_s],
        "talk_kept": [run.talk_kept for run in runs],
        "talk_unknown": [run.talk.rate("unknown") for run in runs],
        "talk_skill": [run.talk.rate("skill") for run in runs],
        "before_recall": [run.before.rate("recall") for run in runs],
        "before_unknown": [run.before.rate("unknown") for run in runs],
        "before_skill": [run.before.rate("skill") for run in runs],
    }
    return figures_of(named)


def mount_figures(run: MountRun) -> dict[str, Spread]:
    """Times as medians over the repeats, with their range."""
    import statistics

    def middle(values: Sequence[float]) -> Spread:
        return Spread(statistics.median(values), min(values), max(values), len(values))

    return {
        "mount_ms": middle(run.mount_ms),
        "base_reloads": middle([run.base_reloads]),
        "decode_ratio": Spread(run.decode_ratio, run.decode_ratio, run.decode_ratio, len(run.at_start)),
        "decode_tokens_per_s_at_run_time": middle(run.at_run_time),
        "decode_tokens_per_s_at_start": middle(run.at_start),
        "adapter_mb": middle([run.adapter_bytes / 1e6]),
    }


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _part(some: int, whole: int) -> float | None:
    return Share(some, whole).rate


def _fact_of(item_id: str) -> str:
    group, _, rest = item_id.partition(":")
    return rest.split(":")[0] if group in ("recall", "new", "old") else ""


def _night_line(night: NightRun) -> str:
    reasons = f" ({'; '.join(night.reasons)})" if night.reasons else ""
    return f"{night.status}{reasons} in {night.wall_s:.0f} s, {night.train_tokens_per_s:.0f} tokens/s"


def _asked_line(asked: Asked) -> str:
    return ", ".join(f"{group} {share.passed}/{share.asked}" for group, share in asked.shares.items())
