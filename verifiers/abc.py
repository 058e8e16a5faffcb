"""The one interface of all verifiers: a claim, or a trajectory, and its evidence in, a verdict out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict

from .settings import SandboxSettings

Outcome = Literal["passed", "failed", "unsure"]
Kind = Literal["text", "texts", "number", "flag", "json", "rows"]


class Said(str):
    """What a model said, and the `tokens` that it read and wrote for it."""

    __slots__ = ("tokens",)
    tokens: int

    def __new__(cls, text: str, tokens: int = 0) -> Self:
        said = super().__new__(cls, text)
        said.tokens = tokens
        return said


def tokens_of(*said: str) -> int:
    """What these cost together, as far as it is known."""
    return sum(each.tokens for each in said if isinstance(each, Said))


Ask = Callable[[str, Sequence[str]], str]
"""A model, asked a question that it can only answer with one of the choices; gives the choice."""
Sample = Callable[[str, int], Sequence[str]]
"""A model, asked a question; gives that many answers, drawn independently."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a trajectory: a tool that was called (`name`, `arguments`) and its `result`, or words."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    result: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be judged.

    `text` is the answer or statement; `source` the words it is said to rest on, or the question it answers;
    `expect` and `forbid` are strings of which any, respectively none, must be held by `text`. `steps`, if
    there are any, make it a trajectory that ended in `text`. `fields` is what else a verifier reads, by name.
    """

    text: str
    source: str = ""
    expect: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`evidence` is for a person to check. `seconds` is wall time; what it cost otherwise: `cpu_s`, the
    seconds of processor time spent in other processes, and `tokens`, what models read and wrote.
    """

    outcome: Outcome
    evidence: str
    seconds: float = 0.0
    cpu_s: float = 0.0
    tokens: int = 0

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"


@dataclass(frozen=True, slots=True)
class Key:
    """One thing a verifier reads from a line of a file, or from `Claim.fields`."""

    kind: Kind
    needed: bool = False


class OtherModel(Protocol):
    """A model beside the agent's own: a `Sample` that can be closed."""

    def __call__(self, question: str, count: int, /) -> Sequence[str]: ...

    def close(self) -> None:
        """Gives its memory back. Safe to call twice."""


@dataclass(frozen=True, slots=True)
class Means:
    """What verifiers may use: a sandbox's settings, and models if there are any.

    `other` gives a model by what the spec calls it (`embedded`, a path, hf://owner/repo/file.gguf), which is
    opened when it is first asked and stays open until it is closed.
    """

    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    ask: Ask | None = None
    sample: Sample | None = None
    other: Callable[[str], OtherModel] | None = None


class NoOptions(BaseModel):
    """A verifier without settings of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Verifier(ABC):
    """Judges one claim; never raises for a claim it can read, never changes anything. Safe to use from
    several threads.

    A claim it cannot read raises UnusableCheck; the sandbox may raise NoSandbox and SandboxBroke.
    """

    name: str
    keys: ClassVar[Mapping[str, Key]] = {"answer": Key("text", needed=True)}
    """What it reads: `answer`, `source`, `expect` and `forbid` are the claim's own, the rest its `fields`."""
    Options: ClassVar[type[BaseModel]] = NoOptions
    """Its settings in the spec."""
    paths: ClassVar[tuple[str, ...]] = ()
    """Those of its settings and `keys` that name files or models: in a spec they count from its folder."""

    @classmethod
    def build(cls, options: BaseModel, means: Means) -> Self:
        """The verifier with these `Options`."""
        return cls()

    @classmethod
    def fault(cls, given: Mapping[str, Any]) -> str | None:
        """What is wrong with values of its `keys` that are given for every claim, as a clause; None if it is
        all right.
        """
        return None

    @abstractmethod
    def judge(self, claim: Claim) -> Verdict:
        """Returns the verdict with evidence a person can read."""

    def close(self) -> None:  # noqa: B027  most hold none
        """Lets go of processes it holds, if any. Safe to call twice."""


def strings(value: Any) -> tuple[str, ...]:
    """A string, or a list of them, as a tuple; anything else is none."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if all_text(value) else ()


def all_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
