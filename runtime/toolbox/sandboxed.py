"""`python`: a program the model wrote, run in the sandbox the spec declares.

Promise: it runs nowhere else; where no sandbox works the call fails and says so. What it prints, and the
value of a last line that is an expression, is the result.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ...graphs.abc import Tool, ToolFailed
from ...verifiers.errors import VerifierError
from ...verifiers.sandbox.abc import Job
from ...verifiers.sandbox.choose import open_sandbox
from ...verifiers.settings import SandboxSettings

_LONGEST_CODE = 4000


class PythonTool(Tool):
    """Runs one program per call; nothing is kept between two."""

    name = "python"
    description = "runs a Python program and gives what it prints"
    example: tuple[str, Mapping[str, Any]] | None = (
        "What is the 20th Fibonacci number?",
        {"code": "a, b = 0, 1\nfor _ in range(20):\n    a, b = b, a + b\nprint(a)"},
    )
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"code": {"type": "string", "minLength": 1, "maxLength": _LONGEST_CODE}},
        "required": ["code"],
        "additionalProperties": False,
    }

    def __init__(self, sandbox: SandboxSettings) -> None:
        self._settings = sandbox

    def call(self, arguments: Mapping[str, Any]) -> str:
        job = Job("program", _shown_at_the_end(arguments["code"]), {"stdin": "", "arguments": []})
        try:
            ended = open_sandbox(self._settings).run(job)
        except VerifierError as error:
            raise ToolFailed(str(error).rstrip(".")) from error
        if ended.how != "reported":
            raise ToolFailed(f"the program was stopped ({ended.how}) after {ended.seconds:.1f} s")
        printed = bytes(ended.report["stdout"]).decode(errors="replace").strip()
        how = str(ended.report["how"])
        if how == "end":
            return printed or "It ran, and printed nothing."
        raise ToolFailed(f"{how}\n{printed}".strip())


def _shown_at_the_end(code: str) -> str:
    """The program, with the value of its last expression printed, as a prompt would show it."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code  # the sandbox says what is wrong with it
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        return code
    last = tree.body[-1].value
    if isinstance(last, ast.Call) and isinstance(last.func, ast.Name) and last.func.id == "print":
        return code
    shown = ast.parse("print(*[_ for _ in [0] if _ is not None])").body[0]
    listed = shown.value.args[0].value  # type: ignore[attr-defined]
    listed.generators[0].iter = ast.List([last], ast.Load())
    tree.body[-1] = shown
    return ast.unparse(ast.fix_missing_locations(tree))
