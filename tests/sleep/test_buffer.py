"""The replay buffer: bounded, a fair sample, the same for the same seed, whole on the disk."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dormouse.sleep.buffer import Buffer, Row, draw, offered, only, read_buffer, trusting, write_buffer
from dormouse.sleep.errors import BufferTooNew

BASE = "ab" * 32


def rows(count: int, begin: int = 0) -> list[Row]:
    return [
        Row(f"Question {n}?", f"Answer {n}.", "told", "dog", "name", f"m{n}")
        for n in range(begin, begin + count)
    ]


def stored(row: Row, adapter: str = "a1") -> Row:
    return replace(row, adapter=adapter, ids=(5, 6), top=(((5, -0.1), (7, -3.0)), ((6, -0.2),)))


def test_it_never_grows_over_its_size_and_counts_what_it_saw() -> None:
    buffer = Buffer()
    for night in range(5):
        buffer = offered(buffer, rows(7, 7 * night), 10, random.Random(night))
        assert len(buffer.rows) == min(10, 7 * (night + 1))
        assert buffer.seen == 7 * (night + 1)


def test_every_row_offered_is_kept_with_the_same_chance_however_it_was_split_into_nights() -> None:
    kept: Counter[str] = Counter()
    for seed in range(3000):
        buffer, rng = Buffer(), random.Random(seed)
        for begin in (0, 5, 10, 15):
            buffer = offered(buffer, rows(5, begin), 5, rng)
        kept.update(row.memory for row in buffer.rows)
    shares = [kept[f"m{n}"] / 3000 for n in range(20)]
    # 5 of 20: a share of 3000 draws has a standard error of .0079
    assert all(abs(share - 0.25) < 4 * 0.0079 for share in shares), shares


def test_the_same_rows_and_seed_give_the_same_buffer() -> None:
    def made(seed: int) -> Buffer:
        return offered(offered(Buffer(), rows(8), 6, random.Random(seed)), rows(8, 8), 6, random.Random(seed))

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_two_draws_are_independent_and_hold_nothing_twice() -> None:
    held = rows(40)
    one, two = draw(held, 10, random.Random(1)), draw(held, 10, random.Random(2))
    assert len({row.memory for row in one}) == 10
    assert one != two
    assert sorted(row.memory for row in draw(held, 99, random.Random(3))) == sorted(r.memory for r in held)


def test_what_may_not_be_replayed_leaves_room_and_its_share_of_the_count() -> None:
    buffer = Buffer(tuple(rows(10)), seen=100)
    left = only(buffer, lambda row: row.memory not in ("m0", "m1"))
    assert (len(left.rows), left.seen) == (8, 80)
    assert only(buffer, lambda row: True) == buffer
    again = offered(left, rows(2, 50), 10, random.Random(0))
    assert {"m50", "m51"} <= {row.memory for row in again.rows}


def test_a_smaller_size_keeps_a_part() -> None:
    buffer = offered(Buffer(tuple(rows(10)), seen=10), [], 4, random.Random(0))
    assert len(buffer.rows) == 4
    assert set(buffer.rows) < set(rows(10))


def test_distributions_of_other_versions_are_dropped_and_their_answers_kept() -> None:
    known, foreign = stored(rows(1)[0]), stored(rows(1, 1)[0], adapter="a2")
    kept = trusting(Buffer((known, foreign), seen=2), frozenset({"a1"})).rows
    assert kept[0] == known
    assert (kept[1].top, kept[1].ids, kept[1].adapter) == ((), (), "")
    assert kept[1].answer == foreign.answer


# On the disk


def test_a_buffer_reads_as_it_was_written(tmp_path: Path) -> None:
    buffer = Buffer((stored(rows(1)[0]), Row("Who wrote Hamlet?", "Shakespeare.", "trace", turn=4)), seen=9)
    write_buffer(buffer, BASE, tmp_path / "replay.jsonl")
    assert read_buffer(tmp_path / "replay.jsonl", BASE) == buffer


def test_without_a_file_or_with_another_base_it_is_empty(tmp_path: Path) -> None:
    assert read_buffer(tmp_path / "none.jsonl", BASE) == Buffer()
    write_buffer(Buffer(tuple(rows(2)), seen=2), BASE, tmp_path / "replay.jsonl")
    assert read_buffer(tmp_path / "replay.jsonl", "cd" * 32) == Buffer()


def test_a_line_that_is_gone_or_broken_is_left_out_with_its_share_of_the_count(tmp_path: Path) -> None:
    path = tmp_path / "replay.jsonl"
    write_buffer(Buffer(tuple(rows(4)), seen=40), BASE, path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], "{broken", *lines[4:]]) + "\n")
    found = read_buffer(path, BASE)
    assert [row.memory for row in found.rows] == ["m0", "m3"]
    assert found.seen == 20


def test_a_newer_format_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "replay.jsonl"
    path.write_text(json.dumps({"format": 2, "base": BASE, "seen": 0, "rows": 0}) + "\n")
    with pytest.raises(BufferTooNew, match="format 2"):
        read_buffer(path, BASE)
