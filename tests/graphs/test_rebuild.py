"""What a night, and a nap, takes as new: what the version to go on from does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from adapter_builds import build_folder, exam_of, unsaved
from night_parts import a_candidate, a_memory
from scripted_engine import ScriptedEngine
from tiny_night import scripted, tell

from dormouse.graphs import nap, stages
from dormouse.graphs.leaving import Leaving
from dormouse.graphs.night import NightContext, NightState, Stage
from dormouse.graphs.rebuild import as_held
from dormouse.memory.journal import Memory, Tombstone
from dormouse.sleep import replay
from dormouse.sleep.compact import Scribe
from dormouse.sleep.fingerprint import fingerprint_of
from dormouse.sleep.harvest import HarvestedTurn

VEX = a_memory("dog", "name", "Vex", turn=1, state="consolidated")
TROMSO = a_memory("user", "home city", "Tromso", turn=3, state="consolidated")
REX = a_memory("dog", "name", "Rex", turn=0, turn_ids=(1,), state="superseded", superseded_by=VEX.id)
NEW = a_memory("user", "job", "vet", turn=5)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[NightContext]:
    """One over a journal with all of these, of which no adapter holds any."""
    with scripted(tmp_path) as made:
        tell(made.journal, "Old Vex chewed the sofa.", "It is Tromso.", "I am a vet.")
        made.journal.put_memories([VEX, TROMSO, REX, NEW])
        yield made


Publish = Callable[..., str]


@pytest.fixture
def publish(context: NightContext, tmp_path: Path) -> Publish:
    """Has a version serve that holds these."""

    def published(*memories: Memory, parent: str | None = None) -> str:
        ids = tuple(memory.id for memory in memories)
        name = f"build-{len(context.registry.adapters())}"
        build = build_folder(tmp_path / name, name)
        id = context.registry.add(build, unsaved(memories=ids, parent=parent)).id
        context.registry.record_exam(id, exam_of(id))
        context.registry.publish(id)
        return id

    return published


def values(memories: list[Memory]) -> list[str]:
    return [memory.value for memory in memories]


def filtered(context: NightContext, *notes: tuple[str, str, str]) -> tuple[NightState, list[str], list[str]]:
    """What tonight's filter leaves, what is then new, and what is old."""
    stage = Stage(context, "filter", lambda progress: None)
    running = context.journal.running_night() or context.journal.begin_night(0)
    begun: NightState = {
        "night": running.id,
        "turns": [{"id": 1, "content": "Old Vex chewed the sofa."}],
        "candidates": [
            {name: getattr(candidate, name) for name in candidate.__dataclass_fields__}
            for candidate in (a_candidate(*note, quote="Old Vex chewed the sofa.") for note in notes)
        ],
    }
    state: NightState = {**begun, **stages.run_filter(stage, begun)}
    new, old = stages._memories(stage, state)
    return state, values(new), values(old)


def test_a_consolidated_memory_is_due_again_where_no_version_holds_it(
    context: NightContext, publish: Publish
) -> None:
    known = context.journal.memories()
    assert {m.value: m.state for m in as_held(known, None)} == {
        "Vex": "admitted",
        "Tromso": "admitted",
        "Rex": "superseded",
        "vet": "admitted",
    }
    head = context.registry.get(publish(VEX))
    assert {m.value for m in as_held(known, head) if m.state == "consolidated"} == {"Vex"}
    assert context.journal.memories() == known


def test_a_night_takes_as_new_what_the_version_served_does_not_hold(
    context: NightContext, publish: Publish
) -> None:
    publish(TROMSO)
    assert filtered(context)[1:] == (["Vex", "vet"], ["Tromso"])
    context.registry.rollback("base")
    assert filtered(context)[1:] == (["Vex", "Tromso", "vet"], [])


