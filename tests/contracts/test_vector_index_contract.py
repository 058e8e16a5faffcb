"""What every vector index promises, run on each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from dormouse.memory.episodes.chroma import ChromaIndex
from dormouse.memory.episodes.codes import CodeIndex
from dormouse.memory.episodes.vectors import Floats, ScanIndex, VectorIndex

DIMENSIONS = 96
KINDS = ("scan", "codes", "chroma")


def directions(n: int, seed: int = 0) -> Floats:
    drawn = np.random.default_rng(seed).normal(size=(n, DIMENSIONS)).astype(np.float32)
    unit: Floats = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


class Kept:
    """The whole vectors, as a shelf would hand them out."""

    def __init__(self) -> None:
        self.all: dict[int, Floats] = {}

    def of(self, ids: Sequence[int]) -> dict[int, Floats]:
        return {id: self.all[id] for id in ids if id in self.all}


@pytest.fixture(params=KINDS)
def build(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Kept], VectorIndex]]:
    opened: list[VectorIndex] = []

    def make(kept: Kept) -> VectorIndex:
        kinds: dict[str, Callable[[], VectorIndex]] = {
            "scan": lambda: ScanIndex(DIMENSIONS),
            "codes": lambda: CodeIndex(DIMENSIONS, kept.of, tmp_path / "codes.bin"),
            "chroma": lambda: ChromaIndex(tmp_path / "chroma"),
        }
        opened.append(kinds[request.param]())
        return opened[-1]

    yield make
    for index in opened:
        index.close()


def filled(index: VectorIndex, kept: Kept, ids: Sequence[int], vectors: Floats) -> None:
    kept.all.update(zip(ids, vectors, strict=True))
    index.add(ids, vectors)


def test_the_nearest_are_found_in_order_with_their_cosines(build: Callable[[Kept], VectorIndex]) -> None:
    kept, vectors = Kept(), directions(300)
    index = build(kept)
    filled(index, kept, list(range(1000, 1300)), vectors)
    for asked in directions(10, seed=1):
        ids, cosines = index.nearest(asked, 5)
        exact = vectors @ asked
        assert ids[0] == 1000 + int(np.argmax(exact))
        assert np.allclose(cosines, [exact[id - 1000] for id in ids], atol=2e-3)
        assert list(cosines) == sorted(cosines, reverse=True)


def test_an_empty_one_finds_nothing(build: Callable[[Kept], VectorIndex]) -> None:
    index = build(Kept())
    ids, cosines = index.nearest(directions(1)[0], 5)
    assert len(index) == len(ids) == len(cosines) == 0


def test_fewer_than_asked_for_is_all_of_them(build: Callable[[Kept], VectorIndex]) -> None:
    kept = Kept()
    index = build(kept)
    filled(index, kept, [7, 3], directions(2))
    assert len(index.nearest(directions(1)[0], 50)[0]) == 2
    filled(index, kept, [5], directions(1, seed=4))
    ids, _ = index.nearest(directions(1)[0], 50)
    assert sorted(ids) == [3, 5, 7] and len(index) == 3


@pytest.mark.parametrize("kind", ["codes", "chroma"])
def test_what_was_added_is_there_when_opened_again(kind: str, tmp_path: Path) -> None:
    kept, vectors = Kept(), directions(40)

    def opened() -> VectorIndex:
        if kind == "chroma":
            return ChromaIndex(tmp_path / "chroma")
        return CodeIndex(DIMENSIONS, kept.of, tmp_path / "codes.bin")

    first = opened()
    filled(first, kept, list(range(40)), vectors)
    first.close()
    again = opened()
    assert len(again) == 40 and again.nearest(vectors[17], 1)[0][0] == 17
    again.close()


def test_codes_torn_by_a_kill_lose_only_the_torn_row(tmp_path: Path) -> None:
    kept, path = Kept(), tmp_path / "codes.bin"
    filled(CodeIndex(DIMENSIONS, kept.of, path), kept, [1, 2, 3], directions(3))
    path.write_bytes(path.read_bytes()[:-5])
    again = CodeIndex(DIMENSIONS, kept.of, path)
    assert len(again) == 2
    filled(again, kept, [3], directions(3)[2:])
    assert len(CodeIndex(DIMENSIONS, kept.of, path)) == 3
