"""What a model gives verifiers: one choice among several, or several answers to one question.

Promise: the bare base answers, without adapters, so that what is judged does not judge itself; nothing is
journaled. A model that nobody asks is never opened.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from ..memory.engine import Message, Sampling, WakeEngine
from ..memory.home import cache_path
from ..memory.settings import ModelSettings
from ..verifiers.abc import Means, Said
from .spec import Spec

_CHOICE_TOKENS, _ANSWER_TOKENS, _TEMPERATURE = 16, 64, 0.8


def means_of(spec: Spec, engine: Callable[[], WakeEngine]) -> Means:
    """What the spec's verifiers may use; `engine` is called when a verifier first asks."""

    def ask(question: str, choices: Sequence[str]) -> Said:
        grammar = "root ::= " + " | ".join(json.dumps(choice) for choice in choices)
        return _said(engine(), question, Sampling(max_tokens=_CHOICE_TOKENS, grammar=grammar))

    def other(source: str) -> _Other:
        return _Other(ModelOnCall(spec.model.model_copy(update={"source": source})))

    return Means(spec.sandbox, ask, lambda question, count: _drawn(engine(), question, count), other)


def _said(engine: WakeEngine, question: str, sampling: Sampling) -> Said:
    done = engine.complete([Message("user", question)], sampling, adapters=())
    return Said(done.text.strip(), done.prompt_tokens + len(done.tokens))


def _drawn(engine: WakeEngine, question: str, count: int) -> list[Said]:
    return [
        _said(engine, question, Sampling(max_tokens=_ANSWER_TOKENS, temperature=_TEMPERATURE, seed=seed))
        for seed in range(count)
    ]


class _Other:
    """A model of its own, beside the agent's."""

    def __init__(self, model: ModelOnCall) -> None:
        self._model = model

    def __call__(self, question: str, count: int) -> list[Said]:
        return _drawn(self._model(), question, count)

    def close(self) -> None:
        self._model.close()


class ModelOnCall:
    """The engine of a model, opened by the first call and closed with this. A context manager."""

    def __init__(self, model: ModelSettings) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._closing = ExitStack()
        self._engine: WakeEngine | None = None

    def __call__(self) -> WakeEngine:
        """Raises BaseWeightsError, EngineError."""
        from ..memory.base_weights import resolve, served_gguf
        from ..memory.llama_engine import LlamaEngine

        with self._lock:
            if self._engine is None:
                model = self._model
                gguf = served_gguf(resolve(model.source, cache_path()), cache_path(), model.serve_as)
                engine = LlamaEngine(gguf, context_tokens=model.context_tokens, threads=model.threads)
                self._engine = self._closing.enter_context(engine)
            return self._engine

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the engine's memory back; the next call opens it again. Safe to call twice."""
        with self._lock:
            self._closing.close()
            self._engine = None
