"""The wake engine as a nap uses it: a night's, which never computes in the context that a session is kept in.

Promise: after a nap has asked it anything, the next turn still finds its session computed. Knows nothing of
naps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..memory.engine import GREEDY, Completion, Message, Mount, Sampling
from .night_engine import NightEngine


class AsideEngine(NightEngine):
    """`complete` goes the way of `complete_all`, for which the engine has a context of its own."""

    def complete(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Completion:
        asked = [(messages, sampling)]
        return self.complete_all(asked, adapters=adapters, prefills=[prefill], cancelled=cancelled)[0]
