"""Dormouse: an assistant that sleeps what it was told into its weights, and wakes up knowing.

The public face; each name is loaded when it is first used, so that `import dormouse` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .memory.errors import BadInput, DormouseError
    from .memory.records import Memory
    from .runtime.agent import Agent
    from .runtime.records import Answer, Reply, ToldReport
    from .runtime.spec import Spec
    from .sleep.exam import ExamItem, ExamReport
    from .sleep.records import NightReport, Progress

__all__ = [
    "Agent",
    "Answer",
    "BadInput",
    "DormouseError",
    "ExamItem",
    "ExamReport",
    "Memory",
    "NightReport",
    "Progress",
    "Reply",
    "Spec",
    "ToldReport",
]

_HOMES = {
    "Agent": "runtime.agent",
    "Answer": "runtime.records",
    "BadInput": "memory.errors",
    "DormouseError": "memory.errors",
    "ExamItem": "sleep.exam",
    "ExamReport": "sleep.exam",
    "Memory": "memory.records",
    "NightReport": "sleep.records",
    "Progress": "sleep.records",
    "Reply": "runtime.records",
    "Spec": "runtime.spec",
    "ToldReport": "runtime.records",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("dormouse")
    if name not in _HOMES:
        raise AttributeError(f"module 'dormouse' has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *globals()])
