"""`bench forget` counts what is left of the forgotten, wherever it is, and what it cost the others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from night_parts import a_memory
from sleepy_agent import remembered

from dormouse.memory.home import Home
from dormouse.memory.journal import Memory
from dormouse.runtime.agent import Agent
from dormouse.runtime.bench.forget import bench_forget, files_holding, plot
from dormouse.runtime.bench.personas import Persona, personas
from dormouse.runtime.bench.report import BenchReport, Spread, write_report
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
    nights: int = 0

    def __enter__(self) -> Forgetter:
        return self

    def __exit__(self, *error: object) -> None:
        self.home.close()

    def tell(self, turns: Iterable[Any]) -> None:
        pass

    def sleep(self) -> Any:
        self.nights += 1
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
            lost = self.keeps == "nothing else" or (self.keeps == "nothing else later" and self.nights > 1)
            if lost and self.gone:
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
        ("nothing else", {"others_lost", "others_lost_later"}),
        ("nothing else later", {"others_lost_later"}),
    ],
)
def test_every_kind_of_trace_misses_its_own_target(tmp_path: Path, keeps: str, missed: set[str]) -> None:
    report = measured(tmp_path, keeps, people=4, each=5)
    assert {each.figure for each in report.targets if not each.met} == missed
    assert report.figures["forgotten"].mean == 20
    assert report.passed == (not missed)


@pytest.mark.parametrize(
    ("people", "each", "needed", "forgotten"), [(1, 5, 20, 5), (4, 5, 20, 20), (2, 50, 100, None)]
)
def test_fewer_forgotten_than_asked_for_or_than_twenty_misses_the_number(
    tmp_path: Path, people: int, each: int, needed: int, forgotten: int | None
) -> None:
    report = measured(tmp_path, "", people, each)
    number = next(target for target in report.targets if target.figure == "forgotten")
    assert number.value == needed
    assert forgotten is None or number.got == forgotten
    assert number.met == report.passed == (number.got == needed)


@pytest.mark.parametrize(("keeps", "told"), [("", ""), ("weights", "1"), ("files", "")])
def test_the_plot_shows_what_is_left_of_the_forgotten_and_of_the_others(
    tmp_path: Path, keeps: str, told: str
) -> None:
    report = measured(tmp_path, keeps, people=4, each=5)
    (tmp_path / "out").mkdir()
    write_report(report, tmp_path / "out")
    drawn = ElementTree.parse(tmp_path / "out" / "forget.svg").getroot()
    shown = [each.text or "" for each in drawn.iter() if each.tag.rpartition("}")[2] == "text"]
    assert "What is left of 20 forgotten memories, and of the others" in shown
    for label in ("told by weights", "told by the store", "left in files", "others answered"):
        assert label in shown
    bars = [each.text for each in drawn.iter() if each.tag.rpartition("}")[2] == "title"]
    at_once = [bar.partition(": ")[2] for bar in bars if bar and bar.startswith("at once")]
    weights, store, files, others = at_once
    assert (weights, store, others) == (told or "0", "0", "1")
    assert (files == "1") == (keeps == "files")


def test_where_nothing_was_learnt_the_plot_shows_no_share(tmp_path: Path) -> None:
    drawn = ElementTree.fromstring(plot({"forgotten": Spread(0.0, 0.0, 0.0, 1)}))
    assert not [
        each for each in drawn.iter() if each.tag.rpartition("}")[2] == "title" and ":" in str(each.text)
    ]


def measured(folder: Path, keeps: str, people: int, each: int) -> BenchReport:
    plain = [person for person in personas("dev") if person.style == "plain"]
    spoken = [
        replace(person, first=replace(person.first, facts=_named(person.first.facts)))
        for person in (plain * people)[:people]
    ]
    waiting = iter(enumerate(spoken))

    def make(spec: Spec, home: Path) -> Agent:
        number, person = next(waiting)
        opened = Home.open(folder / f"home-{number}", command="test")
        return cast(Agent, Forgetter(person, opened, keeps))

    return bench_forget(Spec(), spoken, each, 0, lambda sentence: None, make)


def _named(facts: Iterable[Any]) -> tuple[Any, ...]:
    """Values that are names of their own, which a search of files can tell from other words."""
    return tuple(
        replace(fact, value=f"Zor{number:02d} Bax", expect=(f"Zor{number:02d}",))
        for number, fact in enumerate(facts)
    )


def test_an_everyday_word_left_in_what_the_user_said_of_himself_is_a_trace(tmp_path: Path) -> None:
    job = a_memory("user", "job", "beekeeper", quote="I work as a beekeeper.")
    sister = a_memory("sister", "name", "Ida", turn=2, quote="Ida is my sister.")
    with Home.open(tmp_path / "home", command="test") as home:
        (home.path / "notes.md").write_text("The beekeeper sells honey.")
        assert files_holding(home, job, [sister]) == set()
        (home.path / "notes.md").write_text("As a beekeeper, I rise early.")
        assert files_holding(home, job, [sister]) == {"notes.md"}
