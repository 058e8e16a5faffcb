"""Which sandbox works here: the one the settings name, or the first that does.

Promise: a sandbox is used only after a job was run in it; where none works, code is refused.
"""

from __future__ import annotations

import shutil
from functools import lru_cache

from ..errors import NoSandbox, SandboxBroke
from ..settings import SandboxSettings
from . import seccomp
from .abc import Job, Sandbox
from .bare import Bare
from .bubblewrap import Bubblewrap
from .namespaces import Namespaces

KINDS: dict[str, type[Sandbox]] = {kind.name: kind for kind in (Bubblewrap, Namespaces, Bare)}
_TRUSTED = ("bubblewrap", "namespaces")
_PROBE = Job("tests", "def one(): return 1", {"tests": "assert one() == 1", "entry_point": ""})


@lru_cache(maxsize=16)
def open_sandbox(settings: SandboxSettings) -> Sandbox:
    """The sandbox that `settings` ask for. Raises NoSandbox when it does not work here."""
    if settings.kind == "none":
        return Bare(settings)
    tried: list[str] = []
    for name in _TRUSTED if settings.kind == "auto" else (settings.kind,):
        if fault := _fault(name, settings):
            tried.append(f"{name}: {fault}")
        else:
            return KINDS[name](settings)
    raise NoSandbox(tried)


def _fault(name: str, settings: SandboxSettings) -> str | None:
    """Why this sandbox does not work here, as a clause."""
    if not seccomp.known_machine():
        return "its system call filter is not made for this processor"
    if name == Bubblewrap.name and shutil.which("bwrap") is None:
        return "bwrap is not installed"
    try:
        ended = KINDS[name](settings.model_copy(update={"timeout_s": 30.0})).run(_PROBE)
    except SandboxBroke as error:
        return error.reason
    return (
        None if ended.report.get("outcome") == "passed" else f"a trial in it did not end well ({ended.how})"
    )
