"""Tier 0: what the model is shown fits, begins alike from turn to turn, and holds the newest words."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.graphs.context import LOOP_WINDOW, clip, fit, keywords, looping, recalled, spoken
from dormouse.memory.engine import Message, Role
from dormouse.memory.journal import Turn, TurnState
from dormouse.memory.recalling import HEADER


def count(text: str) -> int:
    return len(text.split())


def turn(id: int, role: Role, content: str, state: TurnState = "complete") -> Turn:
    return Turn(id, "s", role, content, datetime(2026, 1, 1, tzinfo=UTC), state=state)


def talk(n: int, words: int = 10) -> list[Message]:
    roles: list[Role] = ["user", "assistant"]
    return [Message(roles[i % 2], " ".join(f"w{i}" for _ in range(words))) for i in range(n)]


def test_a_short_session_is_shown_whole() -> None:
    messages = fit("P", "", talk(4), "now", 1000, count)
    assert messages == [Message("system", "P"), *talk(4), Message("user", "now")]


def test_the_oldest_turns_go_first_and_no_answer_stands_without_its_question() -> None:
    messages = fit("P", "", talk(40), "now", 300, count)
    kept = messages[1:-1]
    assert 0 < len(kept) < 40
    assert kept == talk(40)[-len(kept) :]
    assert kept[0].role == "user"


def test_a_growing_session_keeps_its_beginning_over_several_turns() -> None:
    starts = [fit("P", "", talk(n), "now", 400, count)[1].content for n in range(40, 80, 2)]
    changes = sum(a != b for a, b in pairwise(starts))
    assert 1 <= changes <= 8, "dropping one turn at a time would change it every time"


def test_recall_stands_with_the_persona_or_just_before_the_newest_turn() -> None:
    assert fit("P", "R", [], "now", 100, count)[0] == Message("system", "P\nR")
    late = fit("P", "R", talk(2), "now", 1000, count)
    assert (late[0], late[-2]) == (Message("system", "P"), Message("system", "R"))
    early = fit("P", "R", talk(2), "now", 1000, count, aside_late=False)
    assert [m.role for m in early] == ["system", "user", "assistant", "user"]
    assert early[0].content == "P\nR"


def test_a_newest_turn_that_is_too_long_loses_its_middle() -> None:
    words = " ".join(f"n{i}" for i in range(500))
    newest = fit("P", "", talk(4), words, 100, count)[-1].content
    assert newest.startswith("n0 ") and newest.endswith("n499") and "[...]" in newest
    assert count(newest) <= 100


@given(
    st.integers(0, 60),
    st.integers(1, 30),
    st.integers(60, 400),
    st.integers(1, 600),
    st.booleans(),
)
def test_whatever_the_session_it_fits(
    n: int, words: int, budget: int, newest_words: int, recall: bool
) -> None:
    newest = " ".join("n" for _ in range(newest_words))
    messages = fit("P P", "R " * 8 if recall else "", talk(n, words), newest, budget, count)
    assert sum(count(message.content) for message in messages) <= budget
    assert messages[-1].role == "user" and messages[-1].content


def test_spoken_leaves_out_tools_and_empty_answers_and_joins_what_would_not_alternate() -> None:
    turns = [
        turn(1, "user", "one"),
        turn(2, "tool", "7", "complete"),
        turn(3, "assistant", "", "interrupted"),
        turn(4, "user", "two"),
        turn(5, "assistant", "half an ans", "interrupted"),
    ]
    assert spoken(turns) == [Message("user", "one\n\ntwo"), Message("assistant", "half an ans")]


def test_recalled_keeps_to_its_budget_best_first() -> None:
    hits = [turn(9, "user", "alpha " * 10), turn(4, "user", "beta\n\nbeta"), turn(5, "user", "gamma " * 90)]
    text, ids = recalled(hits, 40, count)
    assert ids == (9, 4, 5)
    assert text.splitlines()[:3] == [HEADER, "- " + "alpha " * 9 + "alpha", "- beta beta"]
    assert count(text) <= 40
    assert recalled(hits, 17, count)[1] == (9,)
    assert recalled([], 40, count) == recalled(hits, 0, count) == ("", ())


@given(st.text(max_size=300), st.integers(-2, 40))
def test_clip_never_exceeds_its_budget(text: str, budget: int) -> None:
    clipped = clip(text, budget, count)
    assert count(clipped) <= max(0, budget)
    assert clipped.strip() == text.strip() or budget < count(text)


def test_keywords_drop_filler_but_never_everything() -> None:
    assert keywords("What's the name of my dog?") == "name dog"
    assert keywords("Who am I?") == "Who am I?"
    assert keywords("") == ""


@pytest.mark.parametrize("period", [1, 2, 7, 12, 30, 48])
def test_a_loop_is_seen_once_it_has_gone_round_often_enough(period: int) -> None:
    block = list(range(period))
    prefix = [900 + i for i in range(40)]
    assert looping(prefix + block * (LOOP_WINDOW // period))
    assert not looping(prefix + block * 2)
    assert not looping(prefix + block * (LOOP_WINDOW // period) + [777])


def test_prose_with_a_refrain_is_no_loop() -> None:
    refrain = list(range(10))
    assert not looping([*refrain, 50, 51, *refrain, 52, 53, *refrain, 54])
    assert not looping([1, 2, 3] * 4)
