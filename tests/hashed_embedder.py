"""An embedder for tests: a text's vector is the sum of seeded directions of its words. No model, same
everywhere.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np

from dormouse.memory.episodes.embedder import Embedder, Vectors


class HashedEmbedder(Embedder):
    """`calls` counts the texts it was given."""

    def __init__(self, dimensions: int = 64, id: str = "hashed") -> None:
        self.id, self.dimensions, self.calls = id, dimensions, 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.calls += len(texts)
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()) or [""]:
                row += np.random.default_rng(zlib.crc32(word.encode())).normal(size=self.dimensions)
        vectors: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return vectors

    def embed_ids(self, rows: Sequence[Sequence[int]]) -> Vectors:
        return self.embed([" ".join(map(str, row)) for row in rows])

    def tokenize(self, text: str) -> list[int]:
        return [zlib.crc32(word.encode()) % 30_000 for word in re.findall(r"\w+", text.lower())]

    def close(self) -> None:
        """Nothing to free."""
