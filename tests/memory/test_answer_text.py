"""Bytes of tokens become text: whole characters only, and no stop string."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.memory.answer_text import AnswerText


def shown(pieces: list[bytes], *stop: str) -> tuple[list[str], bool]:
    text = AnswerText(stop)
    given_out = []
    for piece in pieces:
        given_out.append(text.push(piece))
        if text.stopped:
            break
    return [*given_out, text.flush()], text.stopped


def test_characters_are_given_out_whole() -> None:
    mouse = "🐭".encode()
    assert shown([b"a" + mouse[:1], mouse[1:3], mouse[3:] + b"b"]) == (["a", "", "🐭b", ""], False)
    assert shown([b"a", mouse[:3]]) == (["a", "", ""], False)  # never finished: dropped


def test_bytes_that_are_no_text_are_marked() -> None:
    assert shown([b"a\xff", b"b"]) == (["a\ufffd", "b", ""], False)


def test_a_stop_string_across_pieces_is_held_back_then_swallowed() -> None:
    assert shown([b"one U", b"se", b"r: two"], "User:") == (["one ", "", "", ""], True)
    assert shown([b"one U", b"se", b"ful"], "User:") == (["one ", "", "Useful", ""], False)
    assert shown([b"one U", b"se"], "User:") == (["one ", "", "Use"], False)


def test_the_stop_string_that_begins_first_counts() -> None:
    assert shown([b"abcd"], "cd", "bc") == (["a", ""], True)
    assert shown([b"aab"], "aab") == (["", ""], True)
    assert shown([b"aaab"], "aab") == (["a", ""], True)


@given(
    st.text("ab🐭é", max_size=20),
    st.lists(st.text("ab🐭é", min_size=1, max_size=4), max_size=3),
    st.integers(),
)
def test_any_cutting_shows_the_text_before_the_first_stop(said: str, stops: list[str], seed: int) -> None:
    raw, cutter = said.encode(), random.Random(seed)
    cuts = sorted(cutter.choices(range(len(raw) + 1), k=4))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    given_out, stopped = shown(pieces, *stops)
    text = "".join(given_out)
    assert said.startswith(text)
    assert stopped == any(stop in said for stop in stops)
    assert not any(stop in text for stop in stops)
    if not stopped:
        assert text == said


@pytest.mark.parametrize("pieces", [[], [b""]])
def test_nothing_is_nothing(pieces: list[bytes]) -> None:
    assert "".join(shown(pieces, "stop")[0]) == ""
