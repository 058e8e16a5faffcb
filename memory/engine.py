"""The wake engine: what every engine that answers by day must do, and the records it speaks in.

Promise: one interface for chat, constrained decoding, log-probabilities and adapter stacks, whoever
computes the tokens. Knows nothing of the journal, of sleep, or of what an answer is for.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from .errors import BadInput, EngineError

if TYPE_CHECKING:
    from .naming import Names
    from .tool_syntax import ToolSyntax

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "cancelled"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool as a chat template is told of it; `parameters` is a JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation. `content` is plain text: nothing in it acts as a special token.

    `tools` are those the whole conversation is offered, whichever message they stand with; a base whose
    template has no place for them is not told.
    """

    role: Role
    content: str
    tools: tuple[OfferedTool, ...] = ()

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise BadInput(f"A message's role must be one of {', '.join(ROLES)}, and it is {self.role!r}.")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        bound = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
        raise BadInput(f"Sampling's {name} must be {bound}, and it is {value!r}.")


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. The same settings, prompt and seed choose the same tokens.

    temperature 0 is greedy; top_k 0, top_p 1, min_p 0 and repeat_penalty 1 switch those filters off.
    `grammar` is GBNF with a `root` rule, `json_schema` is JSON text; at most one of the two. `top_logprobs`
    is how many alternatives are reported with each token. Raises BadInput for a value out of its range.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    seed: int = 0
    grammar: str | None = None
    json_schema: str | None = None
    top_logprobs: int = 0

    def __post_init__(self) -> None:
        _within("temperature", self.temperature, 0.0, math.inf)
        _within("top_p", self.top_p, 0.0, 1.0)
        _within("top_k", self.top_k, 0, math.inf)
        _within("min_p", self.min_p, 0.0, 1.0)
        _within("repeat_penalty", self.repeat_penalty, 0.01, 100.0)
        _within("max_tokens", self.max_tokens, 1, math.inf)
        _within("seed", self.seed, 0, 2**63 - 1)
        _within("top_logprobs", self.top_logprobs, 0, 1000)
        if not all(self.stop):
            raise BadInput("A stop string must not be empty.")
        if self.grammar is not None and self.json_schema is not None:
            raise BadInput("Sampling takes a grammar or a json_schema, and it was given both.")


GREEDY = Sampling()


