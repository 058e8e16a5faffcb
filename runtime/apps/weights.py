"""The engine that an app's chat model answers with: opened once for all models of the same weights in a
process.

Promise: a night's new adapter is served from the next answer on, without a restart; the home it is read from
is neither locked nor written. Knows nothing of LangChain.
"""

from __future__ import annotations

from pathlib import Path

from ...memory.adapters import Registry
from ...memory.base_weights import BaseWeights, resolve
from ...memory.engine import Mount
from ...memory.home import cache_path
from ...memory.settings import ModelSettings
from ..engines import shared_engine


class Weights:
    """Base weights and an engine for them; with `home`, the adapter that home's HEAD names.

    Raises BaseWeightsError and EngineError.
    """

    def __init__(self, settings: ModelSettings, home: Path | None) -> None:
        self.base: BaseWeights = resolve(settings.source, cache_path())
        self.engine = shared_engine(self.base, settings)
        self._registry = Registry(home / "adapters", self.base.sha256) if home is not None else None
        self._head: tuple[tuple[int, int] | None, tuple[Mount, ...]] = (None, ())

    def adapters(self) -> tuple[Mount, ...]:
        """What answers beside the base now. Raises AdapterError."""
        if self._registry is None:
            return ()
        try:
            stat = (self._registry.root / "HEAD").stat()
        except FileNotFoundError:
            return ()
        seen = (stat.st_mtime_ns, stat.st_ino)
        if self._head[0] != seen:
            head = self._registry.head()
            self._head = (seen, (self._registry.mount(head.id),) if head else ())
        return self._head[1]
