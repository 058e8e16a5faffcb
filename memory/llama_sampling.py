"""Chooses the next token from raw logits.

Promise: the same logits, settings and seed choose the same token; greedy at temperature 0; a grammar, when
there is one, is never broken. Reported log-probabilities are the model's own. Knows logits and ids; nothing
of contexts.
"""

from __future__ import annotations

import ctypes
import math
import weakref
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .engine import Sampling
from .errors import EngineError
from .llama_library import captured_stderr, forget_reasons, last_reason, llama

REPEAT_WINDOW_TOKENS = 64
_FIRST_TRIED = 64  # with a grammar and no temperature, the best few are nearly always enough
_LOOKED_AT = 1024  # with a temperature: the likeliest, of which it is known which are allowed
_DRAWN = 64  # of those and all others, before the whole vocabulary is looked at
_MOST_NEAR = 4096  # sorting more than that costs as much as looking through the vocabulary again
_SPARE = 1.3
_CANDIDATE = np.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])  # llama_token_data

Logits = NDArray[np.float32]


def gbnf(sampling: Sampling) -> str | None:
    """The grammar `sampling` asks for, if any. BadSchema for a schema that cannot be made into one."""
    if sampling.json_schema is None:
        return sampling.grammar
    from .grammar.constraint import constraint

    return constraint(sampling.json_schema).gbnf


