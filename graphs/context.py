"""What of a session, and of what was recalled, the model is shown: tier 0, within its tokens.

Promise: a session of any length gives messages that fit; the newest turn is always among them. Functions over
records and a way to count tokens; knows nothing of the journal or of how an answer is made.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ..memory.engine import Message
from ..memory.recalling import HEADER
from ..memory.records import Turn

Count = Callable[[str], int]

_OVERHEAD_TOKENS = 8  # what a chat template spends on one message; the caller's exact count has the last word
_GAP = " [...] "
_LOOP_TOKENS = 36  # how much repetition is a loop: three sentences of a dozen tokens, or a word many times
_LONGEST_LOOP_TOKENS = 48
LOOP_WINDOW = 3 * _LONGEST_LOOP_TOKENS  # tokens that `looping` looks at
_FILLER_WORDS = """
a am an and any are as at be been by can could did do does for from had has have how i if in is it its me
my of on or our please she he her him his should so tell that the their them there they this to was we
were what when where which who whom whose why will with would you your
"""
_FILLER = frozenset(_FILLER_WORDS.split())


@dataclass(frozen=True, slots=True)
class ContextView:
    """Tier 0 before the next turn, in tokens: `room` is what may be filled before the oldest messages leave,
    `capacity` the whole context, answer included. `left_out` messages of the session are out of view.
    """

    tokens: int
    room: int
    capacity: int
    messages: int
    left_out: int


Screen = Callable[[str], str]
"""What of a recalled turn may be shown; "" for nothing."""


def spoken(turns: Sequence[Turn]) -> list[Message]:
    """The messages of a session's turns: what was said, without tool traffic and without empty answers.

    Two user turns in a row (the answer between them was lost) become one message, since many chat templates
    refuse roles that do not alternate.
    """
    messages: list[Message] = []
    for turn in turns:
        if turn.role not in ("user", "assistant") or not turn.content.strip():
            continue
        if messages and messages[-1].role == turn.role:
            messages[-1] = Message(turn.role, f"{messages[-1].content}\n\n{turn.content}")
        else:
            messages.append(Message(turn.role, turn.content))
    return messages


def own_word(turn: Turn, screen: Screen) -> Turn | None:
    """What of a turn may stand for the user's own word: what `screen` leaves of it; None for nothing."""
    words = screen(turn.content) if turn.trusted else ""
    return replace(turn, content=words) if words else None


def own_words_of(found: Iterable[Turn], screen: Screen, view: str) -> list[Turn]:
    """Of the turns that were found, and are not in `view` as they are, the user's own word."""
    return [own for turn in found if turn.content not in view and (own := own_word(turn, screen))]


def recalled(hits: Sequence[Turn], budget_tokens: int, count: Count) -> tuple[str, tuple[int, ...]]:
    """The recalled turns as text of at most `budget_tokens`, best first, and their ids."""
    lines, ids = [HEADER], []
    left = budget_tokens - count(HEADER)
    for turn in hits:
        line = clip(f"- {' '.join(turn.content.split())}", left - 1, count)
        if len(line) < 8:
            break
        lines.append(line)
        ids.append(turn.id)
        left -= count(line) + 1
    return ("\n".join(lines), tuple(ids)) if ids else ("", ())


def fit(
    persona: str,
    aside: str,
    history: Sequence[Message],
    newest: str,
    budget_tokens: int,
    count: Count,
    *,
    aside_late: bool = True,
) -> list[Message]:
    """`persona`, as many of the latest `history` messages as fit in `budget_tokens`, and `newest`.

    `aside` (what was recalled) differs from turn to turn, so after a history it is a system message of
    its own just before `newest`; with `aside_late` False, or no history, it stands with the persona.
    History is dropped by quarters of the budget. Both keep the prompt's beginning, and with it the KV
    cache, the same over several turns. A newest turn that is too long by itself loses its middle.
    """
    fixed = count(persona) + count(aside) + 3 * _OVERHEAD_TOKENS
    newest = clip(newest, max(1, budget_tokens - fixed), count)
    room = budget_tokens - fixed - count(newest)
    costs = [count(message.content) + _OVERHEAD_TOKENS for message in history]
    chunk = max(1, budget_tokens // 4)
    to_drop = math.ceil(max(0, sum(costs) - room) / chunk) * chunk
    start = 0
    while start < len(history) and to_drop > 0:
        to_drop -= costs[start]
        start += 1
    if start < len(history) and history[start].role == "assistant":
        start += 1  # an answer whose question is gone
    kept = list(history[start:])
    if kept and kept[-1].role == "user":  # its answer was lost
        newest = f"{kept.pop().content}\n\n{newest}"
    if aside and not (kept and aside_late):
        persona, aside = f"{persona}\n{aside}", ""
    late = [Message("system", aside)] if aside else []
    return [Message("system", persona), *kept, *late, Message("user", newest)]


def clip(text: str, budget_tokens: int, count: Count) -> str:
    """`text`, or its beginning and end around a gap when it is more than `budget_tokens`."""
    if budget_tokens <= 0:
        return ""
    if count(text) <= budget_tokens:
        return text
    low, high = 0, len(text)
    while low < high:  # the most characters that still fit
        middle = (low + high + 1) // 2
        if count(_halves(text, middle)) <= budget_tokens:
            low = middle
        else:
            high = middle - 1
    return _halves(text, low) if low else ""


def _halves(text: str, characters: int) -> str:
    head = (characters + 1) // 2
    return text[:head].rstrip() + _GAP + text[len(text) - (characters - head) :].lstrip()


def keywords(text: str) -> str:
    """The words of a question worth looking up; all of it when it has none but filler."""
    words = re.findall(r"[^\W_]+(?:['\u2019][^\W_]+)?", text)
    telling = [word for word in words if re.split("['\u2019]", word.casefold())[0] not in _FILLER]
    return " ".join(telling) or text


def looping(ids: Sequence[int]) -> bool:
    """Whether the last tokens are one run of tokens, at least three times over.

    A small model that decodes greedily may never find the way out of such a loop.
    """
    for period in range(1, min(_LONGEST_LOOP_TOKENS, len(ids) // 3) + 1):
        span = max(3 * period, -(-_LOOP_TOKENS // period) * period)
        if span > len(ids):
            continue
        tail = ids[-span:]
        if tail[:-period] == tail[period:]:
            return True
    return False