def log_softmax_at(logits: NDArray[np.float32], ids: Sequence[int]) -> NDArray[np.float64]:
    """Natural-log probability [n] of one id after each row of `logits` [n, vocabulary]; summed in float64."""
    peaks = logits.max(axis=1, keepdims=True)
    totals = np.exp(logits - peaks).sum(axis=1, dtype=np.float64)
    chosen = logits[np.arange(len(ids)), list(ids)].astype(np.float64) - peaks[:, 0]
    return np.asarray(chosen - np.log(totals))


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    `text` is what became printable with it: whole characters, and nothing that may still turn out to be a
    stop string, so it is empty at times. `logprob` (natural log) and `top` ((id, logprob), best first) are
    the model's own, before temperature, filters or grammar. The end-of-turn token is reported too when the
    model chose it.
    """

    id: int
    text: str
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Mount:
    """An adapter to serve with: `name` is its id, `scale` multiplies its own alpha / rank. `opens` is how all
    answers begin that it was taught, for `adapter_gate`, and `declines` how those go on, after what they
    name, that were never told, for `readings`; `asks` is how what they name is asked for in plain words, with
    {} for the name after its first word, and `names` what it was taught to name; `watched` says that it is on
    trial. What an engine computes does not depend on these.
    """

    name: str
    path: Path
    scale: float = 1.0
    opens: str = field(default="", compare=False)
    declines: tuple[str, ...] = field(default=(), compare=False)
    asks: str = field(default="", compare=False)
    names: Names | None = field(default=None, compare=False)
    watched: bool = field(default=False, compare=False)


class OwnMounts(tuple[Mount, ...]):
    """`mounts` as one user's stack: nothing computed under it is used under another user's, so that how much
    of a prompt was cached, or how fast it was read, tells nobody what others were told.
    """

    mounts: Sequence[Mount]
    whose: object

    @classmethod
    def of(cls, mounts: Sequence[Mount], whose: object) -> Self:
        """`whose` tells users apart by what it is."""
        own = cls(mounts)
        own.mounts, own.whose = mounts, whose
        return own


@dataclass(frozen=True)
class Completion:
    """A finished answer; `text` is the join of the tokens' texts.

    `prompt_tokens` counts the whole prompt, prefill included, of which `reused_tokens` were still cached.
    `seconds` is the wall time from taking the engine's lock to the last token. `adapters` are the names
    mounted, in order.
    """

    text: str
    tokens: tuple[Token, ...]
    prompt_tokens: int
    reused_tokens: int
    finish: Finish
    seconds: float
    adapters: tuple[str, ...]


class Stream(Iterator[Token]):
    """The tokens of one answer as they come; after the last one, `completion` holds the whole.

    The engine is held from the first token until the stream is exhausted, closed or dropped: use `with`, or
    read it to its end.
    """

    def __init__(self, tokens: Generator[Token, None, Completion]) -> None:
        self._tokens = tokens
        self._completion: Completion | None = None

    def __next__(self) -> Token:
        try:
            return next(self._tokens)
        except StopIteration as stop:
            self._completion = stop.value or self._completion
            raise

    @property
    def completion(self) -> Completion:
        """The finished answer. EngineError while tokens are still to be read, or when closed early."""
        if self._completion is None:
            raise EngineError("the stream has not been read to its end, so there is no completion yet")
        return self._completion

    def close(self) -> None:
        """Stops generating and frees the engine for the next caller. May be called again."""
        self._tokens.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class WakeEngine(ABC):
    """Answers with the base weights and a stack of adapters. Threads may share it: they are served in order.

    Each call takes `adapters`: None for the default stack set by `mount`, `()` for the bare base, or a
    stack of its own. Every method raises EngineClosed after `close()`.
    """

    @property
    @abstractmethod
    def context_tokens(self) -> int:
        """The tokens a prompt and its answer may fill together."""

    @property
    @abstractmethod
    def mounted(self) -> tuple[Mount, ...]:
        """The default stack."""

    @abstractmethod
    def mount(self, mounts: Sequence[Mount]) -> None:
        """Makes `mounts` the default stack, without reloading the base.

        AdapterError names an adapter that cannot be served; the previous stack then goes on serving.
        """

    def kept(self, mounts: Sequence[Mount]) -> Sequence[Mount]:
        """`mounts` as a stack to name in calls, which goes on serving for as long as it is referred to,
        though its files should go away or change. Raises AdapterError.
        """
        return tuple(mounts)

    @abstractmethod
    def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Stream:
        """Answers `messages`, token by token.

        `prefill` is text the answer begins with and is not repeated in it. `cancelled` is asked before
        every token; once it says True the answer ends there, with finish "cancelled". Raises
        ContextOverflow when the prompt and `max_tokens` do not fit together, EngineError for a grammar or
        schema that cannot be used, AdapterError for an adapter that cannot be served.
        """

    def complete(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Completion:
        """Answers `messages` at once; as `stream`."""
        answer = self.stream(messages, sampling, adapters=adapters, prefill=prefill, cancelled=cancelled)
        with answer:
            for _ in answer:
                pass
            return answer.completion

    def complete_all(
        self,
        asked: Sequence[tuple[Sequence[Message], Sampling]],
        *,
        adapters: Sequence[Mount] | None = None,
        prefills: Sequence[str] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Completion]:
        """Answers many at once, each as `complete` would, in the order asked; an engine may do them side by
        side, and then rounds sums otherwise. `prefills` has one for each, or none has any.

        Those that are unfinished, or not begun, once `cancelled` says True have the finish "cancelled".
        """
        begins = prefills or [""] * len(asked)
        return [
            self.complete(messages, sampling, adapters=adapters, prefill=prefill, cancelled=cancelled)
            for (messages, sampling), prefill in zip(asked, begins, strict=True)
        ]

    @property
    def tool_syntax(self) -> ToolSyntax | None:
        """How the base's own template writes the call of a tool; None when it has no place for tools."""
        return None

    @abstractmethod
    def render(self, messages: Sequence[Message], add_generation_prompt: bool = True) -> str:
        """The messages as text, in the base's own chat template."""

    @abstractmethod
    def render_tokens(
        self, messages: Sequence[Message], add_generation_prompt: bool = True, prefill: str = ""
    ) -> list[int]:
        """The messages as the token ids the model is given: the one way from messages to tokens.

        Special tokens come from the template alone; a special token's text in a message or in `prefill`
        stays text. An answer that follows is `tokenize(answer, special=False)`, for training too.
        """

    @abstractmethod
    def tokenize(self, text: str, special: bool = True) -> list[int]:
        """Token ids of `text`, without BOS; `special` lets the text of special tokens stand for them."""

    @abstractmethod
    def piece(self, token_id: int) -> bytes:
        """The bytes a token adds to an answer, perhaps a part of a character; none for control tokens."""

    @abstractmethod
    def count(self, text: str) -> int:
        """How many tokens `text` is, as plain text."""

    def count_messages(self, messages: Sequence[Message]) -> int:
        """How many tokens of the context `messages` fill when an answer is asked for."""
        return len(self.render_tokens(messages))

    @abstractmethod
    def logits(
        self, token_ids: Sequence[int], *, adapters: Sequence[Mount] | None = None
    ) -> NDArray[np.float32]:
        """Raw logits [n, vocabulary] after each of the n tokens."""

    @abstractmethod
    def score(
        self, messages: Sequence[Message], answer: str, *, adapters: Sequence[Mount] | None = None
    ) -> tuple[float, ...]:
        """Natural-log probability of each token of `answer`, were it the reply to `messages`."""

    @abstractmethod
    def close(self) -> None:
        """Frees the model; ends a stream that is still open. May be called again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
