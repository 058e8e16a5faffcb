"""`simulator`: a trajectory passes when a callable that the spec declares rewards it enough.

Promise: the callable is yours and runs in this process, as you; one that fails, or takes too long, leaves
the claim unsure.
"""

from __future__ import annotations

import importlib
import math
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from .abc import Claim, Means, Verdict, Verifier
from .errors import UnusableCheck


class SimulatorOptions(BaseModel):
    """Which callable rewards a claim, and how much is enough."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    callable: str = Field(
        pattern=r"^[\w.]+:[\w.]+$",
        description="module:function; it is given the claim and returns a reward.",
    )
    least: float = Field(default=0.5, description="The reward from which a claim passes.")
    timeout_s: float = Field(default=10.0, gt=0, le=3600, description="Seconds it may take.")


class Simulator(Verifier):
    """Judges the claim, its `steps` included, by the reward (a number) that `reward(claim)` returns."""

    name = "simulator"
    Options = SimulatorOptions

    def __init__(self, reward: Callable[[Claim], Any], least: float = 0.5, timeout_s: float = 10.0) -> None:
        self._reward, self._least, self._timeout_s = reward, least, timeout_s

    @classmethod
    def build(cls, options: BaseModel, means: Means) -> Self:
        assert isinstance(options, SimulatorOptions)
        module, _, name = options.callable.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            raise UnusableCheck(f"the simulator {options.callable} is not there ({error})") from None
        if not callable(found):
            raise UnusableCheck(f"the simulator {options.callable} cannot be called")
        return cls(found, options.least, options.timeout_s)

    def judge(self, claim: Claim) -> Verdict:
        started = time.perf_counter()
        given: list[Any] = []

        def run() -> None:
            try:
                given.append(self._reward(claim))
            except Exception as error:  # noqa: BLE001  whatever the user's callable raises leaves the claim unsure
                given.append(error)

        thread = threading.Thread(target=run, daemon=True, name="simulator")
        thread.start()
        thread.join(self._timeout_s)
        seconds = time.perf_counter() - started
        if not given:
            return Verdict("unsure", f"the simulator gave no reward within {self._timeout_s:g} s", seconds)
        reward = given[0]
        if isinstance(reward, Exception):
            return Verdict("unsure", f"the simulator failed: {type(reward).__name__}: {reward}", seconds)
        if isinstance(reward, bool) or not isinstance(reward, int | float) or math.isnan(reward):
            return Verdict("unsure", f"the simulator gave {reward!r}, which is no reward", seconds)
        enough = reward >= self._least
        words = f"the reward is {reward:g}, {'at least' if enough else 'below'} {self._least:g}"
        return Verdict("passed" if enough else "failed", words, seconds)
