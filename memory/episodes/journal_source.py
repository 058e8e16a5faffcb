"""The journal as the source of episodes: what the user said, turn by turn. Knows nothing of the index."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..journal import Journal
from .records import Episode


class JournalSource:
    """The user's turns of one journal. A journal is one user's, so no name stands with them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def after(self, id: int, limit: int) -> Sequence[Episode]:
        return [
            Episode(turn.id, turn.session_id, "", turn.created_at, turn.content)
            for turn in self._journal.said_after(id, limit)
        ]

    def count(self, upto: int) -> int:
        return self._journal.count_said(upto)

    def ids(self, upto: int) -> Collection[int]:
        return self._journal.said_ids(upto)
