"""What keeping traces costs a turn: the same turns with and without them, in turns.

Promise: both kinds of turn are whole (journaled, on the same disk, under the same engine, with the prompt
equally cached) and say the same words, so that the traces alone differ.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ...graphs.wake import WakeGraph, WakeTurn
from ...memory.base_weights import resolve, served_gguf
from ...memory.home import cache_path
from ...memory.journal import Journal
from ...memory.llama_engine import LlamaEngine
from ..spec import Spec
from .report import BenchReport, Say, figures_of, gathered, surroundings, target

MOST_RATIO = 1.03
_ASKED = (
    "Tell me about lighthouses.",
    "How do bees make honey?",
    "Write a short letter to a friend about autumn.",
    "What is a good way to learn the piano?",
    "Describe a walk through a harbour town.",
)


def bench_traces(spec: Spec, rounds: int, say: Say) -> BenchReport:
    """`rounds` times every question, with traces and without; the ratio of the two, pair by pair."""
    where, began = surroundings(spec), time.monotonic()
    base = resolve(spec.model.source, cache_path())
    gguf = served_gguf(base, cache_path(), spec.model.serve_as)
    traced = spec.memory
    top_k = traced.traces.top_k or 32
    traced = traced.model_copy(update={"traces": traced.traces.model_copy(update={"top_k": top_k})})
    plain = traced.model_copy(update={"traces": traced.traces.model_copy(update={"top_k": 0})})
    ratios: list[float] = []
    sizes: list[float] = []
    with (
        TemporaryDirectory(prefix="dormouse-bench-") as folder,
        LlamaEngine(gguf, context_tokens=spec.model.context_tokens, threads=spec.model.threads) as engine,
        Journal(Path(folder) / "journal.db") as journal,
    ):
        graphs = [
            WakeGraph(lambda: engine, journal, persona=spec.persona, memory=memory)
            for memory in (traced, plain)
        ]
        for number in range(rounds):
            for at, asked in enumerate(_ASKED):
                _took(graphs[0], journal, asked)  # so that the prompt is cached for both that follow
                order = [0, 1] if (number + at) % 2 else [1, 0]
                seconds = {which: _took(graphs[which], journal, asked) for which in order}
                ratios.append(seconds[0][0] / seconds[1][0])
                if seconds[0][1] != seconds[1][1]:
                    raise AssertionError("the two kinds of turn said different things")
                sizes += _bytes_per_token(journal)
            say(f"round {number + 1} of {rounds}: {statistics.median(ratios):.4f}")
    figures = figures_of({"turn_with_traces_over_without": ratios, "bytes_per_token": sizes})
    got = statistics.median(ratios)
    figures |= figures_of({"median_ratio": [got]})
    targets = [target(figures, "median_ratio", "at most", MOST_RATIO)]
    runs = [{"ratio": round(ratio, 5)} for ratio in ratios]
    return gathered("traces", where, spec, (0,), time.monotonic() - began, figures, targets, runs)


def _took(graph: WakeGraph, journal: Journal, asked: str) -> tuple[float, str]:
    """Wall seconds of one whole turn in a session of its own, and what was said."""
    session = journal.open_session().id
    began = time.perf_counter()
    answer = graph.run(WakeTurn(asked, session, recall=False))
    return time.perf_counter() - began, answer.completion.text


def _bytes_per_token(journal: Journal) -> Sequence[float]:
    """Of the latest answer that has traces."""
    for session in reversed(journal.sessions()):
        for turn in journal.turns(session.id):
            if turn.evidence is not None and turn.tokens:
                return [len(turn.evidence) / turn.tokens]
    return []
