"""Tier 1, the journal: every turn, memory and night, on the disk before the call that writes it returns.

Opens and closes it; the days are in `conversation` and `traces`, the nights in `learning`, naps in `napping`,
forgetting in `erasing`, the database in `sqlite_store`.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from .conversation import Conversation
from .erasing import Erasing
from .learning import Learning
from .napping import Napping
from .records import (
    CallState,
    ExamAnswer,
    Judgement,
    Memory,
    MemoryState,
    Nap,
    NapState,
    Night,
    NightState,
    Session,
    Tombstone,
    ToolCall,
    Turn,
    TurnState,
    Verdict,
    memory_id,
)
from .sqlite_store import SqliteStore
from .traces import Traces

__all__ = [
    "CallState",
    "ExamAnswer",
    "Journal",
    "Judgement",
    "Memory",
    "MemoryState",
    "Nap",
    "NapState",
    "Night",
    "NightState",
    "Session",
    "Tombstone",
    "ToolCall",
    "Turn",
    "TurnState",
    "Verdict",
    "memory_id",
]


class Journal(Conversation, Learning, Napping, Traces, Erasing):
    """The journal of one home, in SQLite; a context manager, safe to use from several threads.

    An older journal is migrated as it is opened. Turns that a dead process left pending become interrupted,
    and calls it was making lost, so only the home's owner may open it for writing. With `read_only` nothing
    is written, and a journal that is not there yet reads as an empty one.

    Raises JournalTooNew, JournalDamaged, JournalBusy, JournalError, HomeNotWritable and DiskFull, as does
    every method; UnknownRecord where an id names nothing.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._store = SqliteStore(path, read_only=read_only)
        if not read_only:
            self.lose_running_calls()
            self.interrupt_pending()

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
