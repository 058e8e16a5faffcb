"""Who may use the machine: a turn, at once; a night, while nothing holds it up.

Promise: when `hold` returns, the work a night registered has been paused; it goes on once nothing has held
the way for `resume_after_s`. Knows threads and time; nothing of engines, training or idleness.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from .errors import NightStopped

TURN = "a turn"
SOMEBODY = "somebody at the machine"
"""Holds up the nights a daemon begins by itself, and no others."""


class Pausable(Protocol):
    """Work that can be halted from outside. No call may take long, raise, or use the right of way."""

    def pause(self) -> None: ...

    def resume(self, held_s: float) -> None:
        """Go on, after so many seconds."""

    def stop(self) -> None:
        """End, for good; it may be paused."""


class RightOfWay:
    """Shared by the turns and the night of one home. Any thread may call any of it.

    A hold has a reason, a short clause; the same reason may be held several times over, and the way is free
    once each was released. `resume_after_s` is how long it stays closed after that, so that a night does not
    start and stop between two turns of a conversation.
    """

    def __init__(self, resume_after_s: float = 0.0) -> None:
        self._resume_after_s = resume_after_s
        self._changed = threading.Condition()
        self._holds: Counter[str] = Counter()
        self._free_at = 0.0
        self._stopped = self._interrupted = False
        self._working: Pausable | None = None
        self._held_since: float | None = None
        self._held_s = 0.0
        self.pauses = 0
        """How often something that was running had to stop."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """What holds the night up now."""
        with self._changed:
            return tuple(+self._holds)

    @property
    def held(self) -> bool:
        """Whether the night must not compute now."""
        with self._changed:
            return not self._free()

    def begin(self) -> None:
        """A night begins: what held the way before, and holds it no more, does not delay it."""
        with self._changed:
            self._free_at, self._held_s, self.pauses = 0.0, 0.0, 0
            self._held_since = time.monotonic() if +self._holds else None

    def hold(self, reason: str) -> None:
        """Stop the night, now."""
        with self._changed:
            self._holds[reason] += 1
            if self._held_since is None:
                self._held_since = time.monotonic()
                if self._working is not None:
                    self._working.pause()
                    self.pauses += 1
            self._changed.notify_all()

    def release(self, reason: str) -> None:
        """Take one hold back. What is not held is left as it is."""
        with self._changed:
            if not self._holds[reason]:
                return
            self._holds[reason] -= 1
            if not +self._holds:
                # Only turns come in conversations; for other reasons nobody gains by waiting.
                self._free_at = time.monotonic() + (self._resume_after_s if reason == TURN else 0.0)
            self._changed.notify_all()

    def lift(self, reason: str) -> None:
        """Take every hold of this reason back."""
        while reason in self.reasons:
            self.release(reason)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Around a turn, from before it waits for anything until it has been answered."""
        self.hold(TURN)
        try:
            yield
        finally:
            self.release(TURN)

    def wait(self) -> None:
        """Return once the night may compute. Raises NightStopped when it may not any more."""
        with self._changed:
            while not self._ending and not self._free():
                self._changed.wait(self._wait_s())
            if self._ending:
                raise NightStopped
            self._settle()

    def must_go_on(self) -> None:
        """Raises NightStopped when the night was told to end."""
        if self._ending:
            raise NightStopped

    @property
    def held_s(self) -> float:
        """Seconds the night has been held up in all, so far."""
        with self._changed:
            now = time.monotonic()
            return self._held_s + (now - self._held_since if self._held_since is not None else 0.0)

    @contextmanager
    def pausing(self, work: Pausable) -> Iterator[None]:
        """While in the block, `work` is paused by whoever holds the way first, before `hold` returns, and
        resumed once it is free again.
        """
        over = threading.Event()

        def keep_resuming() -> None:
            with self._changed:
                while not over.is_set() and not self._ending:
                    if self._held_since is None:
                        self._changed.wait()
                    elif self._free():
                        work.resume(self._settle())
                    else:
                        self._changed.wait(self._wait_s())

        with self._changed:
            self._working = work
            if self._ending:
                work.stop()
            elif self._held_since is not None:
                work.pause()
        resumer = threading.Thread(target=keep_resuming, name="dormouse-resume", daemon=True)
        resumer.start()
        try:
            yield
        finally:
            with self._changed:
                self._working = None
                over.set()
                self._changed.notify_all()
            resumer.join()

    def stop(self) -> None:
        """End the night wherever it is: it raises NightStopped, and can be gone on with later."""
        self._end(for_good=True)

    def interrupt(self, join: Callable[[], None]) -> None:
        """End what is running, as `stop` does, but nothing after it: `join` returns when it has ended."""
        self._end(for_good=False)
        try:
            join()
        finally:
            with self._changed:
                self._interrupted = False

    def _end(self, *, for_good: bool) -> None:
        with self._changed:
            self._interrupted = True
            self._stopped = self._stopped or for_good
            if self._working is not None:
                self._working.stop()
            self._changed.notify_all()

    @property
    def _ending(self) -> bool:
        return self._stopped or self._interrupted

    def _free(self) -> bool:
        return not +self._holds and time.monotonic() >= self._free_at

    def _wait_s(self) -> float | None:
        """How long the way stays closed; None when only a release can open it."""
        return None if +self._holds else max(0.0, self._free_at - time.monotonic())

    def _settle(self) -> float:
        """Book the time the way was held, which is over now; returns it."""
        if self._held_since is None:
            return 0.0
        held_s = time.monotonic() - self._held_since
        self._held_s += held_s
        self._held_since = None
        return held_s
