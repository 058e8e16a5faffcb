"""An agent's naps: when a session's context fills up, its oldest turns are learnt and then leave it.

Promise: a nap runs between turns in a thread of its own, and stands still for each turn; a night ends it, and
does its work. The work stands in `graphs.nap`; this says when one runs, and what is served after it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..graphs.leaving import Leaving
from ..memory.errors import DormouseError
from ..memory.home import cache_path
from ..memory.records import Nap
from ..sleep.errors import NightStopped
from ..verifiers.declared import close_all, for_memories
from .asking import means_of
from .neighbours import ONE_NAP
from .part import Part


def refusal(nap: Nap) -> str | None:
    """Why a nap could not be used, in a sentence; None where it could."""
    if nap.state not in ("rejected", "failed"):
        return None
    how = "failed its exam" if nap.state == "rejected" else "could not be used"
    return f"Nap {nap.id} {how}: {'; '.join(nap.report['reasons'])}"


class Napping(Part):
    """The napping part of an agent."""

    _nap: threading.Thread | None
    _nap_lock: threading.Lock

    @property
    def napping(self) -> bool:
        """Whether a nap is running now."""
        return self._nap is not None and self._nap.is_alive()

    def wait_for_nap(self) -> None:
        """Return once no nap runs."""
        nap = self._nap
        if nap is not None:
            nap.join()

    def naps(self) -> list[Nap]:
        """Every nap that has ended, the first one first."""
        return self._open().journal.naps()

    def _nap_after(self, session: str) -> None:
        """See to it that this session has room for its next turns; returns at once."""
        if (
            not self.spec.memory.context.nap.passes
            or self._closed
            or not self._nap_lock.acquire(blocking=False)
        ):
            return
        try:
            if not self.napping:
                self._nap = threading.Thread(
                    target=self._nap_if_due, args=(session,), name="dormouse-nap", daemon=True
                )
                self._nap.start()
        finally:
            self._nap_lock.release()

    @contextmanager
    def _no_nap(self) -> Iterator[None]:
        """Once the nap that is running has been ended, and while none is begun."""
        with self._nap_lock:
            if self.napping:
                self._way.interrupt(self.wait_for_nap)
            yield

    def _nap_if_due(self, session: str) -> None:
        if not ONE_NAP.acquire(blocking=False):
            return  # the next turn asks again
        try:
            while (found := self._wake.leaving(session)) is not None:
                self._nap_on(found)
        except NightStopped:
            pass  # nothing has changed: the text is still there
        except DormouseError as error:
            if not self._closed:
                self._space.warnings.append(str(error))
        finally:
            ONE_NAP.release()

    def _nap_on(self, found: Leaving) -> None:
        from ..graphs.aside_engine import AsideEngine
        from ..graphs.nap import run_nap
        from ..graphs.night import NightContext

        space = self._open()
        engine = AsideEngine(space.engine, self._way, self._between_turns)
        context = NightContext(
            home=space.home,
            journal=space.journal,
            registry=space.registry,
            engine=engine,
            base=space.base,
            cache=cache_path(),
            settings=self.spec.sleep,
            exam=self.spec.sleep.nap.exam,
            persona=self.spec.persona,
            seed=self.spec.sleep.seed + len(space.journal.naps()),
            verifiers=for_memories(self.spec.verifiers, means_of(self.spec, lambda: engine)),
            serve_as=self.spec.model.serve_as,
            way=self._way,
        )
        passes = self.spec.memory.context.nap.passes
        try:
            nap = run_nap(context, found, passes, space.home.nap_path)
        finally:
            close_all(context.verifiers)
        self._end_nap(nap)

    def _end_nap(self, nap: Nap) -> None:
        """Write it down, serve what it made, and compute anew what the session's context begins with."""
        space = self._open()
        with self._between_turns():  # a turn has one stack from its first token to its last
            nap = space.journal.record_nap(nap)
            if nap.state == "published":
                space.mount_head(space.engine)
        if refused := refusal(nap):
            space.warnings.append(refused)
        served = space.journal.day_adapter()
        space.registry.discard(day.id for day in space.registry.days() if day.id != served)
        if nap.state in ("published", "nothing-new"):
            self._wake.warm(nap.session_id, lambda: self._way.held)
