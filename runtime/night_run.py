"""A night being slept: run once, in a thread of its own, and watched by whoever asks.

Promise: everyone who joins is told of the progress made from then on, and given the same end; who only
watches is told from its beginning. Knows threads; nothing of what a night does.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sleep.records import NightReport, Progress

Watcher = Callable[["Progress"], None]


class Night:
    """One run of `sleep`, begun at once."""

    def __init__(self, run: Callable[[Watcher], NightReport]) -> None:
        self._watchers: list[queue.SimpleQueue[Progress | None]] = []
        self._changing = threading.Lock()
        self._report: NightReport | None = None
        self._error: BaseException | None = None
        self._told: list[Progress] = []
        self._joiners = 0
        self._over = False
        self._thread = threading.Thread(target=self._run, args=(run,), name="dormouse-night", daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self._over

    @property
    def last(self) -> Progress | None:
        """How far it is."""
        return self._told[-1] if self._told else None

    @property
    def joiners(self) -> int:
        """How many wait for it, or have waited."""
        return self._joiners

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def joined(self, watcher: Watcher | None = None) -> NightReport:
        """What came of it; `watcher` is called in this thread meanwhile. Raises what the night raised."""
        return self._followed(watcher)

    def watched(self, watcher: Watcher) -> NightReport:
        """As `joined`, for who did not ask for it: does not count as a joiner, and hears all of it so far."""
        return self._followed(watcher, asked=False)

    def _followed(self, watcher: Watcher | None, *, asked: bool = True) -> NightReport:
        told: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
        with self._changing:
            for earlier in () if asked else self._told:
                told.put(earlier)
            if not self._over:
                self._watchers.append(told)
                self._joiners += asked
            else:
                told.put(None)
        while (progress := told.get()) is not None:
            if watcher is not None:
                watcher(progress)
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._report is not None
        return self._report

    def _tell(self, progress: Progress | None) -> None:
        with self._changing:
            self._over = progress is None
            if progress is not None:
                self._told.append(progress)
            for told in self._watchers:
                told.put(progress)

    def _run(self, run: Callable[[Watcher], NightReport]) -> None:
        try:
            self._report = run(self._tell)
        except BaseException as error:  # noqa: BLE001 (raised to everyone who joined, whatever it is)
            self._error = error
        finally:
            self._tell(None)
