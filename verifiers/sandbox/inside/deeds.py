"""What one process may have the other do to its objects, as plain functions."""

from __future__ import annotations

import builtins

TYPE_CHECKING = False  # `typing` takes longer to import than most code takes to judge
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _words(text: str) -> list[str]:
    return text.split()


BINARY = _words(
    "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift lt le gt ge radd rsub rmul "
    "rtruediv rfloordiv rmod rpow rand ror rxor"
)
ORDER = ("lt", "le", "gt", "ge")
UNARY = _words("neg pos abs invert int float index len bool iter next str repr hash reversed enter round")
DEEDS: dict[str, Callable[..., Any]] = {
    "get": getattr,
    "set": setattr,
    "item": lambda target, key: target[key],
    "setitem": lambda target, key, value: target.__setitem__(key, value),
    "delitem": lambda target, key: target.__delitem__(key),
    "contains": lambda target, item: item in target,
    "eq": lambda target, other: target == other,
    "exit": lambda target: target.__exit__(None, None, None),
    "await": lambda target: __import__("asyncio").run(_awaited(target)),
}


async def _awaited(target: Any) -> Any:
    return await target


def operated(op: str, target: Any, name: str, *others: Any) -> Any:
    if op == "unary" and name in UNARY:
        if name == "enter":
            return target.__enter__()
        if name == "index":
            return target.__index__()
        function: Callable[..., Any] = getattr(builtins, name)
        return function(target, *others)
    if op == "binary" and name in BINARY:
        result = getattr(target, f"__{name}__")(*others)
        if result is NotImplemented:
            raise TypeError(f"unsupported operand for {name}: {type(target).__name__!r}")
        return result
    raise TypeError(f"{op} is not known")


def renew(old: Any, new: Any) -> Any:
    """Makes `old` hold what `new` holds, in place, down to the containers both have; returns what to keep."""
    if type(old) is not type(new):
        return new
    if isinstance(old, list):
        old[:] = [renew(a, b) for a, b in zip(old, new, strict=False)] + new[len(old) :]
    elif isinstance(old, dict):
        renewed = {key: renew(old[key], value) if key in old else value for key, value in new.items()}
        old.clear()
        old.update(renewed)
    elif isinstance(old, set):
        old.clear()
        old.update(new)
    elif isinstance(old, bytearray):
        old[:] = new
    elif isinstance(old, tuple) and len(old) == len(new):
        for before, after in zip(old, new, strict=True):
            renew(before, after)
    else:
        return new
    return old
