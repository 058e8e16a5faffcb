"""The one interface of all verifiers: a claim, or a trajectory, and its evidence in, a verdict out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict

from .settings import SandboxSettings

Outcome = Literal["passed", "failed", "unsure"]
Kind = Literal["text", "texts", "number", "flag", "json", "rows"]
Ask = Callable[[str, Sequence[str]], str]
"""A model, asked a question that it can only answer with one of the choices; gives the choice."""
Sample = Callable[[str, int], Sequence[str]]
"""A model (or several), asked a question; gives that many answers, drawn independently."""


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


@dataclass(frozen=True, slots=True)
class Means:
    """What verifiers may use: a sandbox's settings, and models if there are any."""

    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    ask: Ask | None = None
    sample: Sample | None = None


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

    @classmethod
    def build(cls, options: BaseModel, means: Means) -> Self:
        """The verifier with these `Options`."""
        return cls()

    @abstractmethod
    def judge(self, claim: Claim) -> Verdict:
        """Returns the verdict with evidence a person can read."""

    def close(self) -> None:  # noqa: B027  most hold none
        """Lets go of processes it holds, if any. Safe to call twice."""
