"""What an agent has open: its home, journal, registry, base and engine, each when first needed.

Promise: everything opened is closed, in the order that keeps the journal to the last. Torch is never
imported here. Knows nothing of turns or nights.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..graphs.abc import Tool
from ..memory.adapters import Manifest, Registry
from ..memory.base_weights import BaseWeights, resolve
from ..memory.engine import Mount, WakeEngine
from ..memory.errors import AdapterError
from ..memory.gguf_file import Meter
from ..memory.home import Home, cache_path
from ..memory.journal import Journal, Turn
from ..sleep.errors import RoleAdapterDamaged
from .engines import fusing_engine
from .spec import Spec

if TYPE_CHECKING:
    from ..memory.episodes.embedder import Embedder
    from ..memory.episodes.keeping import Kept
    from ..memory.episodes.store import ScopedStore
    from .toolbox.build import Toolbox


class Workspace:
    """One home, open. With `read_only` nothing is written or locked, so it works beside the home's owner.

    `engine` (or what opens one) and `base` replace what the spec names; `meter` is told of downloads and
    copies. `embedder`, set before the store is first needed, opens another than the spec names. Raises
    HomeLocked, HomeNotWritable, JournalError and the like at once; what the engine needs is looked for when
    `engine` is first asked for.
    """

    def __init__(
        self,
        spec: Spec,
        home: Path | None = None,
        *,
        command: str,
        read_only: bool = False,
        engine: WakeEngine | Callable[[], WakeEngine] | None = None,
        base: BaseWeights | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.spec = spec
        self._meter = meter
        self.warnings: list[str] = []
        self._given_engine, self._given_base = engine, base
        self.embedder: Callable[[], Embedder] = self._open_embedder
        self._opening, self._indexing = threading.RLock(), threading.RLock()
        self._closing = ExitStack()
        self.home = self._closing.enter_context(Home.open(home, command=command, read_only=read_only))
        try:
            self.journal = self._closing.enter_context(Journal(self.home.journal_path, read_only=read_only))
        except BaseException:
            self._closing.close()
            raise
        self._closing.callback(self._close_engine)

    @cached_property
    def base(self) -> BaseWeights:
        """The base weights the spec names, found and hashed. Raises BaseWeightsError."""
        return self._given_base or resolve(self.spec.model.source, cache_path(), self._meter)

    @cached_property
    def shelf(self) -> Registry:
        """The registry to look at only: needs no base, and so cannot say what may be served."""
        return Registry(self.home.adapters_path, "")

    @cached_property
    def registry(self) -> Registry:
        """The adapters for this base."""
        return Registry(self.home.adapters_path, self.base.sha256)

    @property
    def episodes(self) -> ScopedStore:
        """The episodic store of this home, following its journal. Raises BadEmbedder, StoreError."""
        with self._indexing:
            return self._episodes

    @cached_property
    def _episodes(self) -> ScopedStore:
        from ..memory.episodes.journal_source import JournalSource
        from ..memory.episodes.records import Scope
        from ..memory.episodes.store import EpisodicStore

        settings = self.spec.memory.store
        store = EpisodicStore(
            self.home.store_path,
            self.embedder,
            settings,
        )
        self._closing.callback(store.close)
        scope = Scope(agent=self.spec.name)
        if not self.home.read_only:
            store.keep_only(scope)  # an agent that was renamed has its index made anew, under its new name
        return store.of(scope, JournalSource(self.journal))

    def _open_embedder(self) -> Embedder:
        from ..memory.episodes.embedder import open_embedder

        settings = self.spec.memory.store
        return open_embedder(settings.embedder, cache_path(), settings.threads)

    def refresh_store(self) -> None:
        """After the journal was rewritten: no word or vector of what is gone is left in the index."""
        if self.home.store_path.exists():
            self.episodes.refresh()

    def leave_out(self, turn_ids: Iterable[int]) -> None:
        """After turns were taken back: the index does not find them any more."""
        if self.home.store_path.exists():
            self.episodes.forget(list(turn_ids))

    def back_up(self, target: Path) -> Kept:
        """Write tier 1, the journal and its index, to one file, and note in the home where it is.

        Raises BadInput, DiskFull, HomeNotWritable, HomeError.
        """
        from .backups import back_up_home

        return back_up_home(self.home, self.journal, _index_path(self.home, self.spec), target)

    def recalled(self, text: str, k: int) -> list[Turn]:
        """The turns nearest to `text` that count as the user's own word, the nearest first."""
        return [turn for turn, _ in self.nearest(text, k, lambda turn: turn if turn.trusted else None)]

    def nearest(self, text: str, k: int, shown: Callable[[Turn], Turn | None]) -> list[tuple[Turn, float]]:
        """The `k` turns of the user's nearest to `text`, each as `shown` has it and with its score, the
        nearest first; those that it has as None are none of them.
        """
        looked_at = k
        while True:
            scores = {hit.episode.id: hit.score for hit in self.episodes.recall(text, looked_at)}
            turns = self.journal.turns_of(list(scores))
            kept = [(as_shown, scores[turn.id]) for turn in turns if (as_shown := shown(turn)) is not None]
            if len(kept) >= k or len(scores) < looked_at:
                return kept[:k]
            looked_at *= 2

    @property
    def engine(self) -> WakeEngine:
        """The wake engine, with the adapter HEAD names mounted. Raises BaseWeightsError, EngineError."""
        with self._opening:
            return self._engine

    @cached_property
    def _engine(self) -> WakeEngine:
        engine = self._open_engine()
        try:
            self.mount_head(engine)
        except BaseException:
            engine.close()
            raise
        return engine

    def tools(self) -> tuple[Tool, ...]:
        """The tools the spec offers, as far as they are there; servers of tools are started, and those that
        were absent tried again now and then. Raises UnusableTool.
        """
        if not self.spec.tools.offer:
            return ()
        self._toolbox.look_again()
        return self._toolbox.tools

    @cached_property
    def _toolbox(self) -> Toolbox:
        from .screening import screen
        from .toolbox.build import Surroundings, Toolbox

        around = Surroundings(
            journal=self.journal,
            search=self.recalled,
            screen=lambda: screen(self),
            forget=self._forgotten,
            sandbox=self.spec.sandbox,
            warn=self.warnings.append,
            unwarn=self._unwarn,
            closing=self._closing,
        )
        return Toolbox(self.spec.tools.offer, around)

    def _unwarn(self, sentence: str) -> None:
        with suppress(ValueError):
            self.warnings.remove(sentence)

    def _forgotten(self, words: str) -> int:
        """Forget all that holds these words, from within a turn; how many memories it was."""
        from . import forgetting

        forgetting.finish_erasing(self)
        return len(forgetting.erase(self, forgetting.choose(self, (), words)).forgotten)

    @property
    def engine_open(self) -> bool:
        """Whether the engine is in memory."""
        return "_engine" in self.__dict__

    def unload(self) -> bool:
        """Give the engine's memory back; the next use opens it again. Whether there was any to give back.

        An engine that was given is its giver's, and stays; so does one that is being opened.
        """
        if not self._opening.acquire(blocking=False):
            return False
        try:
            if isinstance(self._given_engine, WakeEngine) or not self.engine_open:
                return False
            self._close_engine()
            return True
        finally:
            self._opening.release()

    def _close_engine(self) -> None:
        engine: WakeEngine | None = self.__dict__.pop("_engine", None)
        if engine is not None:
            engine.close()

    def _open_engine(self) -> WakeEngine:
        given = self._given_engine
        if given is not None:
            return given if isinstance(given, WakeEngine) else given()
        return fusing_engine(self.base, self.spec.model, self._meter)

    def mount_head(self, engine: WakeEngine) -> None:
        """Serve what HEAD names, and on top of it what naps have made since.

        An adapter that cannot be served is a warning, and what is beneath it answers.
        """
        mounts: list[Mount] = []
        try:
            if head := self.registry.head():
                mounts.append(self.registry.mount(head.id))
            self._serve(engine, mounts)
        except AdapterError as error:
            self.warnings.append(str(error))
            engine.mount([])
        else:
            self._mount_day(engine, head)
        self.warnings += [sentence for sentence in self.registry.warnings if sentence not in self.warnings]

    def _mount_day(self, engine: WakeEngine, head: Manifest | None) -> None:
        """Serve what naps have made on top of `head`, if there is something that may be served there."""
        id = self.journal.day_adapter()
        if id is None:
            return
        from ..graphs.beneath import mounts_beneath

        try:
            day = self.registry.mount(self.registry.day(id).id)
            engine.mount([*mounts_beneath(self.registry, head, self.base, cache_path()), day])
        except (AdapterError, RoleAdapterDamaged) as error:
            if str(error) not in self.warnings:
                self.warnings.append(str(error))

    def _serve(self, engine: WakeEngine, mounts: list[Mount]) -> None:
        """Mount them, the fused copy of the first where there is one; copies of others are deleted."""
        from .fusing import copy_of, serve, serves_copies, sweep_copies

        fuse = self.spec.memory.fuse
        if serves_copies(engine):
            kept = mounts and fuse == "auto" and copy_of(mounts[0], engine.gguf)
            sweep_copies(self.registry, mounts[0].name if kept else None)
        if refused := serve(engine, mounts, fuse):
            self.warnings.append(refused)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close everything. Safe to call twice."""
        with self._opening, self._indexing:
            self._closing.close()


def restore_home(spec: Spec, home: Path | None, source: Path, *, replace: bool, command: str) -> Kept:
    """Put a backup's journal and index into the home, without what the home has forgotten.

    Raises BadInput, and HomeLocked while another process owns it.
    """
    from . import backups

    with Home.open(home, command=command) as opened:
        return backups.restore_home(opened, source, _index_path(opened, spec), replace=replace)


def _index_path(home: Home, spec: Spec) -> Path:
    from ..memory.episodes.records import Scope

    return home.store_path / Scope(agent=spec.name).key / "index.db"
