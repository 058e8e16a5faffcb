"""What the screens need of an agent: an embedded one and one behind a daemon's door are used alike.

Promise: nothing else of an agent is called from `tui/app`. Knows signatures; nothing of who implements them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ...graphs.context import ContextView
    from ...graphs.events import Approve
    from ...memory.records import MemoryState, ToolCall
    from ...runtime.nights import NightView
    from ...runtime.receipts import Receipt
    from ...runtime.records import AdapterView, MemoryView, SessionView, Status, TurnView
    from ...runtime.spec import Spec
    from ...runtime.turns import ReplyStream
    from ...runtime.why import Explanation
    from ...sleep.records import NightReport, Progress


class Companion(Protocol):
    """An agent as the screens see it. Every call but `stream` may block, and is made in a thread."""

    @property
    def spec(self) -> Spec: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def new_session(self, session: str | None = None) -> str: ...

    def stream(
        self,
        text: str,
        session: str | None = None,
        *,
        approve: Approve | None = None,
        wait: bool = False,
        variation: int = 0,
    ) -> ReplyStream: ...

    def waiting(self) -> list[ToolCall]: ...

    def resume(
        self, call_id: int, approved: bool, *, approve: Approve | None = None, wait: bool = False
    ) -> ReplyStream: ...

    def overview(self) -> Status: ...

    def session_views(self) -> list[SessionView]: ...

    def transcript(self, session: str, *, withdrawn: bool = False) -> list[TurnView]: ...

    def turns_by_id(self, ids: Sequence[int]) -> list[TurnView]: ...

    def unread(self) -> list[TurnView]: ...

    def search(self, text: str, most: int = 20) -> list[TurnView]: ...

    def rename_session(self, session: str, title: str) -> None: ...

    def take_back(self, session: str) -> str: ...

    def memory_views(self, state: MemoryState | None = None) -> list[MemoryView]: ...

    def correct(self, memory: str, value: str) -> MemoryView: ...

    def forget(
        self,
        *ids: str,
        matching: str | None = None,
        now: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Receipt: ...

    def why(self, text: str) -> Explanation: ...

    def adapter(self, id: str | None = None) -> AdapterView | None: ...

    def nights(self) -> list[NightView]: ...

    def context(self, session: str) -> ContextView | None: ...

    def warm_up(self) -> None: ...

    def sleep(self, progress: Callable[[Progress], None] | None = None) -> NightReport: ...

    def watch_night(self, progress: Callable[[Progress], None]) -> NightReport | None: ...

    def daemon(self) -> Mapping[str, Any] | None: ...
