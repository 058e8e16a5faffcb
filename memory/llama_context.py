"""One loaded GGUF with its contexts: tier 3 and tier 0, owned here from load to free.

Promise: tokens cached under one adapter stack, or for one user, are never used under another or for another,
though those of the last two are kept; native memory is freed once, when no call is inside it. Knows ids and
logits; nothing of text, sampling or files of adapters.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BadSource, BaseWeightsError, EngineClosed, EngineError
from .home import cache_path
from .huge_pages import Allocated
from .kept_header import kept_header
from .llama_library import forget_reasons, last_reason, llama, model_params, packs_for_amx

BATCH_TOKENS = 512
STEP_TOKENS = 128  # of a prompt, between two looks at whether it was cancelled
_LOGIT_ROWS = 64  # rows of logits computed at once: llama.cpp keeps a buffer of rows x vocabulary floats
FREE_WAIT_S = 30.0  # for a computation to end
NO_FLASH_ATTENTION = 0
FLOAT32 = 0  # the ggml type; keys and values are cached in 16 bits otherwise
KEPT_CACHES = 2  # one for the bare base and one for the adapters, between which a talk changes
ASIDE_TOKENS = 512  # of a context for brief questions beside the chat
_FURTHER_BYTES = 512 * 2**20  # keys and values that a cache beside the first may take


@dataclass(slots=True, eq=False)
class _KvCache:
    """One native context: which tokens `ids` its keys and values are of, and under which adapters."""

    context: Any
    memory: Any
    stack: Hashable = (None, ())
    adapters: tuple[tuple[int, float], ...] = ()  # address and scale
    ids: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _KvCaches:
    """Those of one use, of `tokens` each; the one in force comes first."""

    tokens: int
    kept: list[_KvCache]


@cache
def _alive() -> weakref.WeakSet[LlamaContext]:
    """The contexts to free when the process ends, which nobody else may remember to."""
    contexts: weakref.WeakSet[LlamaContext] = weakref.WeakSet()

    def free_all() -> None:
        for context in list(contexts):
            context.free(ending=True)

    atexit.register(free_all)
    return contexts


class LlamaContext:
    """`exact_cache` keeps keys and values in 32 bits, for comparisons with another implementation.

    Raises BaseWeightsError when the file cannot be loaded, EngineError when the context cannot be made.
    """

    def __init__(self, gguf: Path, *, context_tokens: int, threads: int, exact_cache: bool = False) -> None:
        self._library = library = llama()
        self._computing = threading.Lock()
        self._reading = threading.Lock()
        self._threads = threads
        with Allocated() as self._allocated:
            self._model: Any = _load(gguf)
            trained = int(library.llama_model_n_ctx_train(self._model))
            self.context_tokens = min(context_tokens, trained) if trained > 0 else context_tokens
            self.vocabulary_handle: Any = library.llama_model_get_vocab(self._model)
            self._exact_cache = exact_cache
            context = self._new_context(self.context_tokens, exact_cache)
        if not context:
            library.llama_model_free(self._model)
            raise _no_context(self.context_tokens)
        first = _KvCache(context, library.llama_get_memory(context))
        self._chat, self._aside = _KvCaches(self.context_tokens, [first]), _KvCaches(ASIDE_TOKENS, [])
        self._used = self._chat
        self._closed = self._ending = False
        self._beside: set[int] = set()  # addresses of further contexts of the model
        if not first.memory or not library.llama_vocab_n_tokens(self.vocabulary_handle):
            self.free()
            raise BaseWeightsError(gguf, "it is not a model that writes text")
        self._width: int = library.llama_vocab_n_tokens(self.vocabulary_handle)
        self._ids = (ctypes.c_int32 * BATCH_TOKENS)()
        self._wanted = (ctypes.c_int8 * BATCH_TOKENS)(*[1] * BATCH_TOKENS)
        self._one = library.llama_batch_get_one(self._ids, 1)
        _alive().add(self)
        self._views: dict[int, NDArray[np.float32]] = {}

    def _new_context(self, tokens: int, exact_cache: bool = False, sequences: int = 1) -> Any:
        params = self._library.llama_context_default_params()
        params.n_ctx = tokens
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        params.n_threads = params.n_threads_batch = self._threads
        params.n_seq_max = sequences
        params.kv_unified = sequences > 1  # sequences then share what they begin with
        params.flash_attn_type = NO_FLASH_ATTENTION
        if exact_cache:
            params.type_k = params.type_v = FLOAT32
        # A sliding-window cache drops what left the window; a prefix could then not be reused.
        params.swa_full = True
        forget_reasons()
        return self._library.llama_init_from_model(self._model, params)

    def beside(self, tokens: int, sequences: int) -> Any:
        """One more context of the model, of `sequences` that share `tokens`. Call inside `computing()`.

        It goes with this one, unless `free_beside` is called before. Raises EngineError.
        """
        context = self._new_context(tokens, sequences=sequences)
        if not context:
            raise _no_context(tokens)
        self._beside.add(_address(context))
        return context

    def free_beside(self, context: Any) -> None:
        """Frees what `beside` made, unless that was done already."""
        with self._computing:
            if _address(context) in self._beside:
                self._beside.discard(_address(context))
                self._library.llama_free(context)

    @contextmanager
    def model(self) -> Iterator[Any]:
        """The model pointer, for reading its vocabulary or loading adapters. EngineClosed once freed."""
        with self._reading:
            if not self._closed:
                yield self._model
                return
        self.must_be_open()

    def metadata(self, key: str) -> str | None:
        """A string from the GGUF's metadata."""
        with self.model() as model:
            size = self._library.llama_model_meta_val_str(model, key.encode(), None, 0)
            if size < 0:
                return None
            buffer = ctypes.create_string_buffer(size + 1)
            self._library.llama_model_meta_val_str(model, key.encode(), buffer, size + 1)
            return buffer.value.decode("utf-8", errors="replace")

    def use_stack(self, stack: Hashable, adapters: Sequence[tuple[Any, float]]) -> None:
        """Puts (pointer, scale) pairs in force, with what was computed under them, if that is still kept.

        `stack` identifies them, and whose they are: equal stacks must compute equal logits.
        """
        pairs = tuple((_address(pointer), scale) for pointer, scale in adapters)
        caches = self._used.kept
        if caches and (caches[0].stack, caches[0].adapters) == (stack, pairs):
            return
        with self.computing():
            kept = next((cache for cache in caches if cache.stack == stack), None)
            cache = kept or self._emptied()
            caches.remove(cache)
            caches.insert(0, cache)
            if kept is None or cache.adapters != pairs:
                self._mount(cache, adapters)
                cache.stack, cache.adapters = stack, pairs

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is computed inside has a context of its own, of `ASIDE_TOKENS`, which is kept as the chat's is
        and leaves that alone. One thread at a time; `use_stack` comes first inside.
        """
        self._used = self._aside
        try:
            yield
        finally:
            self._used = self._chat

    def let_go(self, adapter: Any) -> None:
        """Forgets what was computed under an adapter that is not in force, before it is freed."""
        with self.computing():
            for cache in (*self._chat.kept, *self._aside.kept):
                if _address(adapter) in (address for address, _ in cache.adapters):
                    self._empty(cache)
                    self._mount(cache, [])

    def _mount(self, cache: _KvCache, adapters: Sequence[tuple[Any, float]]) -> None:
        """Leaves a cache that is no stack's yet. EngineError."""
        cache.stack, cache.adapters = None, ()
        pointers = (ctypes.c_void_p * len(adapters))(
            *[ctypes.cast(pointer, ctypes.c_void_p) for pointer, _ in adapters]
        )
        scales = (ctypes.c_float * len(adapters))(*[scale for _, scale in adapters])
        argument = ctypes.cast(pointers, self._library.llama_set_adapters_lora.argtypes[1])
        if self._library.llama_set_adapters_lora(cache.context, argument, len(adapters), scales) != 0:
            self._empty(cache)
            raise EngineError(f"llama.cpp would not mount the adapters: {last_reason('no reason given')}")

    def _emptied(self) -> _KvCache:
        """One with nothing in it: an empty one, a further one, or the one that was used longest ago."""
        caches = self._used.kept
        empty = next((cache for cache in caches if not cache.ids), None)
        if empty is not None:
            return empty
        if not caches or (len(caches) < KEPT_CACHES and self._cache_bytes() <= _FURTHER_BYTES):
            context = self._new_context(self._used.tokens, self._exact_cache)
            if context:
                caches.append(_KvCache(context, self._library.llama_get_memory(context)))
            elif not caches:
                raise _no_context(self._used.tokens)
        if caches[-1].ids:
            self._empty(caches[-1])
        return caches[-1]

    def _cache_bytes(self) -> int:
        """About how much the keys and values of one context take."""
        library, model = self._library, self._model
        head = int(library.llama_model_n_embd(model)) // max(1, int(library.llama_model_n_head(model)))
        width = head * int(library.llama_model_n_head_kv(model)) * int(library.llama_model_n_layer(model))
        return 2 * width * (4 if self._exact_cache else 2) * self._used.tokens

    @property
    def stack(self) -> Hashable:
        """What `use_stack` was last given."""
        return self._used.kept[0].stack

    @property
    def _now(self) -> _KvCache:
        return self._used.kept[0]

    def read_prompt(self, ids: Sequence[int], cancelled: Callable[[], bool]) -> int | None:
        """Computes `ids` up to the last; returns how many were cached, or None if cancelled midway."""
        keep = _common_prefix(self._now.ids, ids, len(ids) - 1)
        with self.computing():
            keep = self._forget_after(keep)
        for at in range(keep, len(ids), STEP_TOKENS):
            if cancelled():
                return None
            with self.computing():
                self._decode(ids[at : at + STEP_TOKENS])
        return keep

    def advance(self, token: int) -> None:
        """Computes one more token. Call inside `computing()`."""
        if self._used is self._chat:
            self.settle()  # with the first token out, its reader does not wait for this
        self._ids[0] = token
        self._checked(self._library.llama_decode(self._now.context, self._one))
        self._now.ids.append(token)

    def settle(self) -> None:
        """There is more to come: the weights are moved to huge pages, in the background."""
        self._allocated.move()

    def last_logits(self) -> NDArray[np.float32]:
        """Raw logits [vocabulary] after the last token: a view, to be used inside `computing()` only.

        The next computation overwrites it, and no copy is made because there is one for each token.
        """
        pointer = self._library.llama_get_logits_ith(self._now.context, -1)
        if not pointer:
            raise EngineError("llama.cpp kept no logits for the last token")
        address = ctypes.addressof(pointer.contents)
        view = self._views.get(address)
        if view is None:
            view = np.ctypeslib.as_array((ctypes.c_float * self._width).from_address(address))
            self._views = {address: view}
        return view

    def all_logits(self, ids: Sequence[int], keep: int = 0) -> NDArray[np.float32]:
        """Raw logits [n - keep, vocabulary] after each of `ids` past the first `keep`, which are cached."""
        with self.computing():
            keep = self._forget_after(keep)
        rows = np.empty((len(ids) - keep, self._width), dtype=np.float32)
        for at in range(keep, len(ids), _LOGIT_ROWS):
            chunk = ids[at : at + _LOGIT_ROWS]
            with self.computing():
                self._decode(chunk, self._wanted)
                pointer = self._library.llama_get_logits(self._now.context)
                rows[at - keep : at - keep + len(chunk)] = np.ctypeslib.as_array(
                    pointer, (len(chunk), self._width)
                )
        return rows

    def free(self, wait_s: float = FREE_WAIT_S, ending: bool = False) -> None:
        """Frees context, adapters and model, once; calls made after it raise EngineClosed.

        Waits for a computation in another thread, at most `wait_s`: past that the memory is left to the
        operating system, because freeing it under that thread would crash the process.
        """
        self._closed, self._ending = True, ending
        if not self._computing.acquire(timeout=wait_s):
            return
        try:
            self._allocated.stop()
            with self._reading:
                model, self._model = self._model, None
                if model is not None:
                    for address in self._beside:
                        self._library.llama_free(ctypes.c_void_p(address))
                    self._beside.clear()
                    for cache in (*self._chat.kept, *self._aside.kept):
                        self._library.llama_free(cache.context)
                        cache.context = cache.memory = None
                    self._library.llama_model_free(model)  # and the adapters loaded for it
        finally:
            self._computing.release()

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Keeps the memory alive for the calls inside. EngineClosed once freed."""
        with self._computing:
            if not self._closed:
                yield
                return
        self.must_be_open()

    def must_be_open(self) -> None:
        """EngineClosed once freed."""
        if self._closed:
            if self._ending and threading.current_thread() is not threading.main_thread():
                threading.Event().wait()  # a daemon thread: it ends with the process, and without a traceback
            raise EngineClosed

    def _decode(self, ids: Sequence[int], wanted: Any = None) -> None:
        self._ids[: len(ids)] = list(ids)
        batch = self._library.llama_batch_get_one(self._ids, len(ids))
        if wanted is not None:
            batch.logits = ctypes.cast(wanted, type(batch.logits))
        self._checked(self._library.llama_decode(self._now.context, batch))
        self._now.ids.extend(ids)

    def _checked(self, code: int) -> None:
        if code != 0:
            self._empty(self._now)
            raise EngineError(f"llama.cpp could not compute a token (llama_decode returned {code})")

    def _forget_after(self, keep: int) -> int:
        """Drops what is cached past the first `keep` tokens; returns how many are left.

        Asked of llama.cpp each time, though nothing seems to follow: an interrupt may have come after a
        token was computed and before it was written down here.
        """
        cache = self._now
        if keep > 0 and self._library.llama_memory_seq_rm(cache.memory, 0, keep, -1):
            del cache.ids[keep:]
        else:  # recurrent models cannot forget their last tokens alone
            self._empty(cache)
        return len(cache.ids)

    def _empty(self, cache: _KvCache) -> None:
        self._library.llama_memory_clear(cache.memory, True)
        cache.ids = []


def _load(gguf: Path) -> Any:
    library = llama()
    if not gguf.is_file():
        raise BaseWeightsError(gguf, "there is no such file")
    forget_reasons()
    params = model_params(unquantised=packs_for_amx() and _unquantised(gguf))
    model = library.llama_model_load_from_file(os.fsencode(gguf), params)
    if not model:
        raise BaseWeightsError(gguf, last_reason("llama.cpp cannot load it"))
    return model


def _unquantised(gguf: Path) -> bool:
    """Whether all weights are plain numbers; not of a file that llama.cpp is about to refuse."""
    try:
        return not kept_header(gguf, cache_path()).quantised
    except BadSource:
        return False


def _no_context(tokens: int) -> EngineError:
    return EngineError(f"no context of {tokens} tokens: {last_reason('llama.cpp gave no reason')}")


def _address(context: Any) -> int:
    return int(ctypes.cast(context, ctypes.c_void_p).value or 0)


def _common_prefix(cached: Sequence[int], ids: Sequence[int], most: int) -> int:
    for at, (old, new) in enumerate(zip(cached, ids, strict=False)):
        if old != new or at >= most:
            return at
    return min(len(cached), most)
