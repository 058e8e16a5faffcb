"""The engine that an app's chat model answers with: one base for all models of the same weights in a process.

Promise: a night's new adapter is served from the next answer on, without a restart, and from its fused copy
once that is there; the home it is read from is neither locked nor written. Knows nothing of LangChain.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from ...memory.adapters import Registry
from ...memory.base_weights import BaseWeights, resolve
from ...memory.engine import Mount, WakeEngine
from ...memory.home import cache_path
from ...memory.settings import ModelSettings
from ..engines import shared_base
from ..fusing import RECORD, serve

_Seen = tuple[tuple[int, int] | None, ...]


class Weights:
    """Base weights and an engine for them; with `home`, the adapter that home's HEAD names.

    Raises BaseWeightsError and EngineError.
    """

    def __init__(self, settings: ModelSettings, home: Path | None) -> None:
        self.base: BaseWeights = resolve(settings.source, cache_path())
        self._shared = shared_base(self.base, settings)
        self._registry = Registry(home / "adapters", self.base.sha256) if home is not None else None
        self._engine: WakeEngine = self._shared.scoped()
        self._mounts: tuple[Mount, ...] = ()
        self._seen: _Seen | None = None
        self._changing = threading.Lock()

    @property
    def engine(self) -> WakeEngine:
        """What computes now."""
        return self.serving()[0]

    def serving(self) -> tuple[WakeEngine, Sequence[Mount]]:
        """Who answers now, and with which adapters mounted. Raises AdapterError."""
        with self._changing:
            if self._registry is not None and _look(self._registry, self._mounts) != self._seen:
                self._serve_head(self._registry)
            return self._engine, self._mounts

    def _serve_head(self, registry: Registry) -> None:
        """By an engine of its own: answers being given go on with the one before, and it goes with them."""
        head = registry.head()
        mounts = (registry.mount(head.id),) if head else ()
        engine, seen = self._shared.scoped(), _look(registry, mounts)
        serve(engine, mounts, "auto")
        self._engine, self._mounts, self._seen = engine, mounts, seen


def _look(registry: Registry, mounts: Sequence[Mount]) -> _Seen:
    """What changes when another adapter is to be served, or its copy has been made."""
    files = [registry.root / "HEAD", *(mount.path.parent / RECORD for mount in mounts)]
    return tuple(_changed_at(file) for file in files)


def _changed_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
