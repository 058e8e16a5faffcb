"""Nearest vectors by a bit a dimension: 48 bytes an episode in memory, every one looked at, the best read
again whole.

Promise: what it returns has exact cosines; only which are looked at whole is an estimate (the Hamming
distance of the
signs). Memory and time grow by 56 bytes and some 15 nanoseconds an episode, and adding one costs nothing.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..durable import storage_faults
from .vectors import Floats, Ids, VectorIndex

_WIDEST = 4  # how many times as many are looked at whole as are asked for
_CHUNK = 1 << 16
_FIRST_ROWS = 1024

Words = NDArray[np.uint64]


class CodeIndex(VectorIndex):
    """`whole` fetches vectors by id. With a `path` the codes are kept there, and read at once when opened
    again.
    """

    def __init__(
        self, dimensions: int, whole: Callable[[Sequence[int]], dict[int, Floats]], path: Path | None = None
    ) -> None:
        self._whole, self._path = whole, path
        self._width = -(-dimensions // 64)
        self._count = 0
        self._ids = np.zeros(_FIRST_ROWS, np.int64)
        self._codes: Words = np.zeros((self._width, _FIRST_ROWS), np.uint64)
        if path is not None and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        row = np.dtype([("id", np.int64), ("code", np.uint64, (self._width,))])
        whole = path.stat().st_size // row.itemsize
        kept = np.fromfile(path, row, count=whole)  # a row torn by a kill is left out, and made again
        if path.stat().st_size != whole * row.itemsize:
            os.truncate(path, whole * row.itemsize)
        self._append(kept["id"], kept["code"].T)

    def add(self, ids: Sequence[int], vectors: Floats) -> None:
        codes = _signs(vectors, self._width)
        fresh = np.asarray(ids, np.int64)
        self._append(fresh, codes.T)
        if self._path is not None:
            rows = np.empty(len(ids), [("id", np.int64), ("code", np.uint64, (self._width,))])
            rows["id"], rows["code"] = fresh, codes
            with storage_faults(self._path.parent), self._path.open("ab") as file:
                file.write(rows.tobytes())

    def _append(self, ids: Ids, codes: Words) -> None:
        need = self._count + len(ids)
        if need > len(self._ids):
            room = max(need, 2 * len(self._ids))
            self._ids = np.concatenate([self._ids, np.zeros(room - len(self._ids), np.int64)])
            more = np.zeros((self._width, room - self._codes.shape[1]), np.uint64)
            self._codes = np.concatenate([self._codes, more], axis=1)
        self._ids[self._count : need] = ids
        self._codes[:, self._count : need] = codes
        self._count = need

    def nearest(self, vector: Floats, k: int) -> tuple[Ids, Floats]:
        n, asked = self._count, _signs(vector[None, :], self._width)[0]
        if not n:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        apart = np.zeros(n, np.uint16)
        for start in range(0, n, _CHUNK):
            part = slice(start, min(start + _CHUNK, n))
            for word, column in zip(asked, self._codes, strict=True):
                apart[part] += np.bitwise_count(column[part] ^ word)
        some = min(n, max(_WIDEST * k, 256))
        # All that are no farther than the `some`th nearest: counting is faster than sorting them.
        farthest = bisect_left(
            range(64 * self._width), some, key=lambda most: int(np.count_nonzero(apart <= most))
        )
        rows = np.flatnonzero(apart <= farthest)[-2 * some :]  # of very many that are equally far, the newest
        found = self._whole([int(id) for id in dict.fromkeys(self._ids[rows].tolist())])
        ids = np.array(list(found), np.int64)
        if not len(ids):
            return ids, np.zeros(0, np.float32)
        cosines: Floats = np.stack(list(found.values())) @ vector
        best = np.lexsort((-ids, -cosines))[:k]
        return ids[best], cosines[best]

    def __len__(self) -> int:
        return self._count

    def close(self) -> None:
        self._count = 0


def _signs(vectors: Floats, width: int) -> Words:
    """[n, width] 64-bit words of one bit a dimension."""
    packed = np.packbits(vectors > 0, axis=1)
    padded = np.zeros((len(vectors), width * 8), np.uint8)
    padded[:, : packed.shape[1]] = packed
    words: Words = padded.view(np.uint64)
    return words
