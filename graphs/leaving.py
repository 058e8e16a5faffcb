"""What is to leave a session's context, what has left it, and the summary that stays of it.

Promise: a turn leaves when a nap has read it, and whole exchanges leave; the summary holds nothing but
memories made of turns that left, the newest within its tokens. Knows records and a way to count tokens;
nothing of training.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from ..memory.journal import Journal
from ..memory.records import Memory, Turn
from ..memory.settings import NapSettings
from ..sleep.harvest import HarvestedTurn

Count = Callable[[str], int]

_OVERHEAD_TOKENS = 8  # what a chat template spends on one message
_SUMMARY = "Earlier in this talk: "
_AGAIN = 0.5  # share of what a nap takes out that must be new before a nap that failed is tried again


@dataclass(frozen=True, slots=True)
class Leaving:
    """What a nap is to read: the turns of a session after the last nap's, up to the turn `upto`."""

    session_id: str
    upto: int
    turns: tuple[HarvestedTurn, ...]


def leaving(
    journal: Journal, session_id: str, fixed_tokens: int, room: int, settings: NapSettings, count: Count
) -> Leaving | None:
    """What must leave the context before it overflows; None while it is less full than that.

    `room` is the tokens that all messages may take, `fixed_tokens` what stands before the turns.
    """
    after = journal.left_context(session_id)
    told = [turn for turn in journal.turns(session_id) if turn.id > after and _in_context(turn)]
    if _bytes(told) + fixed_tokens < settings.begin_at * room:  # no token is shorter than a byte
        return None
    costs = [count(turn.content) + _OVERHEAD_TOKENS for turn in told]
    if fixed_tokens + sum(costs) < settings.begin_at * room:
        return None
    end = _end(told, costs, settings.keep * room)
    tried = max((nap.upto for nap in journal.naps(session_id)), default=0)
    fresh = sum(cost for turn, cost in zip(told[:end], costs, strict=False) if turn.id > tried)
    if not end or fresh < _AGAIN * (settings.begin_at - settings.keep) * room * (tried > after):
        return None
    return Leaving(session_id, told[end - 1].id, _harvested(journal, told[:end], after))


def _in_context(turn: Turn) -> bool:
    return turn.role in ("user", "assistant") and turn.state != "pending" and bool(turn.content.strip())


def _bytes(turns: Sequence[Turn]) -> int:
    return sum(len(turn.content.encode("utf-8", "surrogatepass")) + _OVERHEAD_TOKENS for turn in turns)


def _end(turns: Sequence[Turn], costs: Sequence[int], kept_tokens: float) -> int:
    """How many of the oldest leave, so that the rest takes `kept_tokens` at most and begins with the user."""
    end, left = len(turns), kept_tokens
    while end and costs[end - 1] <= left:
        left -= costs[end - 1]
        end -= 1
    while end < len(turns) and turns[end].role != "user":
        end += 1
    return end


def _harvested(journal: Journal, turns: Sequence[Turn], after: int) -> tuple[HarvestedTurn, ...]:
    """The user's own complete turns among them, each with what the user had said before it."""
    said = [turn for turn in turns if turn.role == "user" and turn.trusted and turn.state == "complete"]
    if not said:
        return ()
    earlier = [turn for turn in journal.context_before(said[0].id, 4) if turn.role == "user" and turn.trusted]
    before = [earlier[-1].content if earlier else "", *(turn.content for turn in said[:-1])]
    return tuple(
        HarvestedTurn(turn.id, turn.session_id, turn.content, words)
        for turn, words in zip(said, before, strict=True)
    )


def summary(memories: Sequence[Memory], gone: Container[int], most: int, count: Count) -> str:
    """What was learnt from the turns that are `gone` (ids), in `most` tokens; "" for nothing.

    In the order it was told; where it does not all fit, the newest is kept.
    """
    standing = (memory for memory in memories if memory.state in ("admitted", "consolidated"))
    held = [memory for memory in standing if any(id in gone for id in memory.turn_ids)]
    held.sort(key=lambda memory: memory.turn_ids)
    kept: list[str] = []
    left = most - count(_SUMMARY)
    for memory in reversed(held):
        cost = count(f" {memory.statement}")
        if cost > left:
            break
        kept.insert(0, memory.statement)
        left -= cost
    return _SUMMARY + " ".join(kept) if kept else ""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session's context begins with: `persona` with the summary of what left, and the turns that did
    not.
    """

    persona: str
    turns: tuple[Turn, ...]


def opening(journal: Journal, session_id: str, persona: str, settings: NapSettings, count: Count) -> Opening:
    """How a session goes on after its naps; as it was told where there was none. Raises UnknownRecord."""
    turns, upto = journal.turns(session_id), journal.left_context(session_id)
    if not upto:
        return Opening(persona, tuple(turns))
    gone = {turn.id for turn in turns if turn.id <= upto}
    told = summary(journal.memories(), gone, settings.summary_tokens, count)
    return Opening(f"{persona}\n{told}" if told else persona, tuple(t for t in turns if t.id > upto))
