"""Turns the bytes of generated tokens into text that may be shown.

Promise: every piece given out is whole UTF-8, and no stop string, nor the beginning of one that came true,
is ever given out. Knows nothing of tokens or models.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class AnswerText:
    """Collects one answer's bytes; holds back what may still become a stop string or a whole character."""

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._stop = tuple(stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self.stopped = False

    def push(self, piece: bytes) -> str:
        """The text that became certain with `piece`; sets `stopped` when a stop string is complete."""
        text = self._held + self._decoder.decode(piece)
        if not self._stop:
            return text
        found = min((at for at in (text.find(stop) for stop in self._stop) if at >= 0), default=-1)
        if found >= 0:
            self.stopped, self._held = True, ""
            return text[:found]
        hold = self._undecided(text)
        self._held = text[len(text) - hold :]
        return text[: len(text) - hold]

    def flush(self) -> str:
        """What was held back, once no more bytes come. The bytes of an unfinished character are dropped."""
        text, self._held = self._held, ""
        return text

    def _undecided(self, text: str) -> int:
        """Length of the longest end of `text` that begins a stop string."""
        longest = min(max(map(len, self._stop)) - 1, len(text))
        for length in range(longest, 0, -1):
            end = text[-length:]
            if any(stop.startswith(end) for stop in self._stop):
                return length
        return 0
