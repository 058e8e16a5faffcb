"""Nearest vectors by Chroma, embedded: one folder and one collection a scope, holding ids and vectors, never
text.

Promise: nothing is imported or opened before the first use; no telemetry leaves the machine; no file holds
what was in memory before, such as a vector that was forgotten.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import IndexBroken
from .vectors import Floats, Ids, VectorIndex

_COLLECTION = "episodes"
_ADD_ROWS = 2000  # Chroma refuses more than some 5,000 at once
_GRAPH: Any = {"space": "cosine", "ef_construction": 100, "max_neighbors": 16, "ef_search": 256}
_opening = (
    threading.Lock()
)  # Chroma registers clients in a table of the process that no lock of its own guards


_M_PERTURB, _FILLING = -6, 0xA5  # glibc's malloc.h: what is given out and given back is filled with a byte
_filling = threading.Lock()
_fillers = 0


@contextmanager
def _memory_filled() -> Iterator[None]:
    """Meanwhile malloc gives out no memory with its old content, where it can be told so (glibc).

    hnswlib writes its unused places to disk as malloc gave them.
    """
    global _fillers
    with _filling:
        _fillers += 1
        _fill(_FILLING)
    try:
        yield
    finally:
        with _filling:
            _fillers -= 1
            if not _fillers:
                _fill(0)


def _fill(byte: int) -> None:
    with suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_PERTURB, byte)


@contextmanager
def _faults(folder: Path) -> Iterator[None]:
    """Whatever Chroma raises, a panic of its Rust part included, as an IndexBroken."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as cause:
        said = " ".join(str(cause).split()) or type(cause).__name__
        raise IndexBroken(folder, f"Chroma refuses it ({said})") from cause


def _let_go_of(folder: Path) -> None:
    """Chroma remembers what failed to start in a folder, and would give it out when that is opened again."""
    from chromadb.api.shared_system_client import SharedSystemClient

    with _opening:
        SharedSystemClient._identifier_to_system.pop(str(folder), None)


class ChromaIndex(VectorIndex):
    """The collection in `folder`, made if it is not there. Raises IndexBroken when Chroma refuses it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._client: Any = None
        self._count: int | None = None  # counting takes a third as long as searching
        try:
            with _faults(folder), _opening:
                self._collection = self._opened()
        except IndexBroken:
            _let_go_of(folder)
            self.close()
            raise

    def _opened(self) -> Any:
        import chromadb
        from chromadb.config import Settings

        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._client = chromadb.PersistentClient(
            str(self._folder), settings=Settings(anonymized_telemetry=False)
        )
        return self._client.get_or_create_collection(
            _COLLECTION, embedding_function=None, configuration={"hnsw": _GRAPH}
        )

    def add(self, ids: Sequence[int], vectors: Floats) -> None:
        for start in range(0, len(ids), _ADD_ROWS):
            part, self._count = slice(start, start + _ADD_ROWS), None
            with _faults(self._folder), _memory_filled():
                self._collection.upsert(ids=[str(id) for id in ids[part]], embeddings=vectors[part])

    def nearest(self, vector: Floats, k: int) -> tuple[Ids, Floats]:
        k = min(k, len(self))
        if k < 1:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        with _faults(self._folder), _memory_filled():  # the graph may be built now
            found = self._collection.query(query_embeddings=[vector], n_results=k, include=["distances"])
            ids = np.array([int(id) for id in found["ids"][0]], np.int64)
            return ids, 1 - np.array(found["distances"][0], np.float32)

    def __len__(self) -> int:
        if self._count is None:
            with _faults(self._folder):
                self._count = int(self._collection.count())
        return self._count

    def close(self) -> None:
        with _opening, _memory_filled():
            client, self._client = self._client, None
            if client is not None:
                with suppress(IndexBroken), _faults(self._folder):  # what is broken may not close either
                    client.close()
