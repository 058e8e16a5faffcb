"""LoRA adapters loaded into one llama.cpp model: by file, few at a time, freed when they leave.

Promise: a file is loaded once while it stays the same, and an adapter that cannot be loaded changes
nothing. Knows files and pointers; nothing of manifests or exams.
"""

from __future__ import annotations

import os
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .engine import Mount, OwnMounts
from .errors import AdapterError, DamagedAdapter
from .llama_context import LlamaContext
from .llama_library import forget_reasons, last_reason, llama

KEPT = 8


@dataclass(frozen=True)
class FileIdentity:
    """What tells one content of a path from another."""

    path: str
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True)
class Stack:
    """Adapters resolved to files: equal stacks compute equal logits. `whose` tells users' stacks apart."""

    layers: tuple[tuple[FileIdentity, float], ...] = ()
    names: tuple[str, ...] = ()
    whose: object = None


@dataclass(frozen=True, eq=False)
class Kept:
    """A stack that stays loaded while somebody refers to this."""

    stack: Stack


class KeptMounts(tuple[Mount, ...]):
    """Mounts that were looked up, and stay loaded."""

    kept: Kept


def resolve(mounts: Sequence[Mount]) -> Stack:
    """Looks each file up now, unless they are kept. DamagedAdapter when one is missing, AdapterError for a
    scale like NaN.
    """
    if isinstance(mounts, OwnMounts):
        return replace(resolve(mounts.mounts), whose=mounts.whose)
    if isinstance(mounts, KeptMounts):
        return mounts.kept.stack
    for mount in mounts:
        if not abs(mount.scale) < float("inf"):
            raise AdapterError(mount.name, f"its scale must be a finite number, and it is {mount.scale}")
    layers = tuple((_identity(mount), float(mount.scale)) for mount in mounts)
    return Stack(layers, tuple(mount.name for mount in mounts))


class AdapterCache:
    """Adapters of one model. Not thread-safe: its engine's lock is held around every call."""

    def __init__(self, context: LlamaContext) -> None:
        self._library = llama()
        self._context = context
        self._loaded: OrderedDict[FileIdentity, Any] = OrderedDict()
        self._pinned: frozenset[FileIdentity] = frozenset()
        self._kept: weakref.WeakSet[Kept] = weakref.WeakSet()

    def load(self, stack: Stack) -> None:
        """Loads what `stack` lacks. AdapterError names the adapter; nothing has changed then."""
        for (identity, _), name in zip(stack.layers, stack.names, strict=True):
            if identity not in self._loaded:
                self._loaded[identity] = self._read(identity, name)
            self._loaded.move_to_end(identity)

    def pin(self, stack: Stack) -> None:
        """Keeps `stack` loaded, though its files should go away."""
        self._pinned = frozenset(identity for identity, _ in stack.layers)

    def kept(self, mounts: Sequence[Mount], stack: Stack) -> KeptMounts:
        """`stack`, which is loaded, as mounts that keep it so."""
        known = KeptMounts(mounts)
        known.kept = Kept(stack)
        self._kept.add(known.kept)
        return known

    def apply(self, stack: Stack) -> None:
        """Puts `stack` in force, and frees adapters beyond the few that are kept."""
        self._context.use_stack((stack.whose, stack.layers), self.pointers(stack))
        self._evict(keep=[identity for identity, _ in stack.layers])

    def pointers(self, stack: Stack) -> list[tuple[Any, float]]:
        """(pointer, scale) of each adapter of `stack`, loaded if need be; good until `apply` is called."""
        self.load(stack)
        return [(self._loaded[identity], scale) for identity, scale in stack.layers]

    @property
    def loaded(self) -> tuple[FileIdentity, ...]:
        """What is in memory, least recently used first."""
        return tuple(self._loaded)

    def _evict(self, keep: Iterable[FileIdentity]) -> None:
        held = [identity for kept in list(self._kept) for identity, _ in kept.stack.layers]
        in_use = self._pinned.union(keep, held)
        for identity in [i for i in self._loaded if i not in in_use]:
            if len(self._loaded) <= KEPT:
                return
            adapter = self._loaded.pop(identity)
            self._context.let_go(adapter)
            with self._context.model():
                self._library.llama_adapter_lora_free(adapter)

    def _read(self, identity: FileIdentity, name: str) -> Any:
        with self._context.model() as model:
            forget_reasons()
            pointer = self._library.llama_adapter_lora_init(model, os.fsencode(identity.path))
        if pointer:
            return pointer
        reason = last_reason("llama.cpp cannot load it").removeprefix("failed to apply lora adapter: ")
        if any(sign in reason for sign in ("arch", "wrong base", "does not exist in base")):
            raise AdapterError(name, f"it was made for another base ({reason})")
        raise DamagedAdapter(name, reason)


def _identity(mount: Mount) -> FileIdentity:
    try:
        path = Path(mount.path).resolve()
        found = path.stat()
    except OSError as error:
        raise DamagedAdapter(
            mount.name, f"its file {mount.path} cannot be read ({error.strerror})"
        ) from error
    return FileIdentity(str(path), found.st_size, found.st_mtime_ns, found.st_ino)