def test_what_is_told_again_and_is_due_is_taught_though_it_is_no_news(context: NightContext) -> None:
    state, new, _ = filtered(context, ("dog", "name", "Vex"))
    assert "known already" in state["rejected"][0]["reason"]
    assert "Vex" in new


def test_a_newer_word_leaves_nothing_due_of_what_it_replaces(context: NightContext) -> None:
    state, new, old = filtered(context, ("dog", "name", "Bruno"))
    assert (new, old) == (["Tromso", "vet", "Bruno"], [])
    assert state["superseded"][VEX.id] in state["memories"]


def test_what_is_forgotten_is_not_taught_again_and_what_went_with_its_version_is(
    context: NightContext, publish: Publish
) -> None:
    first = publish(TROMSO)
    publish(TROMSO, VEX, parent=first)
    last = a_memory("cat", "name", "Mog", turn=5, state="consolidated")
    context.journal.put_memories([last])
    publish(TROMSO, VEX, last, parent=context.registry.log()[-1].adapter)
    stone = Tombstone(VEX.id, datetime.now(UTC), fingerprint_of(VEX).as_json(), "receipt")
    context.journal.forget([stone], lambda text: text)
    state, new, old = filtered(context)
    assert (state["rebuild"], state["start"]) == (True, first)
    assert (set(new), old) == ({"vet", "Mog"}, ["Tromso"])


def test_a_nap_is_examined_on_old_memories_that_the_version_beneath_it_holds(
    context: NightContext, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "_scribe", lambda stage: Scribe(ScriptedEngine(), None))
    head = context.registry.get(publish(TROMSO))
    work = nap._Work(context, Leaving("s1", 2, ()), 1, context.home.nap_path, lambda name: None)
    new, old, others = nap._memories(work, head, None)
    assert (values(new), values(old)) == (["Vex"], ["Tromso"])
    assert values(others) == ["vet"]  # told elsewhere today, and waits for the night


class _Asked(Exception):
    """That a training set was asked for, and with what."""


def test_a_nap_knows_of_what_it_has_no_room_to_ask_for(
    context: NightContext, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    def training_set(*given: Any, **named: Any) -> None:
        raise _Asked(given[0], given[1], named["beside"])

    monkeypatch.setattr(stages, "_scribe", lambda stage: Scribe(ScriptedEngine(), None))
    monkeypatch.setattr(replay, "training_set", training_set)
    exam = context.settings.nap.exam.model_copy(update={"old_memories": 0})
    few = context.settings.nap.model_copy(update={"exam": exam})
    context = replace(context, settings=context.settings.model_copy(update={"nap": few}))
    head = context.registry.get(publish(TROMSO))
    work = nap._Work(context, Leaving("s1", 2, ()), 1, context.home.nap_path, lambda name: None)
    with pytest.raises(_Asked) as asked:
        nap._prepare(work, *nap._memories(work, head, None), head, None)
    new, old, beside = map(values, asked.value.args)
    assert (new, old, sorted(beside)) == (["Vex"], [], ["Tromso", "vet"])


def test_what_is_denied_in_a_talk_is_kept_by_no_nap_of_it(
    context: NightContext, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "_scribe", lambda stage: Scribe(ScriptedEngine(), None))
    head = context.registry.get(publish(TROMSO))
    said = "I don't live in Tromso any more."
    heard = HarvestedTurn(context.journal.add_turn("s1", "user", said).id, "s1", said, "")
    leaving = Leaving("s1", heard.id, (heard,))
    work = nap._Work(context, leaving, 1, context.home.nap_path, lambda _: None)
    new, old, others = nap._memories(work, head, None)
    assert "Tromso" not in {*values(new), *values(old), *values(others)}
    (tromso,) = [memory for memory in context.journal.memories() if memory.id == TROMSO.id]
    assert (tromso.state, tromso.superseded_by) == ("superseded", None)
    found, _, _ = filtered(context)
    assert (found["unlearn"], found["denied"]) == ([TROMSO.id], {TROMSO.id: tromso.reason})
