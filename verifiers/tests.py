"""`tests`: code passes when the given tests hold for it, run in the sandbox.

Promise: the tests run in a process that the code cannot reach, on plain values the code gave; what it
prints, raises, patches or exits with cannot make them hold. Tests that never use the code leave it unsure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import BaseModel

from .abc import Claim, Key, Means, Verdict, Verifier
from .errors import UnusableCheck
from .sandbox.abc import Ended, Job
from .sandbox.choose import open_sandbox
from .settings import SandboxSettings


class GivenTests(Verifier):
    """Judges `fields["code"]` (else the text) by `fields["tests"]`: assertions as text or a list, test
    functions, unittest cases, or a `check(candidate)` that is given the function `fields["entry_point"]`.
    """

    name = "tests"
    keys: ClassVar[Mapping[str, Key]] = {
        "code": Key("text", needed=True),
        "tests": Key("texts", needed=True),
        "entry_point": Key("text"),
        "setup": Key("texts"),
    }

    def __init__(self, sandbox: SandboxSettings | None = None) -> None:
        self._settings = sandbox or SandboxSettings()

    @classmethod
    def build(cls, options: BaseModel, means: Means) -> Self:
        return cls(means.sandbox)

    def judge(self, claim: Claim) -> Verdict:
        fields = claim.fields
        tests = "\n".join([*_lines(fields.get("setup", ())), *_lines(fields.get("tests", ()))])
        if not tests.strip():
            raise UnusableCheck("there are no tests")
        secret = {"tests": tests, "entry_point": fields.get("entry_point", "")}
        ended = open_sandbox(self._settings).run(Job("tests", fields.get("code", claim.text), secret))
        if ended.how != "reported":
            return broken_off(ended, self._settings)
        outcome, evidence = ended.report["outcome"], ended.report["evidence"]
        if outcome == "unusable":
            raise UnusableCheck(evidence)
        return Verdict(outcome, evidence, ended.seconds, ended.cpu_s)


def broken_off(ended: Ended, settings: SandboxSettings) -> Verdict:
    """The verdict on code that did not let its judge finish."""
    reasons = {
        "timeout": f"still running after {settings.timeout_s:g} s",
        "memory": f"its processes held more than {settings.memory_mib} MiB together",
        "processes": f"it had more than {settings.processes} processes",
        "broke off": "its judge was killed before there was a verdict",
    }
    return Verdict("failed", reasons[ended.how], ended.seconds, ended.cpu_s)


def _lines(given: object) -> list[str]:
    if isinstance(given, str):
        return [given]
    return [str(line) for line in given] if isinstance(given, list | tuple) else []
