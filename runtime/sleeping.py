"""An agent's nights: one at a time, joined by whoever asks for it, giving way to turns.

Promise: there is never a second night beside one that runs in this process. The work stands in
`graphs.sleep` and `night_run`; this says when a night may run, and on what.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..memory.errors import DormouseError
from ..memory.home import cache_path
from ..sleep.errors import NightStopped
from ..sleep.right_of_way import SOMEBODY, RightOfWay
from ..verifiers.declared import close_all, for_memories
from . import neighbours
from .asking import means_of
from .napping import Napping
from .night_run import Night

if TYPE_CHECKING:
    from ..sleep.records import NightReport, Progress
    from .nights import NightView
    from .receipts import Receipt


class Sleeping(Napping):
    """The sleeping part of an agent."""

    _night: Night | None
    _night_lock: threading.Lock

    @abstractmethod
    def _settle(self) -> list[Receipt]:
        """What is to be done once a night has made weights anew."""

    def sleep(self, progress: Callable[[Progress], None] | None = None) -> NightReport:
        """Run a night over what was said since the last one; the new adapter, if published, answers from now
        on.

        Turns are taken meanwhile, and the night gives way to them. There is one night at a time: a second
        caller is told of the one that is running, and given what comes of it. Raises NightFailed and
        NightStopped.
        """
        self._open()
        return self._joined_night(progress)

    def watch_night(self, progress: Callable[[Progress], None]) -> NightReport | None:
        """Follow the night that is running, from its beginning, without asking for it; None when none is.

        Raises what the night raises.
        """
        night = self.sleeping
        return None if night is None else night.watched(progress)

    def night(self, id: str | None = None) -> NightView:
        """One night (the latest by default) with the verdict on every candidate. Raises BadInput."""
        from .nights import night_view

        return night_view(self._open().journal, id)

    @property
    def way(self) -> RightOfWay:
        """What a night of this agent gives way to."""
        return self._way

    @property
    def sleeping(self) -> Night | None:
        """The night being slept now."""
        night = self._night
        return None if night is None or night.over else night

    def unload(self) -> bool:
        """Give the engine's memory back until the next turn or night. Whether there was any to give back.

        Waits for nothing: what is in use stays.
        """
        if not self._night_lock.acquire(blocking=False):
            return False
        try:
            if self.sleeping is not None or self.napping:
                return False
            with self._turn_lock.at_once() as free:
                if free:
                    self.__dict__.pop("_wake", None)  # it holds on to the engine
                return free and self._open().unload()
        finally:
            self._night_lock.release()

    def _joined_night(
        self, progress: Callable[[Progress], None] | None = None, *, only_rebuild: bool = False
    ) -> NightReport:
        """The night that is running, else a new one, to its end."""
        with self._night_lock:
            if self._night is None or self._night.over:
                self._night = Night(lambda told: self._run_night(told, only_rebuild))
            else:
                self._way.lift(SOMEBODY)  # it was begun by itself; now it was asked for
            night = self._night
        return night.joined(progress)

    def _run_night(self, progress: Callable[[Progress], None], only_rebuild: bool) -> NightReport:
        with neighbours.night(self._way), self._no_nap():  # what a nap was reading, the night reads too
            return self._run_night_alone(progress, only_rebuild)

    def _run_night_alone(self, progress: Callable[[Progress], None], only_rebuild: bool) -> NightReport:
        from ..graphs.night_engine import NightEngine
        from ..graphs.sleep import NightContext, run_night

        space = self._open()
        self._way.begin()
        engine = NightEngine(space.engine, self._way, self._between_turns)
        night = NightContext(
            home=space.home,
            journal=space.journal,
            registry=space.registry,
            engine=engine,
            base=space.base,
            cache=cache_path(),
            settings=self.spec.sleep,
            exam=self.spec.exam,
            persona=self.spec.persona,
            seed=self.spec.sleep.seed,
            verifiers=for_memories(self.spec.verifiers, means_of(self.spec, lambda: engine)),
            only_rebuild=only_rebuild,
            serve_as=self.spec.model.serve_as,
            way=self._way,
        )
        try:
            report = run_night(night, progress)
        finally:
            close_all(night.verifiers)
        self._fuse()
        if not only_rebuild:  # who asked for that alone settles it, and has the receipts
            self._settle()
        return report

    def _fuse(self) -> None:
        """Have what the night published served from a copy of the base that holds it; another night makes up
        for what cannot be done now.
        """
        if self.spec.memory.fuse == "never":
            return
        from .fusing import fuse_head

        space = self._open()
        try:
            fuse_head(space.engine, space.registry, self.spec.persona, self._way, self._between_turns)
        except NightStopped:
            pass
        except DormouseError as error:
            space.warnings.append(str(error))

    @contextmanager
    def _no_night(self) -> Iterator[None]:
        """Once the night that is running has ended, and while none is begun."""
        with self._night_lock:
            if self._night is not None:
                self._way.lift(SOMEBODY)
                self._night.join()
            yield
