"""Measures the episodic store: how much of the evidence it finds (LoCoMo), how fast, and with a million
memories.

Promise: every query is timed with its embedding; the recall of each conversation is its own, no model helps.
What was made up for the large store is said to be so.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ...memory.episodes.embedder import Embedder, Vectors, open_embedder
from ...memory.episodes.records import Episode, Scope
from ...memory.episodes.store import EpisodicStore, ScopedStore
from ...memory.home import cache_path
from ...memory.journal import Journal
from ..spec import Spec
from .locomo import Conversation, read_locomo
from .plot import Axis, Bars, bar_plot
from .report import BenchReport, Say, Spread, figures_of, gathered, surroundings, target

DEV = 3  # the first conversations: those that weights were chosen on
_TIMED = 200  # queries, and additions, that are timed in the large store
_ROWS = 5000  # memories put in at once
_VOCABULARY = 30_000
_CENTRES = 2000
_WORDS = 12  # of a made-up memory


def bench_recall(spec: Spec, data: Path | None, memories: int, seed: int, say: Say) -> BenchReport:
    """Without `data` (LoCoMo's file) recall is not measured, and its targets are missed; 0 memories skips
    those.
    """
    began = time.monotonic()
    runs: list[dict[str, Any]] = []
    figures: dict[str, Spread] = {}
    if data is not None:
        conversations = read_locomo(data)
        runs += _recall(spec, conversations, say)
        figures |= _recalled(runs)
        figures |= figures_of(_together(spec, conversations, say))
    if memories:
        settings = spec.memory.store
        with open_embedder(settings.embedder, cache_path(), settings.threads) as embedder:
            large = _large(spec, memories, embedder, seed, say)
        runs.append(large)
        figures |= figures_of({name: [value] for name, value in large.items() if name != "part"})
    targets = [
        target(figures, "recall_at_10", "at least", 0.67),
        target(figures, "recall_at_20", "at least", 0.76),
        target(figures, "query_ms_p50", "at most", 15),
        target(figures, "large_query_ms_p95", "at most", 60),
        target(figures, "large_add_ms_p95", "at most", 20),
    ]
    seconds = time.monotonic() - began
    plots = {"recall": found_plot(figures), "recall_times": times_plot(figures)}
    return gathered("recall", surroundings(spec), spec, [seed], seconds, figures, targets, runs, plots)


def found_plot(figures: Mapping[str, Spread]) -> str:
    """The share of the evidence that was found: of all questions, by split and by category, as SVG."""
    groups = {"all": "", f"first {DEV}": "_dev", "the others": "_held_out"}
    groups |= {f"category {n}": f"_category_{n}" for n in (1, 2, 3, 4)}
    bars = [
        Bars(f"among the first {k}", [_mean(figures, f"recall_at_{k}{end}") for end in groups.values()])
        for k in (10, 20)
    ]
    return bar_plot("Evidence found (LoCoMo)", list(groups), bars, Axis("share", 0, 1))


def times_plot(figures: Mapping[str, Spread]) -> str:
    """Milliseconds of a question, among the conversations' turns and in the large store, and of an addition
    there, as SVG.
    """
    groups = {
        "question": "query",
        "question, large store": "large_query",
        "addition, large store": "large_add",
    }
    bars = [
        Bars(name, [_mean(figures, f"{each}_ms_{key}") for each in groups.values()])
        for name, key in (("median", "p50"), ("95 of 100 within", "p95"))
    ]
    return bar_plot("What recall takes", list(groups), bars, Axis("ms", 0))


def _mean(figures: Mapping[str, Spread], name: str) -> float | None:
    return figures[name].mean if name in figures else None


def _recall(spec: Spec, conversations: Sequence[Conversation], say: Say) -> list[dict[str, Any]]:
    """Each conversation in a scope of its own: the mean share of a question's evidence among the first 10
    and 20.
    """
    runs = []
    with tempfile.TemporaryDirectory() as folder, _store(spec, folder) as store:
        for n, conversation in enumerate(conversations):
            scoped = store.of(Scope(conversation.name, "locomo"))
            scoped.add(conversation.episodes)
            scoped.catch_up()
            shares = [
                _shares(scoped, question.text, question.evidence) for question in conversation.questions
            ]
            runs.append(
                {
                    "part": "recall",
                    "conversation": conversation.name,
                    "split": "dev" if n < DEV else "held out",
                    "turns": len(conversation.episodes),
                    "questions": [
                        {"category": question.category, "at_10": at_10, "at_20": at_20}
                        for question, (at_10, at_20) in zip(conversation.questions, shares, strict=True)
                    ],
                }
            )
            say(f"{conversation.name}: {statistics.fmean(share for share, _ in shares):.3f} at 10")
    return runs


def _store(spec: Spec, folder: str) -> EpisodicStore:
    settings = spec.memory.store
    return EpisodicStore(
        Path(folder), lambda: open_embedder(settings.embedder, cache_path(), settings.threads), settings
    )


def _shares(scoped: ScopedStore, text: str, evidence: frozenset[int]) -> tuple[float, float]:
    ids = [hit.episode.id for hit in scoped.recall(text, 20)]
    return len(evidence & set(ids[:10])) / len(evidence), len(evidence & set(ids)) / len(evidence)


def _recalled(runs: Sequence[dict[str, Any]]) -> dict[str, Spread]:
    asked = [(run["split"], question) for run in runs for question in run["questions"]]
    named: dict[str, list[float]] = {}
    for key in ("at_10", "at_20"):
        named[f"recall_{key}"] = [question[key] for _, question in asked]
        for name in ("dev", "held out"):
            kept = [question[key] for split, question in asked if split == name]
            named[f"recall_{key}_{name.replace(' ', '_')}"] = kept
        for category in (1, 2, 3, 4):
            kept = [question[key] for _, question in asked if question["category"] == category]
            named[f"recall_{key}_category_{category}"] = kept
    return figures_of(named)


def _together(spec: Spec, conversations: Sequence[Conversation], say: Say) -> dict[str, list[float]]:
    """All turns in one scope: milliseconds a query, by the clock and of processor time."""
    episodes: list[Episode] = []
    for conversation in conversations:
        for each in conversation.episodes:
            session = f"{conversation.name} {each.session}"
            episodes.append(Episode(len(episodes) + 1, session, each.speaker, each.at, each.text))
    questions = [question.text for conversation in conversations for question in conversation.questions]
    chosen = questions[:: max(1, len(questions) // _TIMED)]
    with tempfile.TemporaryDirectory() as folder, _store(spec, folder) as store:
        scoped = store.of(Scope("everybody", "locomo"))
        scoped.add(episodes)
        scoped.catch_up()
        say(f"{len(episodes)} turns in one scope, {scoped.state().in_index} of them in an index")
        clock, processor = _timed(lambda text: scoped.recall(text, 10), chosen)
    return {
        "turns_in_one_scope": [len(episodes)],
        "query_ms_p50": [statistics.median(clock)],
        "query_ms_p95": [float(np.percentile(clock, 95))],
        "query_processor_ms_p50": [statistics.median(processor)],
    }


def _timed(call: Callable[[str], object], texts: Sequence[str]) -> tuple[list[float], list[float]]:
    """Milliseconds each call took by the clock, and of this process's processor time."""
    for text in texts[:3]:
        call(f"{text} again")  # the first touches what is read only once
    clock, processor = [], []
    for text in texts:
        began, spent = time.perf_counter(), time.process_time()
        call(text)
        clock.append(1000 * (time.perf_counter() - began))
        processor.append(1000 * (time.process_time() - spent))
    return clock, processor


class _MadeUp(Embedder):
    """Made-up vectors around some centres, as texts' are; the time is that of the real embedder, which is
    called.
    """

    def __init__(self, real: Embedder, seed: int) -> None:
        self._real, self._seed = real, seed
        self.id, self.dimensions = f"made-up:{seed}", real.dimensions
        centres = np.random.default_rng(seed).normal(size=(_CENTRES, real.dimensions))
        self._centres = centres.astype(np.float32)

    def embed(self, texts: Sequence[str]) -> Vectors:
        self._real.embed(texts)
        return self.made([zlib.crc32(text.encode()) for text in texts])

    def embed_ids(self, rows: Sequence[Sequence[int]]) -> Vectors:
        self._real.embed_ids(rows)
        return self.made([zlib.crc32(repr(list(row)).encode()) for row in rows])

    def tokenize(self, text: str) -> list[int]:
        return self._real.tokenize(text)

    def made(self, numbers: Sequence[int]) -> Vectors:
        """The vectors of memories by their numbers, without the embedder."""
        drawn = np.random.default_rng([self._seed, *map(int, numbers[:2]), len(numbers)])
        rows = self._centres[np.asarray(numbers) % _CENTRES]
        noisy = rows + 0.8 * drawn.standard_normal(rows.shape, np.float32)
        return np.asarray(noisy / np.linalg.norm(noisy, axis=1, keepdims=True), np.float32)

    def close(self) -> None:
        """The real one is its opener's."""


def _texts(count: int, seed: int) -> Iterator[str]:
    """Made-up memories of words as unevenly frequent as a language's (Zipf)."""
    drawn = np.random.default_rng(seed)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    words = np.array(["".join(drawn.choice(syllables, 3)) + str(n % 7 or "") for n in range(_VOCABULARY)])
    weights = 1 / (np.arange(_VOCABULARY) + 10.0)
    weights /= weights.sum()
    for start in range(0, count, _ROWS):
        rows = drawn.choice(_VOCABULARY, (min(_ROWS, count - start), _WORDS), p=weights)
        for row in words[rows]:
            yield " ".join(row)


def _large(spec: Spec, memories: int, embedder: Embedder, seed: int, say: Say) -> dict[str, Any]:
    """A store of so many made-up memories: milliseconds a query and an addition (journal, words, vector),
    memory.
    """
    made, before = _MadeUp(embedder, seed), psutil.Process().memory_info().rss
    asked: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        with EpisodicStore(Path(folder), lambda: made, spec.memory.store) as store:
            scoped, began = store.of(Scope("many", "bench")), time.monotonic()
            for start, texts in _rows(_texts(memories, seed)):
                asked += texts[:: max(1, memories // _TIMED // 4)][:2]
                _put(scoped, start, texts, made)
                if not (start + _ROWS) % 100_000:
                    say(f"{start + len(texts)} memories after {time.monotonic() - began:.0f} s")
            filling = time.monotonic() - began
        with EpisodicStore(Path(folder), lambda: made, spec.memory.store) as store:
            began = time.monotonic()
            scoped = store.of(Scope("many", "bench"))
            scoped.catch_up()
            opening = time.monotonic() - began
            gc.collect()
            questions = [f"what about {' '.join(text.split()[:6])}" for text in asked[-_TIMED:]]
            clock, processor = _timed(lambda text: scoped.recall(text, 10), questions)
            adding, adding_processor = _adding(scoped, Path(folder), memories)
            held = psutil.Process().memory_info().rss - before
            disk = scoped.bytes()
    return {
        "part": "large store, made-up texts and vectors",
        "large_memories": memories,
        "large_fill_s": filling,
        "large_open_s": opening,
        "large_query_ms_p50": statistics.median(clock),
        "large_query_ms_p95": float(np.percentile(clock, 95)),
        "large_query_processor_ms_p95": float(np.percentile(processor, 95)),
        "large_add_ms_p50": statistics.median(adding),
        "large_add_ms_p95": float(np.percentile(adding, 95)),
        "large_add_processor_ms_p95": float(np.percentile(adding_processor, 95)),
        "large_memory_mib": held / (1 << 20),
        "large_disk_mib": disk / (1 << 20),
    }


def _rows(texts: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    start, rows = 0, []
    for text in texts:
        rows.append(text)
        if len(rows) == _ROWS:
            yield start, rows
            start, rows = start + _ROWS, []
    if rows:
        yield start, rows


def _put(scoped: ScopedStore, start: int, texts: Sequence[str], made: _MadeUp) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    numbers = range(start + 1, start + 1 + len(texts))
    episodes = [
        Episode(n, f"session {n // 50}", "", at + timedelta(seconds=n), text)
        for n, text in zip(numbers, texts, strict=True)
    ]
    scoped.take_in(episodes, made.made(list(numbers)))


def _adding(scoped: ScopedStore, folder: Path, memories: int) -> tuple[list[float], list[float]]:
    """One more memory, from the user's words to its vector: journaled, its words and its vector made and
    kept.
    """
    with Journal(folder / "journal.db") as journal:
        session = journal.open_session().id
        numbers = iter(range(memories + 1, memories + 10 * _TIMED))

        def add(text: str) -> None:
            turn = journal.add_turn(session, "user", text)
            scoped.take_in([Episode(next(numbers), session, "", turn.created_at, text)])

        return _timed(
            add, [f"Number {n}: my boat is called Zorbal and lies at the quay." for n in range(_TIMED)]
        )
