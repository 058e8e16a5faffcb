"""`python`: a program passes when it runs to its last line in the sandbox and prints what was expected.

Promise: it says that the program ran, and what it printed; whether that is right, only `expect` or
assertions say. One that exits by itself before its end, without anything expected of it, is unsure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import BaseModel

from .abc import Claim, Key, Means, Verdict, Verifier
from .sandbox.abc import Job
from .sandbox.choose import open_sandbox
from .settings import SandboxSettings
from .tests import broken_off

_SHOWN_CHARS = 120


class Python(Verifier):
    """Judges `fields["code"]` (else the text), given `fields["stdin"]`. With `expect`, its output must
    equal one of these, spaces around aside.
    """

    name = "python"
    keys: ClassVar[Mapping[str, Key]] = {
        "code": Key("text", needed=True),
        "stdin": Key("text"),
        "expect": Key("texts"),
    }

    def __init__(self, sandbox: SandboxSettings | None = None) -> None:
        self._settings = sandbox or SandboxSettings()

    @classmethod
    def build(cls, options: BaseModel, means: Means) -> Self:
        return cls(means.sandbox)

    def judge(self, claim: Claim) -> Verdict:
        secret = {"stdin": str(claim.fields.get("stdin", "")), "arguments": []}
        job = Job("program", str(claim.fields.get("code", claim.text)), secret)
        ended = open_sandbox(self._settings).run(job)
        if ended.how != "reported":
            return broken_off(ended, self._settings)
        how, status = str(ended.report["how"]), int(ended.report["status"])
        printed = bytes(ended.report["stdout"]).decode(errors="replace").strip()
        left = how.startswith(("it left by sys.exit(0)", "it left by sys.exit(None)"))
        if how != "end" and not (left and status == 0):
            outcome, evidence = "failed", how
        elif claim.expect:
            held = any(printed == expected.strip() for expected in claim.expect)
            outcome, evidence = ("passed" if held else "failed"), f"it printed {_shown(printed)}"
        elif left:
            outcome, evidence = "unsure", f"{how} before its last line, which shows nothing"
        else:
            outcome, evidence = "passed", f"it ran to its last line and printed {_shown(printed)}"
        return Verdict(outcome, evidence, ended.seconds, ended.cpu_s)  # type: ignore[arg-type]


def _shown(text: str) -> str:
    if not text:
        return "nothing"
    text = repr(text)
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
