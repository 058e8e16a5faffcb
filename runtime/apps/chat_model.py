"""ChatDormouse: Dormouse's engine as a LangChain chat model.

Promise: tool calls and structured output are decoded under a grammar made from their schemas, so they are
valid with any base; an answer nobody waits for any more stops. Journals nothing: DormouseMemory, or an
`agent`, does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LangSmithParams, LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import ConfigDict, Field, SecretStr

from ...graphs.chat import ChatAnswer, ChatRequest, FunctionCall, with_system
from ...graphs.chatting import Chatting
from ...memory.engine import Sampling, Token
from ...memory.errors import BadInput
from ...memory.settings import ModelSettings
from ..agent import Agent
from ..running import Running
from ..spec import Spec
from . import messages as shapes
from .structured import structured
from .weights import Weights

Emit = Callable[[Token | FunctionCall], None]
Cancelled = Callable[[], bool]
Work = Callable[[Emit, Cancelled], ChatAnswer]
Answering = Running[Token | FunctionCall, ChatAnswer]


class ChatDormouse(BaseChatModel):
    """A chat model on Dormouse's engine, in this process.

    With `home`, the adapter its nights made answers too. With `agent`, that agent's engine answers, under its
    persona. Raises BadInput, EngineError and BaseWeightsError.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)

    model: str = Field(
        default="embedded", description="embedded, a GGUF's path, or hf://owner/repo/file.gguf."
    )
    home: Path | None = Field(default=None, description="The home whose adapter answers beside the base.")
    persona: str = Field(
        default_factory=lambda: Spec().persona,
        description="The system prompt that the home's nights trained under; used when an adapter answers.",
    )
    temperature: float = Field(default=0.0, ge=0, description="0 takes the likeliest token each time.")
    top_p: float = Field(default=1.0, gt=0, le=1, description="Draw from the likeliest tokens of this share.")
    max_tokens: int = Field(default=512, ge=1, description="Tokens an answer may have at most.")
    stop: list[str] | None = Field(
        default=None, alias="stop_sequences", description="Texts that end an answer."
    )
    seed: int = Field(default=0, ge=0, description="The same seed and prompt give the same answer.")
    top_logprobs: int | None = Field(
        default=None, ge=0, le=20, description="Report log-probabilities, with this many alternatives."
    )
    context_tokens: int = Field(default=4096, ge=256, description="Tokens a prompt and its answer may fill.")
    threads: int | None = Field(default=None, ge=1, description="Threads; by default one per physical core.")
    timeout: float | None = Field(
        default=None, gt=0, description="Seconds an answer may take, waiting included; then TimeoutError."
    )
    streaming: bool = Field(
        default=False, description="Whether invoke and batch stream inwardly, for callbacks."
    )
    max_retries: int = Field(
        default=0, ge=0, description="Taken for LangChain's sake: nothing here is retried."
    )
    api_key: SecretStr | None = Field(
        default=None, exclude=True, description="Taken for LangChain's sake: nothing leaves this process."
    )
    agent: Agent | None = Field(default=None, exclude=True, description="An agent to answer with.")

    @property
    def _llm_type(self) -> str:
        return "dormouse"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "temperature": self.temperature, "max_tokens": self.max_tokens}

    @cached_property
    def _weights(self) -> Weights:
        settings = ModelSettings(source=self.model, context_tokens=self.context_tokens, threads=self.threads)
        return Weights(settings, self.home)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "dormouse"
        params["ls_model_name"] = kwargs.get("model", self.model)
        params["ls_max_tokens"] = kwargs.get("max_tokens", self.max_tokens)
        params["ls_temperature"] = kwargs.get("temperature", self.temperature)
        if stopping := stop or self.stop:
            params["ls_stop"] = list(stopping)
        return params

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools. `tool_choice` is auto, none, any, or a tool's name; every call fits its schema,
        always, so `strict` changes nothing.
        """
        functions = tuple(shapes.function_of(tool) for tool in tools)
        choice = shapes.choice_of(tool_choice, [function.name for function in functions])
        return self.bind(functions=functions, function_choice=choice, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: Literal["json_schema", "function_calling", "json_mode"] = "json_schema",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Answers that fit `schema`. Whatever the `method`, generation is held to the schema."""
        return structured(self, schema, include_raw=include_raw, method=method, **kwargs)

    def get_num_tokens(self, text: str) -> int:
        """How many tokens `text` is, by the model's own tokenizer."""
        return self._weights.engine.count(text)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asked, model = self._asked(messages, stop, kwargs), model_named(self, kwargs)
        with self._running(asked, model) as running:
            answer = running.result
        return _result(answer, model, self._piece(kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        asked, model = self._asked(messages, stop, kwargs), model_named(self, kwargs)
        with self._running(asked, model) as running:
            for event in running:
                chunk = _chunk(event)
                if run_manager and isinstance(chunk.message.content, str) and chunk.message.content:
                    run_manager.on_llm_new_token(chunk.message.content, chunk=chunk)
                yield chunk
            yield _last_chunk(running.result, model, self._piece(kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asked, model = self._asked(messages, stop, kwargs), model_named(self, kwargs)
        running = await asyncio.to_thread(self._running, asked, model)
        try:
            answer = await asyncio.to_thread(lambda: running.result)
        finally:
            await _closed(running)
        return _result(answer, model, self._piece(kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        asked, model = self._asked(messages, stop, kwargs), model_named(self, kwargs)
        running = await asyncio.to_thread(self._running, asked, model)
        try:
            while (event := await asyncio.to_thread(next, running, None)) is not None:
                chunk = _chunk(event)
                if run_manager and isinstance(chunk.message.content, str) and chunk.message.content:
                    await run_manager.on_llm_new_token(chunk.message.content, chunk=chunk)
                yield chunk
            yield _last_chunk(running.result, model, self._piece(kwargs))
        finally:
            await _closed(running)

    def _asked(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> ChatRequest:
        logprobs = kwargs.get("top_logprobs", self.top_logprobs)
        sampling = Sampling(
            temperature=kwargs.get("temperature", self.temperature),
            top_p=kwargs.get("top_p", self.top_p),
            max_tokens=kwargs.get("max_tokens", self.max_tokens),
            stop=tuple(stop or self.stop or ()),
            seed=kwargs.get("seed", self.seed),
            json_schema=kwargs.get("json_schema"),
            top_logprobs=logprobs or 0,
        )
        functions = kwargs.get("functions", ())
        return ChatRequest(shapes.told(messages), functions, kwargs.get("function_choice", "auto"), sampling)

    def _running(self, request: ChatRequest, model: str) -> Answering:
        if model != self.model:
            other = self.model_copy(update={"model": model})
            return other._running(request, model)
        if self.timeout is None:
            return Running(lambda emit, cancelled: self._answer(request, emit, cancelled))
        return Running(timed(lambda emit, stopped: self._answer(request, emit, stopped), self.timeout))

    def _answer(self, request: ChatRequest, emit: Emit, cancelled: Cancelled) -> ChatAnswer:
        if self.agent is not None:
            heard = self.agent.hear(request, journal=False)
            return self.agent.answer(heard, emit, cancelled).answer
        engine, mounts = self._weights.serving()
        if mounts:  # what a night trained, it trained under this system prompt
            request = replace(request, messages=with_system(request.messages, self.persona))
        events = Chatting(engine, mounts, drop_oldest=False, cancelled=cancelled).run(request)
        while True:
            try:
                emit(next(events))
            except StopIteration as end:
                answer: ChatAnswer = end.value
                return answer

    def _piece(self, kwargs: dict[str, Any]) -> shapes.Piece | None:
        if kwargs.get("top_logprobs", self.top_logprobs) is None or self.agent is not None:
            return None
        return self._weights.engine.piece


def timed(work: Work, timeout_s: float) -> Work:
    """`work`, stopped after `timeout_s`; TimeoutError then."""
    deadline = time.monotonic() + timeout_s

    def run(emit: Emit, cancelled: Cancelled) -> ChatAnswer:
        answer = work(emit, lambda: cancelled() or time.monotonic() > deadline)
        if answer.finish == "cancelled" and not cancelled():
            raise TimeoutError(f"The answer was not there after {timeout_s:g} seconds.")
        return answer

    return run


def model_named(model: ChatDormouse, kwargs: dict[str, Any]) -> str:
    """The base that answers one call: another may be named for it. Raises BadInput beside an agent."""
    named = str(kwargs.get("model", model.model))
    if model.agent is not None and named != model.model:
        raise BadInput(f"An agent answers with its own base, and the model {named!r} was asked for.")
    return named


def _result(answer: ChatAnswer, model: str, piece: shapes.Piece | None) -> ChatResult:
    message = shapes.said(answer, model, piece)
    return ChatResult(generations=[ChatGeneration(message=message)])


def _chunk(event: Token | FunctionCall) -> ChatGenerationChunk:
    if isinstance(event, FunctionCall):
        return ChatGenerationChunk(message=shapes.called(event, 0))
    return ChatGenerationChunk(message=AIMessageChunk(content=event.text))


def _last_chunk(answer: ChatAnswer, model: str, piece: shapes.Piece | None) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=shapes.ended(answer, model, piece))


async def _closed(running: Answering) -> None:
    """Stops the work even when this very task is being cancelled."""
    await asyncio.shield(asyncio.to_thread(running.close))
