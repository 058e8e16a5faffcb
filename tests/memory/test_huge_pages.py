"""Buffers on huge pages: what was allocated meanwhile is moved, and nothing else; not where they are off."""

from __future__ import annotations

import mmap
import platform
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dormouse.memory import huge_pages
from dormouse.memory.base_weights import resolve, served_gguf
from dormouse.memory.engine import Message, Sampling
from dormouse.memory.home import cache_path
from dormouse.memory.huge_pages import Allocated, offered, without
from dormouse.memory.llama_context import LlamaContext
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.memory.llama_library import packs_for_amx

MIB = 1 << 20
COLLAPSES = tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2]) >= (6, 1)
on_request = pytest.mark.skipif(
    not (offered() and COLLAPSES),
    reason="no huge pages on request: needs Linux 6.1 and a switch that is not off",
)


class Buffers:
    """Private memory without a file, as malloc takes it for what is large."""

    def __init__(self) -> None:
        self.kept: list[mmap.mmap] = []

    def fill(self, mebibytes: int) -> None:
        buffer = mmap.mmap(-1, mebibytes * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        buffer.write(b"\1" * len(buffer))
        self.kept.append(buffer)


@pytest.fixture
def buffers() -> Iterator[Buffers]:
    made = Buffers()
    yield made
    for buffer in made.kept:
        buffer.close()


def huge_mebibytes() -> int:
    found = re.search(r"AnonHugePages:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text())
    assert found is not None
    return int(found[1]) // 1024


def moved(allocated: Allocated) -> None:
    allocated.move()
    assert allocated._moving is not None
    allocated._moving.join()


@on_request
def test_what_was_allocated_within_is_moved_and_nothing_else(buffers: Buffers) -> None:
    buffers.fill(64)
    with Allocated() as allocated:
        buffers.fill(48)
    buffers.fill(40)
    before = huge_mebibytes()
    moved(allocated)
    assert 40 <= huge_mebibytes() - before <= 48  # what does not fill a huge page stays
    assert all(buffer[:] == b"\1" * len(buffer) for buffer in buffers.kept)


@on_request
def test_once_stopped_nothing_more_is_moved(buffers: Buffers) -> None:
    with Allocated() as allocated:
        buffers.fill(48)
    allocated.stop()
    before = huge_mebibytes()
    allocated.move()
    allocated._move()  # a thread that had begun
    assert huge_mebibytes() == before
    assert allocated._moving is None


def test_a_machine_whose_owner_switched_them_off_is_left_alone(
    buffers: Buffers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "enabled").write_text("always madvise [never]\n")
    monkeypatch.setattr(huge_pages, "_SYSTEM", tmp_path)
    with Allocated() as allocated:
        buffers.fill(48)
    allocated.move()
    assert allocated._moving is None


@pytest.mark.parametrize(
    ("regions", "others", "left"),
    [
        ([(0, 20)], [], [(0, 20)]),
        ([(0, 100)], [(40, 60)], [(0, 40), (60, 100)]),
        ([(0, 100)], [(0, 50)], [(50, 100)]),
        ([(0, 100)], [(50, 100)], [(0, 50)]),
        ([(0, 100)], [(0, 100)], []),
        ([(0, 30), (60, 90)], [(10, 70)], [(70, 90)]),  # ten are too few to be worth it
        ([(0, 100)], [(20, 40), (60, 70)], [(0, 20), (40, 60), (70, 100)]),
    ],
)
def test_what_was_there_before_is_cut_out(
    regions: list[tuple[int, int]], others: list[tuple[int, int]], left: list[tuple[int, int]]
) -> None:
    def scaled(pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(first * MIB, last * MIB) for first, last in pieces]

    assert without(scaled(regions), scaled(others)) == scaled(left)


@pytest.mark.slow
@on_request
@pytest.mark.skipif(not packs_for_amx(), reason="the weights stay mapped from their file: no AMX to pack for")
def test_the_weights_are_moved_once_the_first_token_is_out() -> None:
    gguf = served_gguf(resolve("embedded", cache_path()), cache_path(), "auto")
    before = huge_mebibytes()
    context = LlamaContext(gguf, context_tokens=512, threads=1)
    try:
        context.read_prompt([1, 2, 3], lambda: False)
        assert huge_mebibytes() == before
        with context.computing():
            context.advance(4)
        assert context._allocated._moving is not None
        context._allocated._moving.join()
        assert huge_mebibytes() - before > 0.8 * gguf.stat().st_size / MIB
    finally:
        context.free()
    assert huge_mebibytes() <= before + 8


@pytest.mark.slow
@on_request
def test_many_answers_side_by_side_move_them_and_a_question_beside_the_chat_does_not() -> None:
    gguf = served_gguf(resolve("embedded", cache_path()), cache_path(), "auto")
    asked = [Message("user", "Tell me about lighthouses.")]
    with LlamaEngine(gguf, context_tokens=512, threads=1) as engine:
        engine.complete_all([(asked, Sampling(max_tokens=2))])
        engine.complete_all([(asked, Sampling(max_tokens=2))] * 2)
        assert engine._native._allocated._moving is None
        engine.complete_all([(asked, Sampling(max_tokens=40))] * 2)
        assert engine._native._allocated._moving is not None
