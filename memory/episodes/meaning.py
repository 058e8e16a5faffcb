"""A scope's vectors, searched: exactly while they are few, through Chroma when they are many, by codes
beyond that.

Promise: every vector on the shelf is searched, also the ones no index holds yet, and also while one is being
opened or built. The shelf is the truth; what an index lost or never got is put into it again, and one that
fails is made anew, with a warning.
"""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np

from ..errors import IndexBroken
from ..settings import StoreSettings
from .chroma import ChromaIndex
from .codes import CodeIndex
from .shelf import Shelf
from .vectors import Floats, Ids, ScanIndex

_ROWS = 2000  # vectors moved at once
_TAIL = 256  # vectors that are scanned beside an index before they are put into it
_SCANNED_MEANWHILE = 20_000  # vectors that are scanned while Chroma is being opened
_KIND, _UPTO = "far_kind", "far_upto"

Far = ChromaIndex | CodeIndex


class Meaning:
    """Nearest episodes by their vectors. `settle` may take long and is for a background thread."""

    def __init__(self, shelf: Shelf, folder: Path, settings: StoreSettings, dimensions: int) -> None:
        self._shelf, self._folder, self._settings, self._dimensions = shelf, folder, settings, dimensions
        self._lock = threading.RLock()
        self._settling = threading.Lock()
        self._far: Far | None = None
        self._broken: Far | None = None
        self._near = ScanIndex(dimensions)
        self.warnings: list[str] = []
        total = shelf.count()
        if total > _SCANNED_MEANWHILE:
            self.settle()
        else:
            self._load(0)

    def nearest(self, vector: Floats, k: int) -> tuple[Ids, Floats]:
        """Ids and cosines of the `k` nearest, the nearest first."""
        with self._lock:
            ids, cosines = self._near.nearest(vector, k) if len(self._near) else _nothing()
            if self._far is None:
                return ids, cosines
            try:
                far_ids, far_cosines = self._far.nearest(vector, k)
            except IndexBroken as error:
                self._distrust(error)
                return self._near.nearest(vector, k) if len(self._near) else _nothing()
        ids, first = np.unique(np.concatenate([ids, far_ids]), return_index=True)
        cosines = np.concatenate([cosines, far_cosines])[first]
        best = np.lexsort((-ids, -cosines))[:k]
        return ids[best], cosines[best]

    def added(self, ids: list[int], vectors: Floats) -> None:
        """Vectors that were just put on the shelf."""
        with self._lock:
            self._near.add(ids, vectors)

    def unsettled(self) -> bool:
        """Whether `settle` has something to do."""
        kind = self._kind()
        if kind is None:
            return self._far is not None
        with self._lock:
            return self._far is None or self._kind_of(self._far) != kind or len(self._near) >= _TAIL

    def full(self) -> bool:
        """Whether so many are scanned that whoever adds more had better wait for `settle`."""
        with self._lock:
            return len(self._near) >= _SCANNED_MEANWHILE and self._kind() is not None

    def settle(self) -> None:
        """Open or build the index this many vectors ask for, and move the scanned ones into it."""
        with self._settling:
            kind = self._kind()
            if self._broken or (self._far is not None and self._kind_of(self._far) != kind):
                self._drop()
            if kind is None:
                return
            try:
                far, upto = self._filled(kind)
            except IndexBroken as error:
                self._warn(error)
                self._drop()
                far, upto = self._filled(kind)
            with self._lock:
                self._far = far
                self._load(upto)

    def forget(self) -> None:
        """Remove every index with what it held, and make it anew from what is left on the shelf."""
        with self._settling:
            self._drop()
        if self._shelf.count() > _SCANNED_MEANWHILE:
            self.settle()

    def in_index(self) -> int:
        """Vectors that are in Chroma or in codes."""
        with self._lock:
            try:
                return len(self._far) if self._far is not None else 0
            except IndexBroken as error:
                self._distrust(error)
                return 0

    def close(self) -> None:
        """Let go of the index. Safe to call twice."""
        with self._settling, self._lock:
            for far in (self._far, self._broken):
                if far is not None:
                    far.close()
            self._far = self._broken = None

    def _kind(self) -> str | None:
        wanted = self._settings.vectors
        if wanted != "auto":
            return None if wanted == "scan" else wanted
        vectors = self._shelf.count()
        if vectors < self._settings.exact_below:
            return None
        return "chroma" if vectors < self._settings.codes_from else "codes"

    def _kind_of(self, far: Far) -> str:
        return "chroma" if isinstance(far, ChromaIndex) else "codes"

    def _upto_of(self, kind: str) -> int:
        return int(self._shelf.meta(_UPTO) or 0) if self._shelf.meta(_KIND) == kind else 0

    def _distrust(self, error: IndexBroken) -> None:
        """Scan everything from now on, until `settle` has made the index anew. Inside the lock."""
        self._warn(error)
        self._broken, self._far = self._far, None
        self._load(0)

    def _warn(self, error: IndexBroken) -> None:
        self.warnings.append(f"An index of vectors was damaged, and is made anew ({error.reason}).")

    def _filled(self, kind: str) -> tuple[Far, int]:
        """The index with every vector it can hold, and the last episode in it."""
        far = self._far or self._opened(kind)
        try:
            return far, self._moved(far, self._upto_of(kind))
        except IndexBroken:
            far.close()
            raise

    def _opened(self, kind: str) -> Far:
        """The index, holding what the shelf says it holds; built anew when it does not."""
        upto = self._upto_of(kind)
        expected = self._shelf.count_vectors(upto)
        far = self._made(kind)
        try:
            held = len(far)
        except IndexBroken:
            far.close()
            raise
        if held == expected:
            return far
        if upto:
            self.warnings.append(f"The {kind} index held {held} of {expected} vectors, and was made anew.")
        far.close()
        self._erase_files()
        return self._made(kind)

    def _made(self, kind: str) -> Far:
        if kind == "chroma":
            return ChromaIndex(self._folder / "chroma")
        return CodeIndex(self._dimensions, self._shelf.vectors_of, self._folder / "codes.bin")

    def _drop(self) -> None:
        """Go back to scanning, and leave no file of the index."""
        with self._lock:
            for far in (self._far, self._broken):
                if far is not None:
                    far.close()
            self._far = self._broken = None
            self._erase_files()
            self._load(0)

    def _erase_files(self) -> None:
        self._note("", 0)
        shutil.rmtree(self._folder / "chroma", ignore_errors=True)
        (self._folder / "codes.bin").unlink(missing_ok=True)

    def _moved(self, far: Far, upto: int) -> int:
        """Put vectors that come after `upto` into the index, up to the first episode that lacks one."""
        kind = self._kind_of(far)
        while True:
            ids, vectors = self._shelf.settled_vectors(upto, _ROWS)
            if not ids:
                return upto
            far.add(ids, vectors)
            upto = ids[-1]
            self._note(kind, upto)

    def _note(self, kind: str, upto: int) -> None:
        with self._shelf.writing():
            self._shelf.set_meta(_KIND, kind)
            self._shelf.set_meta(_UPTO, str(upto))

    def _load(self, after: int) -> None:
        """Scan the vectors of greater ids than `after`."""
        near = ScanIndex(self._dimensions)
        while True:
            ids, vectors = self._shelf.vectors(after, _ROWS)
            if not ids:
                break
            near.add(ids, vectors)
            after = ids[-1]
        self._near = near


def _nothing() -> tuple[Ids, Floats]:
    return np.zeros(0, np.int64), np.zeros(0, np.float32)
