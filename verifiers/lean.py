"""`lean`: a proof passes when Lean 4 accepts it in the sandbox, with no axioms but its usual ones.

Promise: without Lean it is unsure and says so. A proof that could run code while it is checked is unsure:
such code could end the checking.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel

from .abc import Claim, Key, Means, Verdict, Verifier
from .errors import UnusableCheck
from .sandbox.abc import Job
from .sandbox.choose import open_sandbox
from .settings import SandboxSettings
from .tests import broken_off

_MEMORY_MIB = 16_384  # address space: Lean maps its library
_RUNS_CODE = re.compile(
    r"#eval|#reduce|\b(?:run_cmd|run_elab|run_meta|elab|elab_rules|macro|macro_rules|syntax|initialize|builtin_\w+"
    r"|unsafe|implemented_by|extern|native_decide|partial|IO|opaque|csimp)\b"
)
_THEOREM = re.compile(
    r"^\s*(?:@\[[^\]]*\]\s*)?(?:private\s+|protected\s+)?(?:theorem|lemma)\s+([^\s:({\[]+)", re.M
)
_USUAL_AXIOMS = {"propext", "Classical.choice", "Quot.sound"}


class Lean(Verifier):
    """Judges `fields["code"]` (else the text), a Lean 4 file with at least one named theorem."""

    name = "lean"
    keys: ClassVar[Mapping[str, Key]] = {"code": Key("text", needed=True)}

    def __init__(self, sandbox: SandboxSettings | None = None) -> None:
        self._settings = sandbox or SandboxSettings()

    @classmethod
    def build(cls, options: BaseModel, means: Means) -> Self:
        return cls(means.sandbox)

    def judge(self, claim: Claim) -> Verdict:
        source = str(claim.fields.get("code", claim.text))
        theorems = _THEOREM.findall(source)
        if not theorems:
            raise UnusableCheck("it states no named theorem")
        program = _installed()
        if program is None:
            return Verdict("unsure", "lean is not installed, so the proof was not checked")
        if found := _RUNS_CODE.search(source):
            return Verdict("unsure", f"{found[0]} could run code while the proof is checked")
        text = source + "".join(f"\n#print axioms {name}" for name in theorems) + "\n"
        secret = {
            "stdin": "",
            "arguments": [str(program), "Claim.lean"],
            "file": ("Claim.lean", text),
        }
        prefix = program.parent.parent
        job = Job("program", "", secret, read_only=(prefix,), memory_mib=_MEMORY_MIB)
        ended = open_sandbox(self._settings).run(job)
        if ended.how != "reported":
            return broken_off(ended, self._settings)
        said = bytes(ended.report["stdout"]).decode(errors="replace")
        fault = _fault(int(ended.report["status"]), said, theorems)
        return Verdict(
            "failed" if fault else "passed",
            fault or f"Lean accepts {', '.join(theorems)}",
            ended.seconds,
            ended.cpu_s,
        )


def _fault(status: int, said: str, theorems: list[str]) -> str:
    """Why the proof does not hold; empty when it does."""
    if status:
        errors = [line for line in said.splitlines() if "error" in line] or [f"it ended with status {status}"]
        return f"Lean refuses it: {errors[0][:300]}"
    for name in theorems:
        found = re.search(
            rf"'{re.escape(name)}' (does not depend on any axioms|depends on axioms: \[([^\]]*)\])", said
        )
        if found is None:
            return f"Lean did not say what {name} rests on"
        strange = {axiom.strip() for axiom in (found[2] or "").split(",")} - _USUAL_AXIOMS - {""}
        if strange:
            return f"{name} rests on {', '.join(sorted(strange))}"
    return ""


@cache
def _installed() -> Path | None:
    """The `lean` program itself, behind any version manager."""
    found = shutil.which("lean")
    if found is None:
        return None
    asked = subprocess.run([found, "--print-prefix"], capture_output=True, text=True, check=False, timeout=60)
    program = Path(asked.stdout.strip()) / "bin" / "lean"
    return program.resolve() if asked.returncode == 0 and program.is_file() else None
