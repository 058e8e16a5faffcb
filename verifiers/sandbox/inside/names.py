"""What may be named across: modules, and the classes and functions of modules that only compute.

Promise: a name that comes over never gives access to files, frames or the interpreter.
"""

from __future__ import annotations

import builtins
import sys

from .wire import WireError, encode

TYPE_CHECKING = False  # `typing` takes longer to import than most code takes to judge
if TYPE_CHECKING:
    from typing import Any


def _words(text: str) -> list[str]:
    return text.split()


# Whose classes and functions may be named across: all of them compute, and none reaches files or frames.
PURE_MODULES = frozenset(
    _words(
        "math cmath operator itertools functools collections string re heapq bisect random statistics "
        "decimal fractions datetime typing copy numbers json"
    )
)
_NO_BUILTINS = frozenset(
    _words(
        "eval exec compile open input __import__ globals locals vars getattr setattr delattr breakpoint "
        "exit quit help memoryview super"
    )
)


def named(value: Any) -> tuple[str, str, str] | None:
    """How a module, or a class or function of a pure one, is named; None for all else."""
    if isinstance(value, type(sys)):
        return ("named", value.__name__, "")
    if type(value) not in _NAMED_TYPES:
        return None
    module, name = getattr(value, "__module__", None) or "builtins", value.__qualname__
    for home in (module, module.lstrip("_")):
        if (home in PURE_MODULES or home == "builtins") and name not in _NO_BUILTINS:
            found = getattr(sys.modules.get(home), name, None)
            if found is value:
                return ("named", home, name)
    return None


def by_name(module: str, name: str) -> Any:
    if module == "builtins" and name and name not in _NO_BUILTINS and hasattr(builtins, name):
        return getattr(builtins, name)
    if module in PURE_MODULES:
        found = __import__(module)
        if not name:
            return found
        inner = getattr(found, name, None)
        if type(inner) in _NAMED_TYPES:
            return inner
    if not name and module in sys.stdlib_module_names:
        return ModuleName(module)
    raise WireError(f"{module}.{name} is not for the other side to name")


_NAMED_TYPES: tuple[type, ...] = (type, type(_words), type(len))  # `types` takes time to import


class ModuleName(str):
    """A module the other side has, by name."""


def error_class(kind: type) -> str:
    for base in kind.__mro__:
        if getattr(builtins, base.__name__, None) is base:
            return str(base.__name__)
    return "Exception"


def plain_arguments(error: BaseException) -> tuple[Any, ...]:
    try:
        encode(error.args, _refused)
    except (WireError, RecursionError):
        return (str(error),)
    return error.args


def _refused(value: Any) -> Any:
    raise WireError("not plain")
