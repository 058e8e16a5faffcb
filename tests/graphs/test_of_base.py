"""What the bare base does by itself: measured once, and again where something else is served."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scripted_engine import BASE, ScriptedEngine
from tiny_night import scripted

from dormouse.graphs import of_base
from dormouse.graphs.night import NightContext
from dormouse.graphs.tool_exam import REQUESTS
from dormouse.memory.engine import Message, Mount
from dormouse.sleep import exam
from dormouse.sleep.exam import ExamItem

STACK = (Mount("a" * 16, Path("adapter.gguf")),)
ITEMS = [ExamItem(f"skill-{i}", f"What is {i}?", "skill", (str(i),)) for i in range(5)]
KNOWN = [exam.answered(item, item.expect[0]) for item in ITEMS[1::2]]


@dataclass
class Counting(ScriptedEngine):
    """Knows odd numbers; gives each token of chat -1 nats, -2 with an adapter. Counts what it scores."""

    scored: list[bool] = field(default_factory=list)

    def tokenize(self, text: str, special: bool = True) -> list[int]:
        return [1 for _ in text.split()]

    def logits(
        self, token_ids: Sequence[int], *, adapters: Sequence[Mount] | None = None
    ) -> NDArray[np.float32]:
        self.scored.append(bool(adapters))
        return np.zeros((len(token_ids), 16 if adapters else 4), dtype=np.float32)

    def score(
        self, messages: Sequence[Message], answer: str, *, adapters: Sequence[Mount] | None = None
    ) -> tuple[float, ...]:
        self.scored.append(bool(adapters))
        return (-2.0 if adapters else -1.0,) * len(answer.split())


def knows_odd_numbers(messages: Sequence[Message]) -> str:
    number = messages[-1].content.removeprefix("What is ").removesuffix("?")
    return number if int(number) % 2 else "no"


Served = Callable[..., tuple[NightContext, Counting]]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A night's parts with an engine that was asked nothing yet."""
    monkeypatch.setattr(exam, "general_skills", lambda: ITEMS)
    with scripted(tmp_path) as context:

        def made(**changes: object) -> tuple[NightContext, Counting]:
            engine = Counting(knows_odd_numbers)
            return replace(context, engine=engine, **changes), engine  # type: ignore[arg-type]

        yield made


def test_its_skills_are_asked_for_once(served: Served) -> None:
    first, engine = served()
    assert of_base.skills(first, 20) == KNOWN
    assert all(asked.adapters == () for asked in engine.asked)
    again, engine = served()
    assert of_base.skills(again, 20) == KNOWN
    assert engine.asked == []


@pytest.mark.parametrize(
    "changes",
    [{"persona": "Another."}, {"serve_as": "f16"}, {"base": replace(BASE, sha256="c" * 64)}],
    ids=lambda changes: next(iter(changes)),
)
def test_it_is_measured_again_where_something_else_is_served(
    served: Served, changes: dict[str, object]
) -> None:
    of_base.skills(served()[0], 20)
    of_base.drift_of(served()[0], STACK)
    other, engine = served(**changes)
    of_base.skills(other, 20)
    of_base.drift_of(other, STACK)
    assert engine.asked
    assert False in engine.scored


def test_other_questions_are_asked_anew(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    of_base.skills(served()[0], 20)
    monkeypatch.setattr(exam, "general_skills", lambda: ITEMS[:2])
    assert of_base.skills(served()[0], 20) == KNOWN[:1]
    assert of_base.skills(served()[0], 0) == []


def test_drift_scores_the_base_once_and_each_candidate(served: Served) -> None:
    first, engine = served()
    found = of_base.drift_of(first, STACK)
    assert found["general"].ratio == pytest.approx(4.0)
    assert found["chat"].ratio == pytest.approx(np.e)
    texts = len(engine.scored) // 2
    assert engine.scored == [False] * texts + [True] * texts
    again, engine = served()
    assert of_base.drift_of(again, STACK) == found
    assert engine.scored == [True] * texts


def test_a_damaged_record_is_made_again(served: Served, tmp_path: Path) -> None:
    of_base.skills(served()[0], 20)
    (kept,) = (tmp_path / "cache").rglob("answers-*.json")
    kept.write_text('[["skill-')
    context, engine = served()
    assert of_base.skills(context, 20) == KNOWN
    assert engine.asked
    assert kept.read_text() == '[["skill-1", "1"], ["skill-3", "3"]]'


def test_its_decisions_on_tools_are_asked_for_once(served: Served) -> None:
    first, engine = served()
    engine.script = lambda messages: '{"tool": "none"}'
    assert of_base.decisions(first) == ['{"tool": "none"}'] * len(REQUESTS)
    again, engine = served()
    assert of_base.decisions(again) == ['{"tool": "none"}'] * len(REQUESTS)
    assert engine.asked == []
