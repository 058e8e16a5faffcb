"""How much longer a turn waits for its first token than the same turn would alone.

Promise: each turn is compared with itself: an engine of its own reads what the chat had computed before it
under the same adapters, then what the turn asked for, while nothing else runs. What a turn takes beside its
tokens (journal, graph, gate) is known from turns that nothing could have delayed. Knows nothing of naps.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ...memory.engine import Mount, Sampling, WakeEngine
from ...memory.llama_context import KEPT_CACHES
from ..agent import Agent
from .watched_engine import Watched, WatchedEngine


@dataclass(frozen=True, slots=True)
class FirstToken:
    """Seconds to a turn's first token: of the turn `took`, of which the same computation takes `alone`,
    after `read` tokens of the prompt that were not computed yet. `mounted`: there was an adapter to be asked
    whether it answers.
    """

    took: float
    alone: float
    read: int
    mounted: bool
    disturbed: bool

    @property
    def beside(self) -> float:
        return self.took - self.alone


@dataclass(frozen=True, slots=True)
class _Taken:
    took: float
    before: Watched | None
    answer: Watched
    mounted: bool
    disturbed: bool


class TurnDelays:
    """Takes an agent's turns, on its engine `watched`; `alone` serves the same file and nobody else."""

    def __init__(self, agent: Agent, watched: WatchedEngine, alone: WakeEngine) -> None:
        self._agent, self._watched, self._alone = agent, watched, alone
        self._taken: list[_Taken] = []
        self._computed: dict[tuple[str, ...], Watched] = {}  # by stack, the last one last
        self.measured: list[FirstToken] = []

    def say(self, words: str, session: str, disturbed: bool) -> int:
        """One turn; returns the tokens of the answer."""
        # Turns begin their answers themselves; what was begun for them is the disturbance's own.
        self._note([each for each in self._watched.answers if not each.prefill])
        self._watched.answers.clear()
        stack = self._watched.mounted
        kept = self._alone.kept(stack)  # whose files may be gone when it is compared
        began = time.perf_counter()
        with self._agent.stream(words, session) as pieces:
            for _ in pieces:
                pass
            said = pieces.reply.tokens
        answer = next((each for each in self._watched.answers if each.times), None)
        if answer is not None:
            before = self._computed.get(_names(answer.stack))
            answer = replace(answer, stack=kept if answer.stack else ())
            took = answer.times[0] - began
            self._taken.append(_Taken(took, before, answer, bool(stack), disturbed))
        return said

    def _note(self, answers: Iterable[Watched]) -> None:
        """What the engine has computed since; it keeps that of a few stacks."""
        for each in answers:
            self._computed.pop(_names(each.stack), None)
            self._computed[_names(each.stack)] = each
        for stack in [*self._computed][:-KEPT_CACHES]:
            del self._computed[stack]

    def compare(self, undisturbed: int) -> None:
        """Measure what was disturbed since the last call, and so many of the other turns. Nothing else may
        run.
        """
        others = [each for each in self._taken if not each.disturbed][-undisturbed:] if undisturbed else []
        for taken in [*(each for each in self._taken if each.disturbed), *others]:
            seconds, read = first_token(self._alone, taken.before, taken.answer)
            self.measured.append(FirstToken(taken.took, seconds, read, taken.mounted, taken.disturbed))
        self._taken.clear()


def first_token(alone: WakeEngine, before: Watched | None, answer: Watched) -> tuple[float, int]:
    """(seconds to the first token, tokens of the prompt read for it) on an engine that has computed what
    came `before` under the same adapters, or under these nothing.
    """
    if before is not None:
        alone.logits([*before.prompt, *before.tokens[:-1]], adapters=answer.stack)  # the last is never read
    else:  # nothing that was computed can be used again
        alone.logits(answer.prompt[-1:], adapters=answer.stack)
    began = time.perf_counter()
    asked = alone.stream(
        answer.messages, Sampling(max_tokens=1), adapters=answer.stack, prefill=answer.prefill
    )
    with asked as tokens:
        next(tokens, None)
        seconds = time.perf_counter() - began
        for _ in tokens:
            pass
    return seconds, asked.completion.prompt_tokens - asked.completion.reused_tokens


def delays(measured: Iterable[FirstToken]) -> list[float]:
    """Seconds by which each disturbed turn was late, never below 0, over the median of others that had an
    adapter to ask as well, or had none; what has no such others is not known.
    """
    known = list(measured)
    found = []
    for mounted in (False, True):
        usual = [each.beside for each in known if not each.disturbed and each.mounted is mounted]
        late = [each.beside for each in known if each.disturbed and each.mounted is mounted]
        found += [max(0.0, each - statistics.median(usual)) for each in late] if usual else []
    return found


def _names(stack: Sequence[Mount]) -> tuple[str, ...]:
    return tuple(mount.name for mount in stack)
