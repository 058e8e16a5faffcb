"""What a toolbox of tests stands in: nothing recalled, nothing forgotten, its warnings in a list."""

from __future__ import annotations

from contextlib import ExitStack

from dormouse.memory.journal import Journal
from dormouse.runtime.toolbox.build import Surroundings
from dormouse.verifiers.settings import SandboxSettings


def around(journal: Journal, warnings: list[str], closing: ExitStack) -> Surroundings:
    return Surroundings(
        journal=journal,
        search=lambda text, k: [],
        screen=lambda: str,
        forget=len,
        sandbox=SandboxSettings(),
        warn=warnings.append,
        unwarn=warnings.remove,
        closing=closing,
    )
