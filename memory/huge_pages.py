"""Large buffers on huge pages: a model reads all its weights for each token, and on pages of 4 KiB it often
waits for their addresses rather than for the numbers.

Linux gives huge pages, as most systems set it up, only to memory it is told of. Asking for them while a model
is loaded would make it wait for them, so what has been filled is moved to them later, in the background.
Promise: only what was allocated within `Allocated` is moved, nothing fails where there are none, and an owner
who switched them off for the machine is obeyed. Knows pages; nothing of models.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

LEAST_BYTES = 16 << 20  # of a region; a thread's stack is smaller
_MADV_HUGEPAGE, _MADV_COLLAPSE = 14, 25  # asm-generic/mman-common.h
_SYSTEM = Path("/sys/kernel/mm/transparent_hugepage")
_MAPS = Path("/proc/self/maps")

Region = tuple[int, int]
"""Addresses [from, to)."""


class Allocated:
    """The large pieces of memory that this process allocates within: a context manager, then moved once."""

    def __init__(self) -> None:
        self._before: list[Region] = []
        self._regions: list[Region] = []
        self._stopped = threading.Event()
        self._moving: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._before = large_regions() if offered() else []
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if offered():
            self._regions += without(large_regions(), self._before)

    def move(self) -> None:
        """Begin to move it to huge pages; returns at once, and does nothing when called again."""
        if self._moving is None and self._regions and not self._stopped.is_set():
            self._moving = threading.Thread(target=self._move, name="dormouse-pages", daemon=True)
            self._moving.start()

    def stop(self) -> None:
        """Move no more of it: to be called before it is freed."""
        self._stopped.set()
        if self._moving is not None:
            self._moving.join()

    def _move(self) -> None:
        size = int((_SYSTEM / "hpage_pmd_size").read_text())
        for first, last in self._regions:
            if self._stopped.is_set():
                return
            start = -(-first // size) * size
            _advise(start, last - start, _MADV_HUGEPAGE)
            for page in range(start, last - size + 1, size):
                if self._stopped.is_set():
                    return
                _advise(page, size, _MADV_COLLAPSE)  # since Linux 6.1; before it the kernel does so in time


def offered() -> bool:
    """Whether this system gives huge pages to who asks for them."""
    if sys.platform != "linux":
        return False
    try:
        return "[never]" not in (_SYSTEM / "enabled").read_text()
    except OSError:
        return False


def large_regions() -> list[Region]:
    """This process's large pieces of memory that hold no file, in order."""
    regions = []
    for line in _MAPS.read_text().splitlines():
        addresses, rights, _, _, inode, *name = line.split(maxsplit=5)
        first, last = (int(address, 16) for address in addresses.split("-"))
        if last - first >= LEAST_BYTES and rights.startswith("rw") and inode == "0" and not name:
            regions.append((first, last))
    return regions


def without(regions: list[Region], others: list[Region]) -> list[Region]:
    """What of `regions` lies in none of `others`, in pieces large enough; both are in order."""
    left = []
    for first, last in regions:
        for start, end in others:
            if first < end and start < last:
                left.append((first, start))
                first = end
        left.append((first, last))
    return [(first, last) for first, last in left if last - first >= LEAST_BYTES]


def _advise(first: int, size: int, what: int) -> None:
    """No advice is an error: at worst nothing is moved."""
    _libc().madvise(ctypes.c_void_p(first), ctypes.c_size_t(size), what)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
