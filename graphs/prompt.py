"""Tier 0 of a turn: the persona, what the journal recalls, the session so far, and the new words.

Promise: an answer fits behind it, and a decision about tools with what comes of it. Reads the journal and
writes nothing; how messages are chosen stands in `context`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache

from ..memory.engine import Message, Role, WakeEngine
from ..memory.errors import EngineError
from ..memory.journal import Journal, Turn
from ..memory.settings import MemorySettings
from .calls import Calls
from .context import ContextView, Screen, fit, keywords, own_words_of, recalled, spoken
from .decision import SPARE_TOKENS
from .leaving import Leaving, Opening, leaving, opening
from .running import WakeTurn

Search = Callable[[str, int], Sequence[Turn]]

_MORE_HITS = 8  # how many more hits are asked for than shown, since those in view are left out
_COUNTED = 512  # texts whose tokens are remembered
_LEAST_CALL_TOKENS = 160  # room that a decision has at least


class PromptBuilder:
    """Puts the messages of a turn together. `engine` is called for the engine when one is first needed.

    `calls` are what the turn may make, `screen` is opened for each recall, and `search` finds the (at most so
    many) turns nearest to a text; without it the journal's own words are searched.
    """

    def __init__(
        self,
        engine: Callable[[], WakeEngine],
        journal: Journal,
        calls: Calls,
        *,
        persona: str,
        memory: MemorySettings,
        screen: Callable[[], Screen],
        search: Search | None = None,
    ) -> None:
        self._open_engine = engine
        self._journal = journal
        self._calls = calls
        self._persona = persona
        self._memory = memory
        self._screen = screen
        self._search = search or self._by_words

    @cached_property
    def _counted(self) -> Callable[[str], int]:
        """Counts tokens; what a session said before was counted at its last turn."""
        return lru_cache(_COUNTED)(lambda text: self._engine.count(text))

    @cached_property
    def _engine(self) -> WakeEngine:
        return self._open_engine()

    def build(self, turn: WakeTurn, heard: int | None) -> tuple[list[Message], tuple[int, ...]]:
        """A turn's messages, and the ids of the turns recalled in them. `heard` is its own id, if any."""
        began = self._opening(turn.session_id)
        history = spoken([said for said in began.turns if said.id != heard])
        text, sources = self._looked_up(turn, heard, began.persona, history) if turn.recall else ("", ())
        return self._fitted(began.persona, text, history, turn.text), sources

    def view(self, session_id: str) -> ContextView:
        """What of a session the next turn would be answered with, before the turn itself."""
        began = self._opening(session_id)
        history = spoken(began.turns)
        room = self.room("")
        messages = self._fitted(began.persona, "", history, "")
        kept = len(messages) - 2  # the persona, and the turn that is not there yet
        return ContextView(
            tokens=self._engine.count_messages(messages),
            room=room,
            capacity=self._engine.context_tokens,
            messages=kept,
            left_out=max(0, len(history) - kept - (1 if messages[-1].content else 0)),
        )

    def beginning(self, session_id: str) -> list[Message]:
        """What the next turn's messages begin with, as far as it is known before the turn."""
        began = self._opening(session_id)
        return self._fitted(began.persona, "", spoken(began.turns), "")[:-1]

    def leaving(self, session_id: str) -> Leaving | None:
        """What must leave a session's context before it overflows; None while there is room."""
        nap, count = self._memory.context.nap, self._engine.count
        fixed = count(self._opening(session_id).persona)
        return leaving(self._journal, session_id, fixed, self.room(""), nap, count)

    def room(self, question: str) -> int:
        """The tokens the messages may take, so that an answer fits, and a decision with what comes of it."""
        spare = self._memory.context.max_answer_tokens + SPARE_TOKENS
        if self._calls.tools:
            words = self._calls.deciding_tokens(self._engine, question)
            result = min(self._calls.result_tokens, self._engine.context_tokens // 4)
            spare += words + max(_LEAST_CALL_TOKENS, result)
        return max(1, self._engine.context_tokens - spare)

    def takes(self, *roles: Role) -> bool:
        """Whether the base's chat template takes messages of these roles in this order."""
        try:
            self._engine.render([Message(role, "x") for role in roles])
        except EngineError:
            return False
        return True

    def _opening(self, session_id: str | None) -> Opening:
        if session_id is None:
            return Opening(self._persona, ())
        nap = self._memory.context.nap
        return opening(self._journal, session_id, self._persona, nap, self._engine.count)

    def _looked_up(
        self, turn: WakeTurn, heard: int | None, persona: str, history: list[Message]
    ) -> tuple[str, tuple[int, ...]]:
        """What the journal recalls that is not in view anyway: other sessions, and what fell out of this
        one.
        """
        settings = self._memory.recall
        if not settings.enabled:
            return "", ()
        k = settings.top_k + _MORE_HITS + len(history)
        found = [said for said in self._search(turn.text, k) if said.id != heard]
        view = "\n".join(message.content for message in self._fitted(persona, "", history, turn.text))
        hits = own_words_of(found, self._screen(), view)
        return recalled(hits[: settings.top_k], settings.budget_tokens, self._engine.count)

    def _by_words(self, text: str, k: int) -> list[Turn]:
        return [said for said, _ in self._journal.search(keywords(text), k)]

    @cached_property
    def _aside_late(self) -> bool:
        """Whether the base's chat template takes a system message after the first."""
        return self.takes("system", "user", "assistant", "system", "user")

    def _fitted(self, persona: str, aside: str, history: list[Message], newest: str) -> list[Message]:
        budget = room = self.room(newest)
        while True:
            messages = fit(
                persona,
                aside,
                history,
                newest,
                budget,
                self._counted,
                aside_late=self._aside_late,
            )
            over = self._engine.count_messages(messages) - room
            if over <= 0 or budget <= over:  # what cannot fit at all is the engine's to refuse
                return messages
            budget -= over
