"""What is called consolidated: only what the version that answers holds, wherever HEAD went."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from adapter_builds import OTHER_BASE, build_folder, exam_of, unsaved
from night_parts import a_memory
from scripted_engine import BASE, ScriptedEngine

from dormouse.memory.base_weights import BaseWeights
from dormouse.memory.records import MemoryState
from dormouse.runtime.agent import Agent
from dormouse.runtime.records import MemoryView
from dormouse.runtime.spec import Spec
from dormouse.runtime.views import memory_views, show, status

VEX = a_memory("dog", "name", "Vex", turn=1, state="consolidated")
Open = Callable[..., Agent]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens an agent over one home, whose journal says that a night consolidated Vex."""
    agents: list[Agent] = []

    def make(base: BaseWeights = BASE) -> Agent:
        for earlier in agents:
            earlier.close()
        agents.append(Agent(Spec(), home=tmp_path / "home", engine=ScriptedEngine(), base=base))
        journal = agents[-1].space.journal
        if not journal.sessions():
            journal.add_turn(journal.open_session("s").id, "user", "Old Vex chewed the sofa.")
            journal.put_memories([VEX])
        return agents[-1]

    yield make
    for agent in agents:
        agent.close()


def publish(agent: Agent, folder: Path, name: str, *memories: str) -> str:
    registry = agent.space.registry
    id = registry.add(build_folder(folder / f"build-{name}", name), unsaved(memories=memories)).id
    registry.record_exam(id, exam_of(id))
    registry.publish(id)
    return id


def told(agent: Agent) -> MemoryState:
    """The state of the one memory, in which all who tell of it agree."""
    (memory,) = agent.memories()
    shown = show(agent.space, VEX.id)
    assert isinstance(shown, MemoryView)
    states: set[str] = {
        memory.state,
        shown.state,
        *(view.state for view in memory_views(agent.space, memory.state)),
    }
    states |= {*status(agent.space).memories, agent.why("What is my dog's name?").memories[0].state}
    assert states == {memory.state}
    assert len(agent.memories(memory.state)) == 1
    assert agent.why("What is my dog's name?").memories[0].in_served == (memory.state == "consolidated")
    return memory.state


def test_a_rollback_has_it_due_and_going_back_to_it_consolidated(opened: Open, tmp_path: Path) -> None:
    agent = opened()
    assert told(agent) == "admitted"  # no version was ever published
    holding = publish(agent, tmp_path, "one", VEX.id)
    assert told(agent) == "consolidated"
    agent.rollback("base")
    assert told(agent) == "admitted"
    assert agent.memories()[0].reason == "the version served does not hold it"
    agent.rollback(holding)
    assert told(agent) == "consolidated"
    publish(agent, tmp_path, "two")
    assert told(agent) == "admitted"
    assert agent.space.journal.memories() == [VEX]


def test_a_rollback_that_is_killed_before_anything_else_has_it_due(opened: Open, tmp_path: Path) -> None:
    agent = opened()
    publish(agent, tmp_path, "one", VEX.id)
    (agent.space.registry.root / "HEAD").write_text("base\n")
    assert told(opened()) == "admitted"


def test_a_damaged_adapter_has_it_due(opened: Open, tmp_path: Path) -> None:
    agent = opened()
    holding = publish(agent, tmp_path, "one", VEX.id)
    assert told(agent) == "consolidated"
    (agent.space.registry.root / holding / "adapter.gguf").write_bytes(b"GGUF of another")
    assert told(agent) == "admitted"


def test_another_base_has_it_due_and_the_first_one_holds_it_still(opened: Open, tmp_path: Path) -> None:
    publish(opened(), tmp_path, "one", VEX.id)
    assert told(opened(replace(BASE, sha256=OTHER_BASE))) == "admitted"
    assert told(opened()) == "consolidated"


def test_without_the_base_the_last_published_version_is_believed(opened: Open, tmp_path: Path) -> None:
    agent = opened()
    publish(agent, tmp_path, "one", VEX.id)
    agent.close()
    spec = Spec.model_validate({"model": str(tmp_path / "nowhere.gguf")})
    with Agent(spec, home=tmp_path / "home", engine=ScriptedEngine()) as far:
        assert [memory.state for memory in far.memories()] == ["consolidated"]
