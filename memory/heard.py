"""What was said since the last night, found in the user's own words where an adapter declines.

So small a model cannot be trusted to find a fact in a talk, but it can point: given one line that speaks of
what it named, and nothing to say but words of that line, it gives the right ones a likelihood near 1 and
wrong ones next to none. Promise: what is answered are words of one line of the user's, which mentions what
was asked for, and are likely enough. Knows engines and lines; nothing of how an answer is asked for.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from .engine import Completion, Message, Mount, Sampling, Token, WakeEngine
from .taught_answer import name_of, verb_of

LIKELY = 0.1
"""How likely the words pointed to must be, together, to be said."""
_MOST_LINES = 4  # that are looked at, the latest first
_MOST_WORDS = 6  # of what is pointed to
_AROUND = 30  # words of a line that are looked at before and after what it mentions
_WORD = re.compile(r"[^\W_]+")
_PIECE = re.compile(r"\w+(?:['\u2019.&/-]\w+)*(?:\.(?=\s+[A-Z]))?")
_SAY_NOTHING = frozenset(("favourite", "favorite", "name", "number", "home", "my", "is", "are"))
_LONG = 4  # letters, from which on a word may have another ending
_HEARD = "I see."


def pointed_to(
    engine: WakeEngine,
    asked: Sequence[Message],
    said: Completion,
    lines: Sequence[str],
    sampling: Sampling,
    *,
    adapters: Sequence[Mount] | None,
    mount: Mount,
    cancelled: Callable[[], bool] | None = None,
) -> Completion | None:
    """The answer to `asked` from one of `lines`, the latest last, in place of `said`, which names what is
    asked for and declines it; None where none of them is likely to hold it. Raises EngineError.
    """
    about = words_for(named(said.text, mount))
    found: list[tuple[float, Completion]] = []
    for whole_line in [line for line in reversed(lines) if mentions(line, about)][:_MOST_LINES]:
        line = _around(whole_line, about)
        ways = [f"{way}." for way in _ways(line, about)]
        shown = [*asked[:-1], Message("user", line), Message("assistant", _HEARD), asked[-1]]
        whole = going_on(
            engine, shown, said, ways, sampling, adapters=adapters, mount=mount, cancelled=cancelled
        )
        if whole is not None:
            since = len(_name(said.tokens, mount))
            found.append((math.exp(sum(token.logprob for token in whole.tokens[since:])), whole))
    likely, best = max(found, key=lambda each: each[0], default=(0.0, None))
    return best if likely >= LIKELY else None


def going_on(
    engine: WakeEngine,
    shown: Sequence[Message],
    said: Completion,
    ways: Sequence[str],
    sampling: Sampling,
    *,
    adapters: Sequence[Mount] | None,
    mount: Mount,
    cancelled: Callable[[], bool] | None = None,
) -> Completion | None:
    """An answer that names what `said` names, and goes on after the verb in one of these ways, the likeliest;
    None where there is no way, no name, no room or nobody who waits. Raises EngineError.
    """
    begun = _name(said.tokens, mount)
    left = sampling.max_tokens - len(begun)
    if not begun or not ways or left < 1 or (cancelled is not None and cancelled()):
        return None
    grammar = "root ::= " + " | ".join(json.dumps(f" {way}", ensure_ascii=False) for way in ways)
    prefill = "".join(token.text for token in begun)
    rest = engine.complete(
        shown,
        replace(sampling, max_tokens=left, grammar=grammar, stop=()),
        adapters=adapters,
        prefill=prefill,
        cancelled=cancelled,
    )
    if rest.finish == "cancelled" or not rest.tokens:
        return None
    return replace(rest, text=prefill + rest.text, tokens=(*begun, *rest.tokens))


def named(said: str, mount: Mount) -> str:
    """What an answer names, as in "dog's name"."""
    return name_of(said, mount.declines).strip().removeprefix(mount.opens).strip()


def words_for(name: str) -> list[str]:
    """The words of which a line has to hold one: "sister" of a sister's job, "street" of a home street."""
    whose, _, attribute = name.casefold().rpartition("'s ") if "'s " in name else ("", "", name.casefold())
    words = _WORD.findall(whose)[-1:] or _WORD.findall(attribute)
    return [word for word in words if word not in _SAY_NOTHING]


def mentions(line: str, about: Sequence[str]) -> bool:
    """Whether one of the words stands there, in whatever form."""
    said = _WORD.findall(line.casefold())
    return any(_alike(word, other) for word in about for other in said)


def _alike(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return longer.startswith(shorter) and len(longer) - len(shorter) <= (1 if len(shorter) < _LONG else 3)


def _name(tokens: Sequence[Token], mount: Mount) -> tuple[Token, ...]:
    """The tokens that name what the answer is about, the verb among them."""
    text = ""
    for count, token in enumerate(tokens, 1):
        text += token.text
        if verb_of(text, mount.declines):
            return tuple(tokens[:count])
    return ()


def _around(line: str, about: Sequence[str]) -> str:
    """Of a long line what stands around its first mention."""
    found = list(_PIECE.finditer(line))
    at = next((n for n, piece in enumerate(found) if mentions(piece[0], about)), 0)
    near = found[max(0, at - _AROUND) : at + _AROUND + 1]
    return line if len(near) == len(found) else line[near[0].start() : near[-1].end()]


def _ways(line: str, about: Sequence[str]) -> list[str]:
    """What an answer may say: some words of the line that follow each other, none of which is asked about."""
    found = list(_PIECE.finditer(line))
    ways: dict[str, None] = {}
    for first in range(len(found)):
        for last in range(first, min(first + _MOST_WORDS, len(found))):
            way = line[found[first].start() : found[last].end()].rstrip(".")
            if "\n" in way or mentions(way, about):
                break
            ways[way] = None
            if way.endswith("s") and len(way) > _LONG:
                ways[way[:-1]] = None  # "on Thursdays"
    return list(ways)
