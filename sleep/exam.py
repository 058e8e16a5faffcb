"""The exam: what a candidate adapter must answer, through the wake engine, before it may serve.

Promise: empty context, retrieval off, the engine that serves; an exam that is missing or empty fails, and so
does one that lacks a kind which the night owes, or drift. Each share is reported with the interval its
few questions leave open. Knows nothing of training.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any, Literal

from ..memory import adapter_gate
from ..memory.engine import Message, Mount, Sampling, WakeEngine
from ..verifiers.abc import Claim
from ..verifiers.abstention import abstained
from ..verifiers.match import Match
from .drift import KINDS as DRIFTS
from .drift import Drift
from .intervals import wilson
from .records import Probe
from .settings import ExamSettings

ItemKind = Literal["fact", "unknown", "skill", "forgotten"]
KINDS: tuple[ItemKind, ...] = ("fact", "unknown", "skill", "forgotten")
_ANSWER_TOKENS = 48
_ASKED_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class ExamItem:
    """A question and how its answer is judged.

    The answer holds any of `expect` (if given) and none of `forbid`; for `unknown` and `forgotten` it says
    that the agent does not know.
    """

    id: str
    question: str
    kind: ItemKind
    expect: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered(ExamItem):
    """A question, and what the bare base answers to it."""

    of_base: str = ""


@dataclass(frozen=True, slots=True)
class ItemResult:
    id: str
    kind: str
    question: str
    answer: str
    passed: bool


@dataclass(frozen=True, slots=True)
class ExamReport:
    """Answers in order, and for each kind how many were asked (`n`) and how many `passed`."""

    kinds: dict[str, dict[str, int]]
    items: tuple[ItemResult, ...]

    def as_json(self) -> dict[str, Any]:
        items = [{"id": item.id, "answer": item.answer, "passed": item.passed} for item in self.items]
        return {"kinds": self.kinds, "items": items}

    def rate(self, kind: str) -> float:
        """Share passed of one kind; 0 when it was not asked."""
        counts = self.kinds.get(kind, {"n": 0, "passed": 0})
        return counts["passed"] / counts["n"] if counts["n"] else 0.0


def answered(item: ExamItem, of_base: str) -> Answered:
    """The question with what the bare base answers."""
    return Answered(item.id, item.question, item.kind, item.expect, item.forbid, of_base)


def passes(item: ExamItem, answer: str) -> bool:
    if (item.expect or item.forbid) and not Match().judge(
        Claim(answer, expect=item.expect, forbid=item.forbid)
    ).passed:
        return False
    if item.kind in ("unknown", "forgotten"):
        return abstained(answer)
    return bool(answer.strip())


def report(results: Iterable[ItemResult]) -> ExamReport:
    items = tuple(results)
    kinds: dict[str, dict[str, int]] = {}
    for item in items:
        counts = kinds.setdefault(item.kind, {"n": 0, "passed": 0})
        counts["n"] += 1
        counts["passed"] += item.passed
    return ExamReport(kinds, items)


def ask_items(items: Sequence[ExamItem], ask: Callable[[str], str]) -> ExamReport:
    """Puts each question to `ask` and judges what comes back."""
    results = []
    for item in items:
        answer = ask(item.question)
        results.append(ItemResult(item.id, item.kind, item.question, answer, passes(item, answer)))
    return report(results)


def general_skills() -> list[ExamItem]:
    """Plain general questions that no training set holds."""
    path = resources.files(__package__) / "data" / "exam_skills.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return [
        ExamItem(f"skill-{i}", row["question"], "skill", tuple(row["expect"])) for i, row in enumerate(rows)
    ]


@dataclass(frozen=True, slots=True)
class Examiner:
    """Asks one adapter stack through the wake engine, with the persona and nothing else in the context."""

    engine: WakeEngine
    persona: str
    stack: tuple[Mount, ...]

    def ask_all(self, items: Sequence[ExamItem]) -> list[str]:
        """The answers, each in a context of its own, side by side; what the base is known to answer is not
        asked of it again.
        """
        sampling = Sampling(max_tokens=_ANSWER_TOKENS)
        asked = [
            ([Message("system", self.persona), Message("user", item.question)], sampling) for item in items
        ]
        known = {number: item.of_base for number, item in enumerate(items) if isinstance(item, Answered)}
        answers = adapter_gate.answer_all(self.engine, asked, self.stack, known=known)
        return [answer.strip() for answer in answers]


def skills_of_base(engine: WakeEngine, persona: str, count: int) -> list[Answered]:
    """The first `count` general questions that the bare base answers rightly, each with its answer: what the
    night may not lose.
    """
    bare = Examiner(engine, persona, ())
    kept: list[Answered] = []
    items = general_skills()
    while items and len(kept) < count:
        some, items = items[:_ASKED_AT_ONCE], items[_ASKED_AT_ONCE:]
        kept += [
            answered(item, answer)
            for item, answer in zip(some, bare.ask_all(some), strict=True)
            if passes(item, answer)
        ]
    return kept[:count]


@dataclass(frozen=True, slots=True)
class ToolTrial:
    """A request, and whether the candidate decided rightly on a tool; `answer` is its decision in words."""

    request: str
    answer: str
    passed: bool


def _from_probes(probes: Sequence[Probe]) -> list[tuple[str, ExamItem]]:
    """(exam kind, item) for each probe: `new` and `old` are facts, told apart in the report."""
    items = []
    for number, probe in enumerate(probes):
        kind: ItemKind = "fact" if probe.expect else "unknown"
        expect = (probe.expect,) if probe.expect else ()
        items.append((probe.kind, ExamItem(f"{probe.kind}-{number}", probe.question, kind, expect)))
    return items


def hold(
    examiner: Examiner,
    probes: Sequence[Probe],
    skills: Sequence[ExamItem],
    settings: ExamSettings,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    due: Collection[str],
    drift: Mapping[str, Drift] | None = None,
    tools: Sequence[ToolTrial] = (),
) -> dict[str, Any]:
    """Holds the exam; returns the record kept with the adapter: kinds, items, `passed`, and why if not.

    `due` are the kinds that `probes` may not lack (see TrainingSet); `drift` and `tools` were measured
    before, of the same stack. `intervals` are 95% Wilson intervals of the shares passed.
    """
    asked = [*_from_probes(probes), *(("skill", item) for item in skills)]
    results: list[ItemResult] = []
    for at in range(0, len(asked), _ASKED_AT_ONCE):
        some = asked[at : at + _ASKED_AT_ONCE]
        answers = examiner.ask_all([item for _, item in some])
        for (kind, item), answer in zip(some, answers, strict=True):
            results.append(ItemResult(item.id, kind, item.question, answer, passes(item, answer)))
        progress(len(results), len(asked))
    results += [
        ItemResult(f"tool-{n}", "tool", trial.request, trial.answer, trial.passed)
        for n, trial in enumerate(tools)
    ]
    outcome = report(results)
    reasons = [*shortfalls(outcome, settings, due), *drifted(drift or {}, settings)]
    return {
        "passed": not reasons,
        "reasons": reasons,
        "kinds": outcome.kinds,
        "intervals": {
            kind: [round(end, 3) for end in wilson(counts["passed"], counts["n"])]
            for kind, counts in outcome.kinds.items()
        },
        "drift": {kind: asdict(found) for kind, found in (drift or {}).items()},
        "items": [asdict(result) for result in outcome.items],
        "thresholds": settings.model_dump(),
        "adapter": examiner.stack[-1].name if examiner.stack else None,
        "engine": type(examiner.engine).__name__,
    }


_ALWAYS_DUE = ("unknown", "skill")
_NEWS = ("new", "untrue")  # of these there is one at least: without news there is no exam


def shortfalls(outcome: ExamReport, settings: ExamSettings, due: Collection[str]) -> list[str]:
    """Why a candidate fails by its answers, or for want of questions; empty when it passes.

    A share under its threshold fails, whatever its interval: of an adapter whose true share is the threshold
    itself about half fail (see intervals.chance_of_passing).
    """
    wanted: Mapping[str, float] = {
        "new": settings.min_new,
        "old": settings.min_old,
        "untrue": settings.min_untrue,
        "neighbour": settings.min_neighbour,
        "unknown": settings.min_unknown,
        "skill": settings.min_skill,
        "tool": settings.min_tool,
    }
    owed = {*due, *_ALWAYS_DUE}
    if owed.isdisjoint(_NEWS):
        owed.add("new")
    reasons = []
    for kind, least in wanted.items():
        counts = outcome.kinds.get(kind)
        if counts is None or counts["n"] == 0:
            if kind in owed:
                reasons.append(f"no question of kind {kind} was asked")
            continue
        if outcome.rate(kind) < least:
            low, high = wilson(counts["passed"], counts["n"])
            reasons.append(
                f"{kind}: {counts['passed']} of {counts['n']} right (95% between {low:.0%} and {high:.0%}), "
                f"fewer than {least:.0%}"
            )
    return reasons


def drifted(drift: Mapping[str, Drift], settings: ExamSettings) -> list[str]:
    """Why a candidate fails by its drift; what was not measured fails."""
    most = {"general": settings.max_general_drift, "chat": settings.max_chat_drift}
    reasons = []
    for kind in DRIFTS:
        found, bound = drift.get(kind), most[kind]
        if bound is None:
            continue
        if found is None:
            reasons.append(f"drift on {kind} text was not measured")
        elif not found.ratio <= 1.0 + bound:
            reasons.append(
                f"perplexity on {kind} text is {found.ratio - 1:+.1%} (95% between {found.low - 1:+.1%} and "
                f"{found.high - 1:+.1%}), more than {bound:+.0%}"
            )
    return reasons