class Grammar:
    """A GBNF grammar over one vocabulary, and how far an answer has come in it."""

    def __init__(self, vocabulary_handle: Any, source: str) -> None:
        self._library = library = llama()
        if not source.strip():
            raise EngineError("the grammar is empty")
        forget_reasons()
        with captured_stderr() as printed:
            sampler = library.llama_sampler_init_grammar(vocabulary_handle, source.encode(), b"root")
        if not sampler:
            told = [
                line.split("error parsing grammar:", 1)[1]
                for line in printed
                if "error parsing grammar:" in line
            ]
            reason = " ".join(told[0].split()) if told else last_reason("llama.cpp gave no reason")
            raise EngineError(f"the grammar cannot be used ({reason})")
        self._sampler = sampler
        # Freed with this object, too: a stream that was never read has no other end.
        self._free = weakref.finalize(self, library.llama_sampler_free, sampler)
        self._free.atexit = False  # a thread may be using it

    def allows(self, token: int) -> bool:
        """Whether the answer may go on with `token`."""
        return bool(self.allowed(np.array([token]))[0])

    def allowed(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of `tokens` the answer may go on with."""
        table = np.zeros(len(tokens), dtype=_CANDIDATE)
        table["id"] = tokens
        library = self._library
        data = ctypes.cast(table.ctypes.data, library.llama_token_data_p)
        candidates = library.llama_token_data_array(data, len(tokens), -1, False)
        library.llama_sampler_apply(self._sampler, ctypes.byref(candidates))
        allowed: NDArray[np.bool_] = np.isfinite(table["logit"])
        return allowed

    def accept(self, token: int) -> None:
        """Goes on with `token`, which must be allowed: llama.cpp aborts the process otherwise."""
        self._library.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        """Frees it; it must not be asked again. May be called again."""
        self._free()


class Chooser:
    """Chooses one answer's tokens, in order."""

    def __init__(self, sampling: Sampling, grammar: Grammar | None) -> None:
        self._sampling = sampling
        self._grammar = grammar
        self._random = np.random.Generator(np.random.PCG64(sampling.seed))
        self._recent: deque[int] = deque(maxlen=REPEAT_WINDOW_TOKENS)
        self._scratch: Logits = np.empty(0, dtype=np.float32)
        self._reach = 10.0

    def choose(self, logits: Logits) -> tuple[int, float, tuple[tuple[int, float], ...]]:
        """The next token's id, its log-probability, and the most likely (id, log-probability), best first."""
        total = self._log_total(logits)
        token = self._pick(self._penalised(logits))
        self._recent.append(token)
        if self._grammar is not None:
            self._grammar.accept(token)
        top = () if not self._sampling.top_logprobs else self._top(logits, total)
        return token, float(logits[token]) - total, top

    def _log_total(self, logits: Logits) -> float:
        if len(self._scratch) != len(logits):
            self._scratch = np.empty_like(logits)
        peak = logits.max()
        np.subtract(logits, peak, out=self._scratch)
        np.exp(self._scratch, out=self._scratch)
        total = float(peak) + math.log(float(self._scratch.sum(dtype=np.float64)))
        if not math.isfinite(total):
            raise EngineError("the logits are not numbers, so the base or an adapter mounted on it is broken")
        return total

    def _top(self, logits: Logits, total: float) -> tuple[tuple[int, float], ...]:
        ids = self._near_peak(logits, self._sampling.top_logprobs)
        values = logits[ids].astype(np.float64) - total
        return tuple(zip(ids.tolist(), values.tolist(), strict=True))

    def _near_peak(self, logits: Logits, count: int) -> NDArray[np.int64]:
        """As `_best`, without looking at the whole vocabulary more than once: the `count` best lie about as
        far below the best one as they did for the token before.
        """
        peak = float(logits.max())
        near = np.flatnonzero(logits >= peak - self._reach)
        if count <= len(near) <= _MOST_NEAR:
            ids: NDArray[np.int64] = near[_best(logits[near], count)]
        else:
            ids = _best(logits, count)
        self._reach = _SPARE * max(peak - float(logits[ids[-1]]), 1.0)
        return ids

    def _penalised(self, logits: Logits) -> Logits:
        penalty = self._sampling.repeat_penalty
        if penalty == 1.0 or not self._recent:
            return logits
        changed = logits.copy()
        seen = np.fromiter(set(self._recent), dtype=np.int64)
        values = changed[seen]
        changed[seen] = np.where(values > 0, values / penalty, values * penalty)
        return changed

    def _pick(self, logits: Logits) -> int:
        greedy = self._sampling.temperature == 0.0
        token = int(logits.argmax()) if greedy else self._draw(logits)
        if self._grammar is None or self._grammar.allows(token):
            return token
        if greedy:
            first = _best(logits, _FIRST_TRIED)
            allowed = first[self._grammar.allowed(first)]
            if len(allowed):
                return int(allowed[0])
        elif _from_all(self._sampling):
            drawn = self._draw_allowed(logits, self._grammar)
            if drawn is not None:
                return drawn
        everything = self._grammar.allowed(np.arange(len(logits)))
        if not everything.any():
            raise EngineError("the grammar allows no token of this model's vocabulary here")
        masked = np.where(everything, logits, np.float32(-np.inf))
        return int(masked.argmax()) if greedy else self._draw(masked)

    def _draw(self, logits: Logits) -> int:
        ids, probabilities = candidates(logits, self._sampling)
        return int(ids[self._drawn(probabilities, 1)[0]])

    def _drawn(self, weights: NDArray[np.float64], count: int) -> NDArray[np.int64]:
        """`count` places in `weights`, each drawn by its weight."""
        edges = np.cumsum(weights)
        places = np.searchsorted(edges, self._random.random(count) * edges[-1], side="right")
        inside: NDArray[np.int64] = np.minimum(places, len(weights) - 1)
        return inside

    def _draw_allowed(self, logits: Logits, grammar: Grammar) -> int | None:
        """A draw from what the grammar allows, without asking it about the whole vocabulary; None where that
        was not to be had soon.

        Rejection sampling: tokens are drawn until one is allowed, so that each is as likely as under the
        whole mask. Of the likeliest it is known beforehand, and none that is forbidden is drawn.
        """
        ids, weights = candidates(logits, self._sampling)
        first = _best(weights, _LOOKED_AT)
        weights[first[~grammar.allowed(ids[first])]] = 0.0
        if not weights.any():
            return None
        drawn = ids[self._drawn(weights, _DRAWN)]
        allowed = drawn[grammar.allowed(drawn)]
        return int(allowed[0]) if len(allowed) else None


def candidates(logits: Logits, sampling: Sampling) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(ids, probabilities) of what may be drawn: after top_k, top_p, min_p, then temperature.

    logits [vocabulary]; minus infinity stands for what a grammar forbids. The probabilities sum to 1.
    """
    ids = _best(logits, sampling.top_k) if sampling.top_k else _likely(logits, sampling)
    ids = ids[np.isfinite(logits[ids])]
    kept = logits[ids].astype(np.float64)
    peak = kept.max()
    if sampling.top_p < 1.0:
        weights = np.exp((kept if sampling.top_k else logits.astype(np.float64)) - peak)
        order = np.lexsort((ids, -kept))
        ids, kept = ids[order], kept[order]
        reached = np.cumsum(np.exp(kept - peak)) / weights.sum()
        inside = int(np.searchsorted(reached, sampling.top_p)) + 1
        ids, kept = ids[:inside], kept[:inside]
    if sampling.min_p > 0.0:
        likely = kept >= peak + np.log(sampling.min_p)
        ids, kept = ids[likely], kept[likely]
    weights = np.exp((kept - peak) / sampling.temperature)
    return ids, weights / weights.sum()


def _from_all(sampling: Sampling) -> bool:
    """Whether any token may be drawn, as likely as it is."""
    return not sampling.top_k and sampling.top_p == 1.0 and sampling.min_p == 0.0


def _likely(logits: Logits, sampling: Sampling) -> NDArray[np.int64]:
    """Ids that top_p and min_p could keep: spares sorting the whole vocabulary.

    Tokens below (1 - top_p) / vocabulary weigh less than 1 - top_p together, so none of them is in the
    nucleus.
    """
    peak = float(logits.max())
    floor = -np.inf
    if sampling.min_p > 0.0:
        floor = peak + np.log(sampling.min_p)
    if 0.0 < sampling.top_p < 1.0:
        total = peak + float(np.log(np.exp(logits - peak).sum(dtype=np.float64)))
        floor = max(floor, total + np.log((1.0 - sampling.top_p) / len(logits)))
    # A hair lower, because the floor was computed at another precision than the filters that follow.
    return np.flatnonzero(logits >= floor - 1e-4)


def _best(logits: Logits | NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Ids of the `count` highest logits, best first."""
    if count >= len(logits):
        ids = np.arange(len(logits))
    else:
        ids = np.argpartition(logits, len(logits) - count)[len(logits) - count :]
    return ids[np.lexsort((ids, -logits[ids]))]
