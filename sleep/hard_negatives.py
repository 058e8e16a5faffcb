"""Hard negatives: what was never told and the version to go on from would answer all the same.

Promise: a pair is hard by what that version itself says of it, asked with an empty context, before tonight
changes anything. After bootstrapping in detection (Felzenszwalb et al. 2010) and online hard example mining
(Shrivastava et al. 2016, arXiv:1604.03540). Knows engines and pairs; which pairs were never told, and what
becomes of the hard ones, is decided elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..memory.engine import Message, Mount, Sampling, Token, WakeEngine
from .kinds import Pair
from .questions import NOT_TOLD, PLAINLY, answer_opening, taught_name

Declining = Callable[[Sequence[Pair]], Sequence[float]]
"""How likely each pair is to be declined."""
SURE = 0.9
"""How likely a pair must be declined for it not to be hard."""
_ONE = Sampling(max_tokens=1, top_logprobs=16)


def declining(engine: WakeEngine, persona: str, stack: Sequence[Mount]) -> Declining:
    """How likely `stack` is to decline each pair, asked for in plain words, once it has named it: the mass of
    the first word with which such answers go on. Raises EngineError as WakeEngine.complete_all does.
    """

    def likely(pairs: Sequence[Pair]) -> list[float]:
        asked = [
            ([Message("system", persona), Message("user", PLAINLY.format(taught_name(*pair)))], _ONE)
            for pair in pairs
        ]
        begun = [answer_opening(*pair) for pair in pairs]
        answers = engine.complete_all(asked, adapters=stack, prefills=begun)
        return [sum(_declines(engine, token) for token in answer.tokens) for answer in answers]

    return likely


def hard(pairs: Sequence[Pair], likely: Declining) -> list[Pair]:
    """Those that are not surely declined, the least likely first."""
    found = zip(likely(pairs), pairs, strict=True) if pairs else ()
    return [pair for chance, pair in sorted(found, key=lambda each: each[0]) if chance < SURE]


def _declines(engine: WakeEngine, token: Token) -> float:
    """How likely it was, where `token` was said, to go on as a declining answer does."""
    word = NOT_TOLD.partition(" ")[0]
    pieces = ((engine.piece(id).decode("utf-8", "ignore").strip(), nats) for id, nats in token.top)
    return sum(math.exp(nats) for piece, nats in pieces if piece == word)
