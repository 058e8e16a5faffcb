"""Embeds with llama.cpp: one GGUF of an encoder, one context, the pooling that the file names.

Promise: a vector is the mean over a text's windows, so that nothing in a long text is cut away; native
memory is freed once, when no call is inside it.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadEmbedder, BadInput, EngineClosed, EngineError
from ..llama_library import forget_reasons, last_reason, llama, model_params
from ..llama_vocabulary import Vocabulary
from .embedder import Embedder, Vectors

_BATCH_TOKENS = 512
_BATCH_TEXTS = 64
_UNPOOLED = (-1, 0)  # enum llama_pooling_type: unspecified, none


class LlamaEmbedder(Embedder):
    """`id` names the weights. Raises BadEmbedder for a file that is no embedder."""

    def __init__(self, gguf: Path, id: str, *, threads: int = 1) -> None:
        self.id = id
        self._library = library = llama()
        self._lock = threading.Lock()
        self._closed = False
        forget_reasons()
        self._model: Any = library.llama_model_load_from_file(str(gguf).encode(), model_params())
        if not self._model:
            raise BadEmbedder(gguf, f"llama.cpp cannot load it ({last_reason('it gave no reason')})")
        self.dimensions = int(library.llama_model_n_embd(self._model))
        self._window = max(8, min(int(library.llama_model_n_ctx_train(self._model)), _BATCH_TOKENS))
        self._context: Any = self._new_context(gguf, threads)
        self._vocabulary = Vocabulary(library.llama_model_get_vocab(self._model))
        handle = library.llama_model_get_vocab(self._model)
        ends = library.llama_vocab_sep(handle)
        self._first, self._last = (
            int(library.llama_vocab_bos(handle)),
            int(ends if ends >= 0 else self._vocabulary.eos),
        )
        self._batch: Any = library.llama_batch_init(_BATCH_TOKENS, 0, 1)

    def _new_context(self, gguf: Path, threads: int) -> Any:
        library = self._library
        params = library.llama_context_default_params()
        params.embeddings = True
        params.n_ctx = params.n_batch = params.n_ubatch = _BATCH_TOKENS
        params.n_seq_max = _BATCH_TEXTS
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True
        context = library.llama_init_from_model(self._model, params)
        reason = None if context else last_reason("llama.cpp gave no reason")
        if context and library.llama_pooling_type(context) in _UNPOOLED:
            library.llama_free(context)
            reason = "it names no pooling, so it is a model that writes and not one that embeds"
        if reason:
            library.llama_model_free(self._model)
            raise BadEmbedder(gguf, reason)
        return context

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._embedded([self.tokenize(text) for text in texts])

    def embed_ids(self, rows: Sequence[Sequence[int]]) -> Vectors:
        most = self._vocabulary.size - 1
        if outside := next((id for row in rows for id in row if not 0 <= id <= most), None):
            raise BadInput(f"The embedder's token ids are 0 to {most}, and one is {outside}.")
        return self._embedded(rows)

    def tokenize(self, text: str) -> list[int]:
        with self._lock:
            self._must_be_open()
            return self._vocabulary.tokenize_start(text, False)

    def _embedded(self, rows: Sequence[Sequence[int]]) -> Vectors:
        windows = [(at, window) for at, ids in enumerate(rows) for window in self._windows(list(ids))]
        sums = np.zeros((len(rows), self.dimensions), np.float32)
        with self._lock:
            self._must_be_open()
            for batch in _batches(windows):
                for (at, ids), vector in zip(batch, self._run([ids for _, ids in batch]), strict=True):
                    sums[at] += vector * len(ids)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.where(lengths > 0, lengths, 1), np.float32)

    def _must_be_open(self) -> None:
        if self._closed:
            raise EngineClosed

    def _windows(self, ids: list[int]) -> list[list[int]]:
        first = [self._first] if self._first >= 0 else []
        last = [self._last] if self._last >= 0 else []
        room = self._window - len(first) - len(last)
        return [[*first, *ids[start : start + room], *last] for start in range(0, max(len(ids), 1), room)]

    def _run(self, windows: Sequence[Sequence[int]]) -> list[Vectors]:
        """One call of llama.cpp: unit vectors of token windows that fit one batch together."""
        library, batch, at = self._library, self._batch, 0
        for sequence, ids in enumerate(windows):
            for position, token in enumerate(ids):
                batch.token[at], batch.pos[at] = token, position
                batch.n_seq_id[at], batch.seq_id[at][0], batch.logits[at] = 1, sequence, 1
                at += 1
        batch.n_tokens = at
        memory = library.llama_get_memory(self._context)
        if memory:  # a decoder that embeds; an encoder has none
            library.llama_memory_clear(memory, True)
        forget_reasons()
        run = library.llama_decode if memory else library.llama_encode
        if run(self._context, batch) != 0:
            raise EngineError(f"llama.cpp could not embed {at} tokens ({last_reason('it gave no reason')})")
        found = []
        for sequence in range(len(windows)):
            pointer = library.llama_get_embeddings_seq(self._context, sequence)
            if not pointer:
                raise EngineError("llama.cpp gave no vector for a text")
            array = (ctypes.c_float * self.dimensions).from_address(ctypes.addressof(pointer.contents))
            vector = np.array(array, dtype=np.float32)
            found.append(vector / (np.linalg.norm(vector) or 1.0))
        return found

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._library.llama_batch_free(self._batch)
                self._library.llama_free(self._context)
                self._library.llama_model_free(self._model)


def _batches(windows: Sequence[tuple[int, list[int]]]) -> list[list[tuple[int, list[int]]]]:
    """Windows gathered, the short ones together, so that each call of llama.cpp is well filled."""
    batches: list[list[tuple[int, list[int]]]] = []
    tokens = _BATCH_TOKENS
    for window in sorted(windows, key=lambda each: len(each[1])):
        size = len(window[1])
        if tokens + size > _BATCH_TOKENS or len(batches[-1]) == _BATCH_TEXTS:
            batches.append([])
            tokens = 0
        batches[-1].append(window)
        tokens += size
    return batches
