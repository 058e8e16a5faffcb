"""Anchors: the bare base's own answers with their distributions, made once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine

from dormouse.memory.engine import Message
from dormouse.sleep.anchors import anchors
from dormouse.sleep.packing import Example
from dormouse.sleep.replay import anchor_prompts
from dormouse.sleep.settings import ReplaySettings

PROMPTS = ("What is rain?", "Say nothing.", "Name a colour.")
SETTINGS = ReplaySettings(anchors=3, anchor_tokens=4, anchor_top_k=2)


def script(messages: Sequence[Message]) -> str:
    return "" if "nothing" in messages[-1].content else "Water that falls from clouds."


def made(folder: Path, engine: ScriptedEngine, persona: str = "P.", base: str = "a" * 64) -> list[Example]:
    return anchors(engine, persona, PROMPTS, SETTINGS, base, folder)


def test_the_bare_base_answers_under_the_persona(tmp_path: Path) -> None:
    engine = ScriptedEngine(script)
    found = made(tmp_path, engine)
    assert [asked.messages for asked in engine.asked] == [
        [Message("system", "P."), Message("user", prompt)] for prompt in PROMPTS
    ]
    for asked in engine.asked:
        assert asked.adapters == ()
        assert (asked.sampling.max_tokens, asked.sampling.top_logprobs) == (4, 2)
    assert len(found) == 2  # where nothing is said there is nothing to hold to
    for example in found:
        assert example.kind == "anchor"
        assert len(example.top) == len(example.ids) - example.answer_start == 4
        assert example.top[0] == ((7, -1.0), (8, -2.0))


def test_they_are_made_once(tmp_path: Path) -> None:
    first = made(tmp_path, ScriptedEngine(script))
    engine = ScriptedEngine(script)
    assert made(tmp_path, engine) == first
    assert engine.asked == []


def test_those_that_come_with_the_role_adapter_are_not_made_again(tmp_path: Path) -> None:
    first = made(tmp_path / "shipped", ScriptedEngine(script))
    for base, asked in (("a" * 64, 0), ("b" * 64, 3)):  # another base's are not taken for it
        engine = ScriptedEngine(script)
        found = anchors(engine, "P.", PROMPTS, SETTINGS, base, tmp_path / base, shipped=tmp_path / "shipped")
        assert found == first
        assert len(engine.asked) == asked


@pytest.mark.parametrize("changed", [{"persona": "Q."}, {"base": "b" * 64}])
def test_another_persona_or_base_has_its_own(changed: dict[str, str], tmp_path: Path) -> None:
    made(tmp_path, ScriptedEngine(script))
    engine = ScriptedEngine(script)
    made(tmp_path, engine, **changed)
    assert len(engine.asked) == 3


def test_no_more_are_made_than_asked_for(tmp_path: Path) -> None:
    engine = ScriptedEngine(script)
    few = SETTINGS.model_copy(update={"anchors": 1})
    assert len(anchors(engine, "P.", PROMPTS, few, "a" * 64, tmp_path)) == len(engine.asked) == 1
    assert (
        anchors(engine, "P.", PROMPTS, SETTINGS.model_copy(update={"anchors": 0}), "a" * 64, tmp_path) == []
    )


def test_there_are_prompts_enough_for_the_default() -> None:
    assert len(anchor_prompts()) >= ReplaySettings().anchors
    assert len(set(anchor_prompts())) == len(anchor_prompts())
