"""The canary by day: which version answers a turn, what was seen of it, and whether it is kept.

Promise: all of it follows from the journal and the registry's log, so that a kill loses nothing; every step
is in that log. How answers are compared stands in `sleep/canary.py`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from ..graphs.evidence import unpack
from ..memory.adapters import BARE_BASE, LogEntry, Registry
from ..memory.engine import Message, Mount
from ..memory.errors import AdapterError, EngineError
from ..memory.journal import Journal, Judgement, ToolCall, Turn
from ..sleep.canary import SIGNS, Signs, answers_new, ruled, signs_of
from ..sleep.settings import CanarySettings
from ..sleep.statements import statement_of, unfounded
from ..verifiers.support import stands_in
from .records import CanaryView
from .workspace import Workspace

JUDGE = "canary"
"""The name under which the journal keeps that an answer was found strange."""
TOLD = "told"
"""The name under which it keeps that an answer states of the user what nothing told bears out."""
_SCORED_CHARS = 600
_MOST_FOUND = 64


class Canary:
    """Watches the version that HEAD names, where the log says that it is watched."""

    def __init__(self, space: Workspace, settings: CanarySettings, persona: str) -> None:
        self._space, self._settings, self._persona = space, settings, persona

    def stack(self, turn_id: int) -> Sequence[Mount] | None:
        """The adapters that answer the user's turn of that id; None for those mounted. While a version is
        watched both also answer what they would open as nobody would, so that this is seen of them.
        """
        if not self._settings.turns or not self._space.home.adapters_path.exists():
            return None
        watched = self._space.registry.watched()
        if watched is None:
            return None
        before = None
        if not answers_new(_id(watched), turn_id, self._settings.share):
            before = self._before(watched)
        stack = self._space.engine.mounted if before is None else before
        return tuple(replace(mount, watched=True) for mount in stack)

    def answered(self, turn_id: int | None, given: Sequence[str] = ()) -> None:
        """Look at an answer that was just journaled, and keep or roll back the version if that is decided.

        `given` are words that were before it and may stand in no journal, such as an app's system prompt.
        """
        if turn_id is None or not self._settings.turns:
            return
        turn = self._space.journal.turn(turn_id)
        self._weigh(turn, given)
        if not self._space.home.adapters_path.exists():
            return
        registry = self._space.registry
        watched = registry.watched()
        if watched is None:
            return
        self._look(watched, turn)
        new, before = seen(self._space.journal, watched, self._settings)
        found = ruled(new, before, self._settings)
        if found.ruling == "promote":
            registry.promote(found.reason)
        elif found.ruling == "rollback":
            self._roll_back(watched, found.reason)

    def _roll_back(self, watched: LogEntry, reason: str) -> None:
        space = self._space
        try:
            target = space.registry.rollback(watched.previous or BARE_BASE, reason)
        except AdapterError:  # the one before may not serve any more
            target = space.registry.rollback(None, reason)
        space.mount_head(space.engine)
        now = f"version {target.id}" if target else "the bare base"
        space.warnings.append(
            f"Version {watched.adapter} was rolled back ({reason}); {now} answers, "
            "and the next night learns again what it does not hold."
        )

    def _before(self, watched: LogEntry) -> Sequence[Mount] | None:
        """What the version before is served with; None when it may not serve."""
        if watched.previous is None:
            return ()
        try:
            return (self._space.registry.mount(watched.previous),)
        except AdapterError:
            return None

    def _weigh(self, turn: Turn, given: Sequence[str]) -> None:
        """Journals why nothing told bears out what an answer states of the user, where that is so.

        Whoever gave the answer: what a later version is compared with is weighed as it is.
        """
        began, journal = time.perf_counter(), self._space.journal
        said = statement_of(turn.content)
        if said is None or turn.reply_to is None or _calls_for(journal, turn):
            return
        if any(stands_in(said.value, text) for text in (self._persona, *given)):
            return
        standing = [*journal.memories("consolidated"), *journal.memories("admitted")]

        def search(words: str) -> list[Turn]:
            return [found for found, _ in journal.search(words, _MOST_FOUND, untrusted=True)]

        why = unfounded(said, journal.turn(turn.reply_to).content, standing, search)
        if why is not None:
            journal.add_judgements(
                [Judgement(turn.id, None, TOLD, "failed", why, time.perf_counter() - began)]
            )

    def _look(self, watched: LogEntry, turn: Turn) -> None:
        """Journals how strange the version before finds the new one's answer, where it is strange."""
        if turn.reply_to is None or not _is_new(watched, turn, self._settings.share):
            return
        nats = self._nats(watched, turn)
        if nats is not None and not nats <= self._settings.strange_nats:
            words = f"the version before finds it unlikely: {nats:.1f} nats a token"
            self._space.journal.add_judgements([Judgement(turn.id, None, JUDGE, "failed", words, 0.0)])

    def _nats(self, watched: LogEntry, turn: Turn) -> float | None:
        """How unlikely the version before finds the answer's beginning; None if unknown."""
        stack, said = self._before(watched), turn.content[:_SCORED_CHARS]
        if stack is None or not said.strip() or turn.reply_to is None:
            return None
        asked = self._space.journal.turn(turn.reply_to).content[-4 * _SCORED_CHARS :]
        messages = [Message("system", self._persona), Message("user", asked)]
        engine = self._space.engine
        try:
            return _unlikely(
                engine.tokenize(said, special=False), engine.score(messages, said, adapters=stack)
            )
        except EngineError:
            return None


