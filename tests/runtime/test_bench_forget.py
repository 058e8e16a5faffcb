"""`bench forget` counts what is left of the forgotten, wherever it is, and what it cost the others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sleepy_agent import remembered

from dormouse.memory.home import Home
from dormouse.memory.journal import Memory
from dormouse.runtime.agent import Agent
from dormouse.runtime.bench.forget import bench_forget
from dormouse.runtime.bench.personas import Persona, personas
from dormouse.runtime.receipts import Receipt
from dormouse.runtime.spec import Spec
from dormouse.sleep.exam import ExamItem, ExamReport, ask_items


@dataclass
class Forgetter:
    """Answers for every fact of its day until that is forgotten, except where it `keeps` it."""

    persona: Persona
    home: Home
    keeps: str
    memory: list[Memory] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def __enter__(self) -> Forgetter:
        return self

    def __exit__(self, *error: object) -> None:
        self.home.close()

    def tell(self, turns: Iterable[Any]) -> None:
        pass

    def sleep(self) -> Any:
        self.memory = [remembered(fact) for fact in self.persona.held()]
        return SimpleNamespace(status="published")

    def memories(self, state: str) -> list[Memory]:
        return self.memory

    def exam(self, items: list[ExamItem], tiers: str = "weights") -> ExamReport:
        def ask(question: str) -> str:
            item = next(item for item in items if item.question == question)
            fact = re.split(":", item.id)[1]
            if fact in self.gone and self.keeps != tiers:
                return "I don't know."
            if self.keeps == "nothing else" and self.gone:
                return "Hm?"
            return f"It is {item.expect[0]}."

        return ask_items(items, ask)

    def forget(self, *ids: str, now: bool) -> Receipt:
        facts = {remembered(fact).id: fact for fact in self.persona.held()}
        self.gone = {facts[id].id for id in ids}
        if self.keeps == "files":
            (self.home.path / "left.txt").write_text(" ".join(facts[id].value for id in ids))
        return Receipt("r", datetime.now(UTC), "forgotten", [], {}, (), None)


@pytest.mark.parametrize(
    ("keeps", "missed"),
    [
        ("", set()),
        ("weights", {"in_weights", "in_weights_later"}),
        ("both", {"in_store", "in_store_later"}),
        ("files", {"in_files", "in_files_later"}),
        ("nothing else", {"others_lost"}),
    ],
)
def test_every_kind_of_trace_misses_its_own_target(tmp_path: Path, keeps: str, missed: set[str]) -> None:
    (person,) = [p for p in personas("dev") if p.style == "plain"][:1]
    spoken = replace(person, first=replace(person.first, facts=_named(person.first.facts)))

    def make(spec: Spec, home: Path) -> Agent:
        return cast(Agent, Forgetter(spoken, Home.open(tmp_path / "home", command="test"), keeps))

    report = bench_forget(Spec(), [spoken], 5, 0, lambda sentence: None, make)
    assert {each.figure for each in report.targets if not each.met} == missed
    assert report.figures["forgotten"].mean == 5
    assert report.passed == (not missed)


def _named(facts: Iterable[Any]) -> tuple[Any, ...]:
    """Values that are names of their own, which a search of files can tell from other words."""
    return tuple(
        replace(fact, value=f"Zor{number:02d} Bax", expect=(f"Zor{number:02d}",))
        for number, fact in enumerate(facts)
    )
