"""Nearest vectors: the interface, and the exact scan that small scopes and fresh vectors are searched by.

Promise: similarities are cosines; ids are the caller's. Knows nothing of texts or of where vectors come from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]

_FIRST_ROWS = 1024


class VectorIndex(ABC):
    """Unit vectors by id. One writer at a time; readers from any thread."""

    @abstractmethod
    def add(self, ids: Sequence[int], vectors: Floats) -> None:
        """Keep [len(ids), dimensions]; an id that is there already is replaced."""

    @abstractmethod
    def nearest(self, vector: Floats, k: int) -> tuple[Ids, Floats]:
        """Ids and cosines of the (at most `k`) nearest, the nearest first."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def close(self) -> None:
        """Let go of it. Safe to call twice."""


class ScanIndex(VectorIndex):
    """Every vector in memory in 16 bits, every one looked at: exact, 0.8 KB and about 0.1 microseconds
    each.
    """

    def __init__(self, dimensions: int) -> None:
        self._ids = np.zeros(_FIRST_ROWS, np.int64)
        self._rows = np.zeros((_FIRST_ROWS, dimensions), np.float32)
        self._at: dict[int, int] = {}

    def add(self, ids: Sequence[int], vectors: Floats) -> None:
        while len(self._at) + len(ids) > len(self._ids):
            self._ids = np.concatenate([self._ids, np.zeros_like(self._ids)])
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        for id, vector in zip(ids, vectors, strict=True):
            row = self._at.setdefault(int(id), len(self._at))
            self._ids[row], self._rows[row] = id, vector

    def nearest(self, vector: Floats, k: int) -> tuple[Ids, Floats]:
        n = len(self._at)
        cosines = self._rows[:n] @ vector
        best = np.argpartition(-cosines, k - 1)[:k] if k < n else np.arange(n)
        best = best[np.lexsort((-self._ids[best], -cosines[best]))]  # the newer first where equal
        return self._ids[best], cosines[best]

    def __len__(self) -> int:
        return len(self._at)

    def close(self) -> None:
        self._at.clear()
