"""What can be seen and set right in an agent's home while it runs: sessions, memories, adapters, nights.

Promise: none of these waits for a turn or a night. The work stands in `conversations` and `views`; this says
which of it an agent offers, wherever it is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import conversations
from .part import Part
from .records import AdapterView, MemoryView, SessionView, Status, TurnView

if TYPE_CHECKING:
    from ..graphs.context import ContextView
    from ..memory.episodes.records import StoreState
    from ..memory.records import MemoryState
    from .nights import NightView


class Browsing(Part):
    """The looking part of an agent. Raises JournalError, and UnknownRecord where an id names nothing."""

    def overview(self) -> Status:
        """What it holds now, and what it serves."""
        from .views import status

        return status(self._open())

    def session_views(self) -> list[SessionView]:
        """Every session that something was said in, the one spoken in last first."""
        return conversations.session_views(self._open().journal)

    def transcript(self, session: str, *, withdrawn: bool = False) -> list[TurnView]:
        """A session's turns with their tool calls, in order; those taken back only if asked for."""
        return conversations.transcript(self._open().journal, session, withdrawn)

    def turns_by_id(self, ids: Sequence[int]) -> list[TurnView]:
        """These turns, in the order asked for; one that is gone is left out."""
        return conversations.turns_by_id(self._open().journal, ids)

    def unread(self) -> list[TurnView]:
        """The turns that the next night will read, in order."""
        journal = self._open().journal
        return [conversations.turn_view(journal, turn) for turn in journal.unharvested()]

    def search(self, text: str, most: int = 20) -> list[TurnView]:
        """The user turns of any session nearest to `text`, the nearest first."""
        journal = self._open().journal
        return [conversations.turn_view(journal, turn) for turn, _ in journal.search(text, most)]

    def rename_session(self, session: str, title: str) -> None:
        """Give a session a title; "" gives it back its own. Raises BadInput for a long one."""
        self._open().journal.rename_session(session, title)

    def take_back(self, session: str, turn: int | None = None) -> str:
        """Withdraw a session's last exchange, to be said again; returns what the user had said.

        It stays on record, and is not recalled, shown to the model or learnt any more. `turn` names the
        user's turn that is meant: another one is never withdrawn, and this one not twice. Raises BadInput.
        """
        space = self._open()
        turns = conversations.take_back(space.journal, session, turn)
        space.leave_out(turn.id for turn in turns)
        return turns[0].content

    def memory_views(self, state: MemoryState | None = None) -> list[MemoryView]:
        """Every memory, or those in one state, with the words each rests on; the oldest first."""
        from .views import memory_views

        return memory_views(self._open(), state)

    def correct(self, memory: str, value: str, *, once: str | None = None) -> MemoryView:
        """Have a memory say `value` from now on: a new one takes its place, and the next night teaches it.

        With `once`, an idempotency key, the same call made again corrects nothing again. Raises BadInput for
        one that does not hold any more.
        """
        from .views import show

        space = self._open()
        found = show(space, conversations.correct(space.journal, memory, value, once).id)
        assert isinstance(found, MemoryView)
        return found

    def adapter(self, id: str | None = None) -> AdapterView | None:
        """An adapter with its exam, by its id or the start of it; without one, that being served, if any."""
        from .views import show, status

        space = self._open()
        if id is None and (id := status(space).adapter) is None:
            return None
        found = show(space, id)
        return found if isinstance(found, AdapterView) else None

    def nights(self) -> list[NightView]:
        """Every night, the first one first."""
        from .nights import night_views

        return night_views(self._open().journal)

    def store_state(self) -> StoreState:
        """What the index of earlier turns holds, once it has read the whole journal. Raises StoreError."""
        episodes = self._open().episodes
        episodes.follow()
        return episodes.state()

    def reindex_store(self, progress: Callable[[int, int], None] | None = None) -> StoreState:
        """Make every word and vector of the index anew; `progress` is given turns done and turns in all.

        Raises StoreError, and BadEmbedder and the like.
        """
        episodes = self._open().episodes
        episodes.reindex(progress)
        return episodes.state()

    def compact_store(self) -> tuple[int, int]:
        """Merge what grew in pieces in it, and give room back: bytes before, and now. Raises StoreError."""
        return self._open().episodes.compact()

    def daemon(self) -> Mapping[str, Any] | None:
        """What the daemon that owns the home says of itself (DaemonStatus); None where there is none."""
        return None

    def warm_up(self) -> None:
        """Open the engine, so that the first turn finds it open. Raises BaseWeightsError, EngineError."""
        _ = self._open().engine

    def context(self, session: str) -> ContextView | None:
        """How full the context is for a session's next turn; None until the engine has been opened."""
        return self._wake.view(session) if self._open().engine_open else None
