"""The checkup of a machine for one spec: what the memory room finds there, and the sandbox it would use.

Promise: what cannot be found out, or will not work, is said, not raised.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..memory.doctor import Checkup, inspect
from ..memory.home import cache_path, default_home
from ..verifiers.errors import NoSandbox
from ..verifiers.sandbox.choose import open_sandbox
from .spec import Spec


def check_up(spec: Spec, home: Path | None = None, *, check: bool = False) -> Checkup:
    """All findings. With `check` the parity of the base is measured if no record of it is kept."""
    found = inspect(spec.model, home or default_home(), cache_path(), store=spec.memory.store, check=check)
    try:
        sandbox, problems = open_sandbox(spec.sandbox).name, found.problems
    except NoSandbox as error:
        sandbox, problems = "none that works", (*found.problems, str(error))
    if spec.sandbox.kind == "none":
        sandbox = "none, as the spec says: code that a model wrote runs as you"
    return replace(found, backends={**found.backends, "sandbox": sandbox}, problems=problems)
