"""What past nights did: verdicts shown, the alarm of barren nights, and where an answer comes from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from night_parts import a_memory

from dormouse.memory.errors import BadInput, UnknownRecord
from dormouse.memory.journal import Journal, Verdict
from dormouse.runtime.nights import barren, night_view
from dormouse.runtime.spec import Spec
from dormouse.runtime.views import status
from dormouse.runtime.why import explain
from dormouse.runtime.workspace import Workspace


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(Spec(), tmp_path / "home", command="test") as space:
        yield space


def a_night(journal: Journal, turns: int | None, admitted: int) -> str:
    night = journal.begin_night(0).id
    report = {} if turns is None else {"turns": turns, "admitted": admitted}
    journal.finish_night(night, "nothing-new", None, report)
    return night


def test_the_latest_night_is_shown_with_its_verdicts(space: Workspace) -> None:
    with pytest.raises(BadInput, match="no night yet"):
        night_view(space.journal)
    first = a_night(space.journal, 4, 0)
    ruled = [
        Verdict("tainted", "dog | name | Rex", "it stands in a code block", 1, "Rex"),
        Verdict("secret", "user | PIN | [secret]", "it is a password", 2, "[secret]"),
    ]
    space.journal.record_verdicts(first, ruled)
    shown = night_view(space.journal)
    assert (shown.id, shown.turns, shown.verdicts) == (first, 4, ruled)
    assert shown.rulings == {"tainted": 1, "secret": 1}
    second = a_night(space.journal, 1, 1)
    assert night_view(space.journal).id == second
    assert night_view(space.journal, first).verdicts == ruled
    with pytest.raises(UnknownRecord):
        night_view(space.journal, "n0099")


@pytest.mark.parametrize(
    ("nights", "alarmed"),
    [
        ([(3, 0), (2, 0)], False),
        ([(3, 0), (2, 0), (1, 0)], True),
        ([(3, 0), (2, 1), (1, 0)], False),
        ([(3, 1), (2, 0), (1, 0), (5, 0)], True),
        ([(3, 0), (2, 0), (0, 0)], False),
        ([(3, 0), (2, 0), (0, 0), (1, 0)], True),
        ([(None, 0), (None, 0), (None, 0)], False),
    ],
)
def test_three_nights_of_talk_without_a_memory_raise_an_alarm(
    space: Workspace, nights: list[tuple[int | None, int]], alarmed: bool
) -> None:
    for turns, admitted in nights:
        a_night(space.journal, turns, admitted)
    alarm = barren(space.journal.nights(), 3)
    assert (alarm is not None) == alarmed
    assert status(space).alarms == ((alarm,) if alarm else ())


def test_why_names_the_memory_its_turns_its_night_and_its_words(space: Workspace) -> None:
    journal = space.journal
    journal.open_session("s1")
    turn = journal.add_turn("s1", "user", "Old Biscotti, my dog, ate the sofa.")
    other = journal.add_turn("s1", "user", "I live in Leeds.")
    answer = journal.add_turn("s1", "assistant", "Your dog's name is Biscotti.", adapter="ab12")
    night = journal.begin_night(0).id
    dog = a_memory("dog", "name", "Biscotti", turn=turn.id, night_id=night, created_at=datetime.now(UTC))
    journal.put_memories([dog, a_memory("user", "home city", "Leeds", turn=other.id, night_id=night)])
    journal.record_verdicts(night, [Verdict("supported", "x", "supported by 'Old Biscotti'", 1, "q", dog.id)])
    journal.finish_night(night, "rejected")
    for text in ("What is my dog called?", "Your dog's name is Biscotti.", "biscotti"):
        (found,) = explain(space, text).memories
        assert (found.id, found.night, found.verdict) == (dog.id, night, "supported by 'Old Biscotti'")
        assert [(t.id, t.words) for t in found.turns] == [(turn.id, "Old Biscotti, my dog, ate the sofa.")]
        assert (found.adapters, found.in_served) == ([], False)
    assert [said.id for said in explain(space, "your dog's name is Biscotti").answers] == [answer.id]
    assert [m.statement for m in explain(space, "Where do I live?").memories] == [
        "The user's home city is Leeds."
    ]
    assert explain(space, "What is the capital of France?").memories == []
    assert explain(space, "?!").memories == []
