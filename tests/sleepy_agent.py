"""An agent whose night trains nothing: it publishes a small adapter, and then answers what was told.

For tests of what is counted and reported around nights. It shows nothing about learning.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from adapter_builds import build_folder, exam_of, unsaved
from scripted_engine import BASE, ScriptedEngine

from dormouse.memory.engine import Message
from dormouse.memory.records import Memory, memory_id
from dormouse.runtime.agent import Agent
from dormouse.runtime.bench.personas import Fact, Persona
from dormouse.runtime.spec import Spec
from dormouse.sleep.errors import NightFailed
from dormouse.sleep.records import NightReport, Progress, statement

UNKNOWN = "I have not been told that."
RAMBLING = "What a lovely question to ask on such a day."


@dataclass
class Nights:
    """How the nights of one test go. `forgets` are facts that no later night answers any more."""

    persona: Persona
    fails: bool = False
    publishes: bool = True
    forgets: frozenset[str] = frozenset()
    learnt: list[Fact] = field(default_factory=list)
    count: int = 0
    opened: list[Spec] = field(default_factory=list)
    asked: list[list[Message]] = field(default_factory=list)

    def make_agent(self, spec: Spec, home: Path) -> Agent:
        self.opened.append(spec)
        engine = ScriptedEngine()
        engine.script = self._script(engine)
        return SleepyAgent(spec, home, engine, self)

    def _script(self, engine: ScriptedEngine) -> Callable[[Sequence[Message]], str]:
        skills = {question: f"It is {expect[0]}." for question, expect in self.persona.skills[:-2]}

        def say(messages: Sequence[Message]) -> str:
            self.asked.append(list(messages))
            question = messages[-1].content
            if question in skills:
                return skills[question]
            if not engine.mounted:
                return RAMBLING
            return next((f"It is {f.expect[0]}." for f in self.learnt if question in f.questions), UNKNOWN)

        return say

    def sleep_on(self) -> list[Fact]:
        self.count += 1
        day = self.persona.first if self.count == 1 else self.persona.later
        assert day is not None
        self.learnt = [fact for fact in self.learnt if fact.id not in self.forgets]
        self.learnt += day.facts
        return list(day.facts)


class SleepyAgent(Agent):
    def __init__(self, spec: Spec, home: Path, engine: ScriptedEngine, nights: Nights) -> None:
        super().__init__(spec, home=home, engine=engine, base=BASE)
        self._nights = nights

    def sleep(self, progress: Callable[[Progress], None] | None = None) -> NightReport:
        if self._nights.fails:
            raise NightFailed("consolidate", "the lights went out")
        space, facts = self._space, self._nights.sleep_on()
        turn = space.journal.unharvested()[0].id
        memories = [remembered(fact, turn) for fact in facts]
        space.journal.put_memories(memories)
        build = space.home.path / "build"
        id = space.registry.add(build_folder(build, f"night {self._nights.count}"), unsaved()).id
        shutil.rmtree(build)
        space.registry.record_exam(id, exam_of(id, self._nights.publishes))
        if self._nights.publishes:
            space.registry.publish(id)
            space.mount_head(space.engine)
        if progress:
            progress(Progress("consolidate", 1, 1))
        return NightReport(
            status="published" if self._nights.publishes else "rejected",
            adapter=id,
            memories=[{"id": memory.id} for memory in memories],
            rejected=[],
            exam=None,
            seconds={"compact": 1.0, "consolidate": 2.0},
            train_tokens_per_s=700.0,
            reasons=[] if self._nights.publishes else ["new: 1 of 9 right"],
        )


def remembered(fact: Fact, turn: int = 1) -> Memory:
    """A fact as the memory that compaction should make of it."""
    return Memory(
        id=memory_id(fact.subject, fact.attribute, fact.value, [turn]),
        subject=fact.subject,
        attribute=fact.attribute,
        value=fact.value,
        quote=fact.value,
        statement=statement(fact.subject, fact.attribute, fact.value),
        turn_ids=(turn,),
        created_at=datetime.now(UTC),
    )
