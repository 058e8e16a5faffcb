"""What of a recalled turn may be shown: nobody else's words, and nothing that was forgotten.

Promise: loads what it judges by only once there is a turn to judge, since a question may find none. How words
are judged stands in `sleep.taint` and `sleep.forgetting`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sleep.forgetting import Scrubber
    from .workspace import Workspace


_STAYING = ("admitted", "consolidated")


def screen(space: Workspace) -> Callable[[str], str]:
    """For one recall: a turn's own words, without what is forgotten now; "" when nothing remains."""
    scrubber = cache(lambda: _scrubber(space))

    def own(text: str) -> str:
        from ..sleep.taint import own_words

        words = own_words(text)
        # Sentences that hold the forgotten are left out whole: what stands around it tells of it too.
        return "" if words and _changes(scrubber(), words) else words

    return own


def spoken_of(space: Workspace) -> Callable[[str], bool]:
    """For recall: whether a text speaks of something forgotten, and so is not to be shown."""
    return lambda text: _changes(_scrubber(space), text)


def _scrubber(space: Workspace) -> Scrubber | None:
    """Takes out what is forgotten and not allowed again; None while nothing is."""
    stones = space.journal.tombstones()
    if not stones:
        return None
    from ..sleep.fingerprint import active
    from ..sleep.forgetting import eraser

    prints = active(stones)
    staying = [memory for memory in space.journal.memories() if memory.state in _STAYING]
    return eraser(prints, staying, "told") if prints else None


def _changes(scrub: Scrubber | None, text: str) -> bool:
    return scrub is not None and scrub(text) != text
