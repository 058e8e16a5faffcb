"""Forgetting on request, as an agent offers it: text at once, weights by the next night.

Promise: what is forgotten is not told again unless it is allowed. The work stands in `forgetting`; this says
what waits for what.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..graphs.wake import WakeTurn
from ..memory.journal import Tombstone
from .sleeping import Sleeping
from .talking import Talking

if TYPE_CHECKING:
    from ..sleep.records import Progress
    from .receipts import Receipt


class Unlearning(Talking, Sleeping):
    """The forgetting part of an agent, which talks to probe what was forgotten and sleeps to have it gone."""

    def forget(
        self,
        *ids: str,
        matching: str | None = None,
        now: bool = False,
        progress: Callable[[Progress], None] | None = None,
        once: str | None = None,
    ) -> Receipt:
        """Forget memories by id, or all that hold the words `matching`: text, index, files, weights.

        The text is gone when this returns; the weights are made anew by the next night, or with `now` before
        this returns, and are then probed. With `once`, an idempotency key, the same call made again forgets
        nothing again, and returns the receipt there is. Raises BadInput when nothing fits, UnknownRecord,
        NightFailed.
        """
        from . import forgetting

        space = self._open()
        with self._no_night(), self._no_nap(), self._between_turns():
            forgetting.finish_erasing(space)
            receipt = forgetting.erased(space, once) or forgetting.erase(
                space, forgetting.choose(space, ids, matching), once
            )
            if space.engine_open:
                space.mount_head(space.engine)  # a day adapter that held it is gone
        if now and forgetting.weights_pending(space):
            self._joined_night(progress, only_rebuild=True)
        finished = {done.id: done for done in self._settle()}
        return finished.get(receipt.id, receipt)

    def withheld(self, text: str) -> str:
        """What of a text may be told: what was forgotten is taken out of it."""
        from . import forgetting

        return forgetting.withheld(self._open(), text)

    def allow_again(self, texts: list[str]) -> None:
        """Allow what was forgotten, and stands in these texts, to be told and learnt again."""
        from . import forgetting

        forgetting.lift_told(self._open(), texts)

    def unforget(self, id: str) -> Tombstone:
        """Allow what was forgotten under this id to be told and learnt again; it does not bring it back.

        Raises UnknownRecord.
        """
        return self._open().journal.lift(id)

    def _settle(self) -> list[Receipt]:
        """Probe what nights have made anew without the forgotten."""
        from . import forgetting

        return forgetting.settle(self._open(), self._probe)

    def _probe(self, question: str, tiers: str) -> str:
        if tiers == "weights":
            return self.ask(question, "weights").answer
        if tiers == "both":
            return self.ask(question, "both").answer
        registry = self._space.registry
        head = registry.head()
        stack = (registry.mount(head.parent),) if head and head.parent else ()
        return self._take(WakeTurn(question, recall=False, tools=False, adapters=stack)).completion.text
