"""The wake engine on llama.cpp, in process, through its C interface.

Promise: one answer at a time, in the order asked; adapters change between answers without reloading the
base, and what was cached under one stack of them is never used under another. Knows nothing of registries:
an adapter is a file.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .chat_template import CHATML, ChatTemplate
from .engine import (
    GREEDY,
    Completion,
    Message,
    Mount,
    Sampling,
    Stream,
    Token,
    WakeEngine,
    log_softmax_at,
)
from .errors import BadInput, ContextOverflow, EngineError
from .fifo_lock import FifoLock, WouldWaitForItself
from .llama_adapters import AdapterCache, Stack, resolve
from .llama_ahead import opened_context
from .llama_answer import Answer
from .llama_context import ASIDE_TOKENS
from .llama_library import physical_cores
from .llama_many import Question, answer_all
from .llama_sampling import Grammar, gbnf
from .llama_vocabulary import Vocabulary
from .tool_syntax import ToolSyntax


class LlamaEngine(WakeEngine):
    """Serves one GGUF file.

    The context holds `context_tokens`, or what the model was trained for if that is less; `threads` is None
    for the physical cores this process may use. `answers` is the lock that answers queue at, its own by
    default; `holds` names the adapters whose weights the file holds, below those mounted. Raises
    BaseWeightsError when the file cannot be loaded.
    """

    def __init__(
        self,
        gguf: Path,
        *,
        context_tokens: int = 4096,
        threads: int | None = None,
        answers: FifoLock | None = None,
        holds: tuple[str, ...] = (),
    ) -> None:
        self._holds = holds
        self.gguf = Path(gguf)
        self._native = opened_context(
            self.gguf, context_tokens=context_tokens, threads=threads or physical_cores()
        )
        # Dropped without close(), it is freed all the same; the context itself sees to the process's end.
        self._free = weakref.finalize(self, self._native.free)
        self._free.atexit = False
        self._turns = answers or FifoLock()
        self._adapters = AdapterCache(self._native)
        self._default = Stack()
        self._mounts: tuple[Mount, ...] = ()
        with self._native.model():
            self._vocabulary = Vocabulary(self._native.vocabulary_handle)
            self._specials = self._vocabulary.specials()
        self._template = self._find_template()

    @property
    def context_tokens(self) -> int:
        return self._native.context_tokens

    @property
    def mounted(self) -> tuple[Mount, ...]:
        return self._mounts

    def mount(self, mounts: Sequence[Mount]) -> None:
        stack = resolve(mounts)
        with self._turn():
            self._adapters.load(stack)
            self._adapters.pin(stack)
            self._default, self._mounts = stack, tuple(mounts)

    def kept(self, mounts: Sequence[Mount]) -> Sequence[Mount]:
        stack = resolve(mounts)
        with self._turn():
            self._adapters.load(stack)
            return self._adapters.kept(mounts, stack)

    def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Stream:
        ids = self.render_tokens(messages, prefill=prefill)
        answer = self._begun(ids, sampling)
        stack = None if adapters is None else resolve(adapters)
        return Stream(self._answer(ids, answer, stack, cancelled or _never))

    def complete_all(
        self,
        asked: Sequence[tuple[Sequence[Message], Sampling]],
        *,
        adapters: Sequence[Mount] | None = None,
        prefills: Sequence[str] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Completion]:
        """As the interface says: side by side, at a multiple of the speed of one after another."""
        prompts = [
            (self.render_tokens(messages, prefill=prefill), sampling)
            for (messages, sampling), prefill in zip(asked, prefills or [""] * len(asked), strict=True)
        ]
        questions = [
            Question(ids, self._begun(ids, sampling), len(ids) + sampling.max_tokens)
            for ids, sampling in prompts
        ]
        stack = None if adapters is None else resolve(adapters)
        try:
            with self._turn():
                serving = self._default if stack is None else stack
                if len(questions) == 1 and questions[0].room <= ASIDE_TOKENS:
                    return [self._aside(questions[0], serving, cancelled or _never)]
                pointers, names = self._adapters.pointers(serving), self._holds + serving.names
                return answer_all(self._native, pointers, names, questions, cancelled or _never)
        finally:
            for question in questions:
                question.answer.close()

    def _aside(self, question: Question, serving: Stack, cancelled: Callable[[], bool]) -> Completion:
        """One brief question; what the last one began with too is not read again."""
        with self._native.aside():
            said = Stream(self._computed(question.ids, question.answer, serving, cancelled))
            for _ in said:
                pass
            return said.completion

    @cached_property
    def tool_syntax(self) -> ToolSyntax | None:
        return self._template.syntax()

    def render(self, messages: Sequence[Message], add_generation_prompt: bool = True) -> str:
        return self._template.render(messages, add_generation_prompt)

    def render_tokens(
        self, messages: Sequence[Message], add_generation_prompt: bool = True, prefill: str = ""
    ) -> list[int]:
        fragments = self._template.fragments(messages, add_generation_prompt)
        words = self._vocabulary
        with self._native.model():
            begun = not words.adds_bos or fragments[0][0].startswith(words.text(words.bos))
            ids = [] if begun else [words.bos]
            for text, special in fragments:
                ids += words.tokenize_start(text, True) if special else words.tokenize(text, False)
            return ids + words.tokenize(prefill, False)

    def tokenize(self, text: str, special: bool = True) -> list[int]:
        with self._native.model():
            return self._vocabulary.tokenize(text, special)

    def piece(self, token_id: int) -> bytes:
        if not 0 <= token_id < self._vocabulary.size:
            raise BadInput(f"A token id must be from 0 to {self._vocabulary.size - 1}, and it is {token_id}.")
        with self._native.model():
            return self._vocabulary.piece(token_id)

    def count(self, text: str) -> int:
        return len(self.tokenize(text, special=False))

    def logits(
        self, token_ids: Sequence[int], *, adapters: Sequence[Mount] | None = None
    ) -> NDArray[np.float32]:
        outside = [t for t in token_ids if not 0 <= t < self._vocabulary.size]
        if outside or not token_ids:
            what = f"{outside[0]} is not one" if outside else "none was given"
            raise BadInput(
                f"Logits are computed for token ids from 0 to {self._vocabulary.size - 1}; {what}."
            )
        self._must_fit(len(token_ids), 0)
        stack = None if adapters is None else resolve(adapters)
        with self._turn():
            self._adapters.apply(self._default if stack is None else stack)
            return self._native.all_logits(token_ids)

    def score(
        self, messages: Sequence[Message], answer: str, *, adapters: Sequence[Mount] | None = None
    ) -> tuple[float, ...]:
        prompt, said = self.render_tokens(messages), self.tokenize(answer, special=False)
        if not said:
            return ()
        self._must_fit(len(prompt), len(said))
        stack = None if adapters is None else resolve(adapters)
        with self._turn():
            self._adapters.apply(self._default if stack is None else stack)
            self._native.read_prompt(prompt, _never)
            # The prompt's last token is computed again, with the answer, for the logits before the first
            # answer token.
            rows = self._native.all_logits([*prompt, *said[:-1]], keep=len(prompt) - 1)
        return tuple(log_softmax_at(rows, said).tolist())

    def close(self) -> None:
        self._free()

    def _begun(self, ids: list[int], sampling: Sampling) -> Answer:
        """An answer to `ids`, nothing written yet. ContextOverflow, EngineError for a grammar."""
        self._must_fit(len(ids), sampling.max_tokens)
        grammar = gbnf(sampling)
        with self._native.model():
            compiled = None if grammar is None else Grammar(self._native.vocabulary_handle, grammar)
        return Answer(sampling, compiled, self._vocabulary)

    def _answer(
        self, ids: list[int], answer: Answer, stack: Stack | None, cancelled: Callable[[], bool]
    ) -> Generator[Token, None, Completion]:
        try:
            with self._turn():
                serving = self._default if stack is None else stack
                return (yield from self._computed(ids, answer, serving, cancelled))
        finally:
            answer.close()

    def _computed(
        self, ids: list[int], answer: Answer, serving: Stack, cancelled: Callable[[], bool]
    ) -> Generator[Token, None, Completion]:
        """The answer, in the context in use. Stands inside a turn."""
        started = time.perf_counter()
        self._adapters.apply(serving)
        reused = self._native.read_prompt(ids, cancelled)
        if reused is None:
            answer.cancel()
        yield from self._tokens(answer, cancelled)
        seconds = time.perf_counter() - started
        return answer.completion(len(ids), reused or 0, seconds, self._holds + serving.names)

    def _tokens(self, answer: Answer, cancelled: Callable[[], bool]) -> Iterator[Token]:
        """Generated tokens, until the answer is over or cancelled."""
        while not answer.over:
            if cancelled():
                answer.cancel()
                return
            with self._native.computing():
                token = answer.take(self._native.last_logits())
            yield token
            if not answer.over:
                with self._native.computing():
                    self._native.advance(token.id)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        self._native.must_be_open()
        try:
            ticket = self._turns.acquire()
        except WouldWaitForItself as error:
            raise EngineError(
                "this thread is still reading another answer; read that stream to its end or close it first"
            ) from error
        try:
            self._native.must_be_open()
            yield
        finally:
            self._turns.release(ticket)

    def _must_fit(self, prompt: int, answer: int) -> None:
        if prompt + answer > self.context_tokens:
            raise ContextOverflow(prompt + answer, self.context_tokens)

    def _find_template(self) -> ChatTemplate:
        source = self._native.metadata("tokenizer.chat_template")
        if source is None:
            if not {"<|im_start|>", "<|im_end|>"} <= set(self._specials):
                raise EngineError("the model's GGUF carries no chat template (tokenizer.chat_template)")
            source = CHATML
        words = self._vocabulary
        return ChatTemplate(
            source, bos=words.text(words.bos), eos=words.text(words.eos), specials=self._specials
        )


def _never() -> bool:
    return False
