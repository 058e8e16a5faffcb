"""What a turn is measured against: llama-cpp-python by itself, on the same file, from prompt to last token.

Promise: the prompt's cached prefix, threads and context are those of our engine, and the tokens are chosen
greedily, so that both compute the same. Knows nothing of turns.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ...memory.llama_library import llama


@dataclass(frozen=True, slots=True)
class Timed:
    """An answer's tokens, seconds from asking to its end, and its decoding speed, tokens a second."""

    tokens: tuple[int, ...]
    seconds: float
    tokens_per_s: float


def timed(began: float, tokens: Sequence[int], times: Sequence[float]) -> Timed:
    """From the instants (`time.perf_counter`) at which an answer was asked for and its tokens came."""
    span = times[-1] - times[0] if len(times) > 1 else 0.0
    return Timed(tuple(tokens), times[-1] - began, (len(times) - 1) / span if span else 0.0)


class RawLlama:
    """`llama_cpp.Llama` on one file. A context manager."""

    def __init__(self, gguf: Path, context_tokens: int, threads: int) -> None:
        llama()  # with its log and its spinning as ours has them
        from llama_cpp import Llama

        self._llama: Any = Llama(
            str(gguf), n_ctx=context_tokens, n_threads=threads, n_threads_batch=threads, verbose=False
        )

    def answer(self, prompt: Sequence[int], tokens: int) -> Timed:
        """So many tokens after `prompt`, whichever they are."""
        began = time.perf_counter()
        said: list[int] = []
        times: list[float] = []
        for token in self._llama.generate(list(prompt), temp=0.0, repeat_penalty=1.0):
            said.append(int(token))
            times.append(time.perf_counter())
            if len(said) == tokens:
                break
        return timed(began, said, times)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._llama.close()