def seen(journal: Journal, watched: LogEntry, settings: CanarySettings) -> tuple[list[Signs], list[Signs]]:
    """What was seen of the new version's answers since it is watched, and of the answers before: those the
    version before gave meanwhile, and the last ones from before.
    """
    since = journal.answers(watched.at)
    new = [turn for turn in since if _is_new(watched, turn, settings.share)][: settings.turns]
    old = [turn for turn in since if not _is_new(watched, turn, settings.share)]
    missing = settings.turns_before - len(old)
    if missing > 0:
        old = [*journal.answers(watched.at, before=True, limit=missing), *old]
    return (
        [_signs(journal, turn, None, settings) for turn in new],
        [_signs(journal, turn, _own_nats(turn), settings) for turn in old[-settings.turns_before :]]
        if settings.turns_before
        else [],
    )


def canary_view(registry: Registry, journal: Journal, settings: CanarySettings) -> CanaryView | None:
    """How the version served is being watched; None when it is not."""
    watched = registry.watched()
    if watched is None or not settings.turns:
        return None
    new, before = seen(journal, watched, settings)
    return CanaryView(
        adapter=_id(watched),
        previous=watched.previous,
        since=watched.at,
        seen=len(new),
        turns=settings.turns,
        signs=_counts(new),
        seen_before=len(before),
        signs_before=_counts(before),
    )


def _counts(signs: Sequence[Signs]) -> dict[str, int]:
    return {name: sum(getattr(each, name) for each in signs) for name in SIGNS}


def _id(watched: LogEntry) -> str:
    assert watched.adapter is not None  # the bare base is never watched
    return watched.adapter


def _is_new(watched: LogEntry, turn: Turn, share: float) -> bool:
    return turn.reply_to is not None and answers_new(_id(watched), turn.reply_to, share)


def _signs(journal: Journal, turn: Turn, nats: float | None, settings: CanarySettings) -> Signs:
    """What one answer shows. That the new version's was strange is in the journal."""
    failed = {each.verifier for each in journal.judgements(turn.id) if each.outcome == "failed"}
    signs = signs_of(
        turn.content,
        failed=bool(failed - {JUDGE, TOLD}),
        unfounded=TOLD in failed,
        tool_error=_tool_failed(journal, turn),
        nats=nats,
        settings=settings,
    )
    return replace(signs, strange=True) if JUDGE in failed else signs


def _tool_failed(journal: Journal, turn: Turn) -> bool:
    """Whether a call made for this answer failed or was lost."""
    return any(call.state in ("failed", "lost") for call in _calls_for(journal, turn))


def _calls_for(journal: Journal, turn: Turn) -> list[ToolCall]:
    """The calls made for this answer."""
    said = journal.turns(turn.session_id)
    calls = [t.id for t in said if t.role == "tool" and t.reply_to == turn.reply_to]
    return [call for id in calls for call in journal.tool_calls(id)]


def _own_nats(turn: Turn) -> float | None:
    """How unlikely an answer was to the version that gave it."""
    if turn.evidence is None:
        return None
    try:
        tokens = unpack(turn.evidence)
    except ValueError:
        return None
    return _unlikely([token.id for token in tokens], [token.logprob for token in tokens])


def _unlikely(ids: Sequence[int], logprobs: Sequence[float]) -> float | None:
    """Mean negative log-probability (nats) of the tokens where each comes first; None of nothing.

    What goes round in circles is likely once it has begun to, and would hide that it is nonsense.
    """
    first: dict[int, float] = {}
    for id, logprob in zip(ids, logprobs, strict=True):
        first.setdefault(id, logprob)
    return -math.fsum(first.values()) / len(first) if first else None
