"""The evidence kept beside an answer comes back as it was, and nothing else passes for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.graphs.evidence import pack, unpack
from dormouse.memory.engine import Token

LOGPROB = st.floats(-60, 0, width=16)
IDS = st.integers(0, 2**32 - 1)


@given(
    st.lists(st.tuples(IDS, LOGPROB, st.lists(st.tuples(IDS, LOGPROB), min_size=3, max_size=3)), max_size=20)
)
def test_what_was_packed_comes_back(rows: list[tuple[int, float, list[tuple[int, float]]]]) -> None:
    tokens = tuple(Token(id, "", logprob, tuple(top)) for id, logprob, top in rows)
    assert unpack(pack(tokens)) == tokens


def test_tokens_with_fewer_alternatives_shorten_all() -> None:
    packed = pack([Token(1, "a", -1.0, ((2, -2.0), (3, -3.0))), Token(4, "b", -1.0, ((5, -2.0),))])
    assert [token.top for token in unpack(packed)] == [((2, -2.0),), ((5, -2.0),)]


def test_a_hundred_tokens_take_little_room() -> None:
    tokens = [Token(i, "word", -0.1 * i, tuple((i + k, -1.0 * k) for k in range(4))) for i in range(100)]
    assert len(pack(tokens)) < 3100


@pytest.mark.parametrize("data", [b"", b"\x02abc", b"\x01abc", b"{}"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="evidence"):
        unpack(data)
