"""Chroma's files: what was dropped from memory does not come to rest in them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from dormouse.memory.episodes.chroma import ChromaIndex

COUNT, GONE, ROUNDS = 121, 60, 80


def test_no_file_holds_a_vector_of_an_index_that_was_dropped(tmp_path: Path) -> None:
    """hnswlib writes unused places as malloc gave them: without filling, one round in thirty shows it."""
    folder = tmp_path / "chroma"
    for seed in range(ROUNDS):
        vectors = np.random.default_rng(seed).normal(size=(COUNT, 32)).astype(np.float32)
        index = ChromaIndex(folder)
        index.add(range(COUNT), vectors)
        assert index.nearest(vectors[GONE], 1)[0].tolist() == [GONE]
        index.close()
        shutil.rmtree(folder)
        left = [number for number in range(COUNT) if number != GONE]
        index = ChromaIndex(folder)
        index.add(left, vectors[left])
        assert GONE not in index.nearest(vectors[GONE], 5)[0].tolist()
        index.close()
        gone = vectors[GONE].tobytes()
        for path in folder.rglob("*"):
            if path.is_file():
                held = path.read_bytes()
                assert gone[:48] not in held and gone[64:112] not in held, (seed, path.name)
        shutil.rmtree(folder)
