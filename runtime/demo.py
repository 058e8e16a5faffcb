"""The demo: a day's worth of talk, one night, and the same questions before it, with all facts in the
prompt, and after it.

Promise: every figure is of this very run, asked through the agent, each row by the same questions. Knows
nothing of terminals.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from ..memory.base_weights import resolve
from ..memory.errors import BadInput
from ..memory.home import cache_path
from ..memory.journal import Journal
from ..memory.recalling import with_recalled
from ..memory.settings import ContextSettings
from ..sleep.exam import ExamReport
from ..sleep.records import Progress
from .agent import Agent
from .bench.personas import Persona, fact_items, read_persona
from .spec import Spec

MakeAgent = Callable[[Spec, Path], Agent]
Report = Callable[[Progress], None]
T = TypeVar("T")

ANSWER_TOKENS = 48
_SHOWN = 3  # questions quoted with their answers


@dataclass(frozen=True, slots=True)
class DemoRow:
    """One way of asking: how many facts were recalled, how often it said that it does not know what it was
    never told, how many general questions it answered; each as (passed, asked).
    """

    name: str
    recall: tuple[int, int]
    honesty: tuple[int, int]
    skills: tuple[int, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class DemoQuote:
    """One question, and what was answered before and after the night."""

    question: str
    before: str
    after: str


@dataclass(frozen=True)
class DemoResult:
    """The table: `rows` are before, all facts in the prompt, after sleep; `seconds` by stage, in order.

    `helped` is whether an adapter was published and recalls more than either row before it.
    """

    base: str
    facts: int
    turns: int
    rows: tuple[DemoRow, ...]
    night: str
    reasons: tuple[str, ...]
    adapter: str | None
    seconds: dict[str, float]
    train_tokens_per_s: float
    quotes: tuple[DemoQuote, ...]
    helped: bool


def open_agent(spec: Spec, home: Path) -> Agent:
    """The agent the demo talks to."""
    return Agent(spec, home=home, command="dormouse demo")


def demo_day() -> Persona:
    """Who talks in the demo; nobody that a benchmark judges by."""
    return read_persona(resources.files(__package__) / "demo_day.json")


def run_demo(
    home: Path | None = None,
    progress: Report | None = None,
    spec: Spec | None = None,
    make_agent: MakeAgent = open_agent,
) -> DemoResult:
    """Runs the demo in `home`, or in a folder that is gone afterwards. Raises what the agent raises.

    Answers are cut at 48 tokens, for time. BadInput when something was said in that home before.
    """
    given, day = spec or Spec(), demo_day()
    context = ContextSettings(max_answer_tokens=min(ANSWER_TOKENS, given.memory.context.max_answer_tokens))
    short = given.model_copy(update={"memory": given.memory.model_copy(update={"context": context})})
    told = day.first.turns("demo")
    all_told = with_recalled(short.persona, [turn.content for turn in told])
    clock = _Clock(progress or (lambda _: None))
    with TemporaryDirectory(prefix="dormouse-demo-") as folder:
        place = home or Path(folder) / "home"
        _must_be_new(place)
        with make_agent(short, place) as agent:
            clock.timed("tell", lambda tick: agent.tell(told, tick))
            before = _asked(agent, day, clock, "before")
        with make_agent(short.model_copy(update={"persona": all_told}), Path(folder) / "other") as agent:
            prompted = _asked(agent, day, clock, "prompt")
        with make_agent(short, place) as agent:
            night = agent.sleep(clock.report)
        clock.seconds |= {f"sleep: {stage}": spent for stage, spent in night.seconds.items()}
        with make_agent(short, place) as agent:
            after = _asked(agent, day, clock, "after")
    rows = (
        _row("before", before, clock.seconds["ask before"]),
        _row("all facts in the prompt", prompted, clock.seconds["ask prompt"]),
        _row("after sleep", after, clock.seconds["ask after"]),
    )
    return DemoResult(
        base=resolve(short.model.source, cache_path()).name,
        facts=len(day.first.facts),
        turns=len(told),
        rows=rows,
        night=night.status,
        reasons=tuple(night.reasons),
        adapter=night.adapter,
        seconds=clock.seconds,
        train_tokens_per_s=night.train_tokens_per_s,
        quotes=_quotes(before, after),
        helped=night.status == "published" and rows[2].recall[0] > max(row.recall[0] for row in rows[:2]),
    )


class _Clock:
    """The seconds each part took, told to `report` as it goes."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, work: Callable[[Callable[[int, int], None]], T]) -> T:
        started = time.monotonic()
        result = work(lambda done, total: self.report(Progress(name, done, total, f"{done} of {total}")))
        self.seconds[name] = round(time.monotonic() - started, 1)
        return result


def _must_be_new(home: Path) -> None:
    path = home / "journal.db"
    if not path.exists():
        return
    with Journal(path, read_only=True) as journal:
        if journal.sessions():
            raise BadInput(
                f"The demo needs a home in which nothing was said yet, and something was in {home}."
            )


def _asked(agent: Agent, day: Persona, clock: _Clock, when: str) -> ExamReport:
    items = [*fact_items("recall", day.first.facts), *day.unknown_items(), *day.skill_items()]
    return clock.timed(f"ask {when}", lambda tick: agent.exam(items, "weights", tick))


def _row(name: str, report: ExamReport, seconds: float) -> DemoRow:
    def counted(kind: str) -> tuple[int, int]:
        counts = report.kinds.get(kind, {"passed": 0, "n": 0})
        return counts["passed"], counts["n"]

    return DemoRow(name, counted("fact"), counted("unknown"), counted("skill"), seconds)


def _quotes(before: ExamReport, after: ExamReport) -> tuple[DemoQuote, ...]:
    """The first facts asked for, one question of each, whatever became of them."""
    pairs = [pair for pair in zip(before.items, after.items, strict=True) if pair[0].id.endswith(":0")]
    return tuple(DemoQuote(old.question, old.answer, new.answer) for old, new in pairs[:_SHOWN])
