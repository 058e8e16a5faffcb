"""What of a day may be replayed: nothing that the owner had forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from forgetful import learnt, opened

from dormouse.graphs import replaying
from dormouse.graphs.evidence import pack
from dormouse.memory.engine import Token
from dormouse.memory.records import Judgement, Memory
from dormouse.runtime import forgetting
from dormouse.runtime.workspace import Workspace
from dormouse.sleep.buffer import Buffer, Row, write_buffer
from dormouse.sleep.forgetting import eraser

EVIDENCE = pack([Token(5, "a", -0.1, ((5, -0.1), (6, -2.0))), Token(7, "b", -0.1, ((7, -0.1), (8, -2.0)))])


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setattr(forgetting, "eraser", lambda prints, staying: eraser([], []))  # the words stay there
    with opened(tmp_path) as space:
        yield space


def traced(space: Workspace) -> list[str]:
    """The answers that may be replayed, of a day with one that says peanuts and one that does not."""
    journal, heard = space.journal, []
    for question, answer in [
        ("What must I not eat?", "You must not eat peanuts."),
        ("What is 2 + 2?", "It is 4."),
    ]:
        session = journal.open_session().id
        asked = journal.add_turn(session, "user", question)
        said = journal.add_turn(session, "assistant", answer, reply_to=asked.id, evidence=EVIDENCE)
        journal.add_judgements([Judgement(said.id, None, "match", "passed", "ok", 0.0)])
        heard.append({"id": asked.id, "content": question, "session_id": session})
    stage = cast(Any, SimpleNamespace(context=SimpleNamespace(journal=journal)))
    return [row.answer for row in replaying.verified_traces(stage, cast(Any, {"turns": heard}))]


def peanuts(space: Workspace) -> Memory:
    return learnt(space, "I'm allergic to peanuts.", "user", "allergy", "peanuts", "consolidated")


def test_an_answer_with_forgotten_words_is_no_trace_and_is_again_once_they_are_allowed(
    space: Workspace,
) -> None:
    memory = peanuts(space)
    assert traced(space) == ["It is 4."]
    forgetting.erase(space, forgetting.choose(space, [memory.id], None))
    assert traced(space) == ["It is 4."]
    space.journal.lift(memory.id)
    assert traced(space) == ["You must not eat peanuts.", "It is 4."]


def test_a_row_with_forgotten_words_is_not_replayed_unless_it_serves_a_memory_that_stays(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = peanuts(space)
    stays = learnt(space, "Ida loves peanuts.", "sister", "snack", "peanuts", "consolidated")
    forgetting.erase(space, forgetting.choose(space, [memory.id], None))
    rows = (
        Row("What must I not eat?", "You must not eat peanuts.", "trace"),
        Row("Are peanuts nuts?", "They are legumes.", "trace"),
        Row("What is 2 + 2?", "It is 4.", "trace"),
        Row("What does my sister snack on?", "It is peanuts.", "told", "sister", "snack", stays.id),
    )
    base = SimpleNamespace(sha256="b" * 64)
    write_buffer(Buffer(rows, 4), base.sha256, space.home.replay_path)
    monkeypatch.setattr(replaying, "lineage", lambda registry, start: set())
    context = SimpleNamespace(journal=space.journal, home=space.home, base=base, registry=None)
    stage = cast(Any, SimpleNamespace(context=context))
    assert replaying.still_held(stage, None, [], [stays]).rows == rows[2:]
