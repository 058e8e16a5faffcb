"""Calls between the judge and the code: each side sees the other's functions, classes and objects as proxies.

Promise: what comes over as a value is plain; a proxy equals no plain value, so an object that claims to equal
everything equals nothing here. A guard says what the other side may ask for.
"""

from __future__ import annotations

import builtins
import os

from .deeds import BINARY, DEEDS, ORDER, UNARY, operated, renew
from .names import by_name, error_class, named, plain_arguments
from .wire import MOST_BYTES, WireError, decode, encode

TYPE_CHECKING = False  # `typing` takes longer to import than most code takes to judge
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Guard = Callable[[str, Any, tuple[Any, ...]], bool]

_MUTABLE: tuple[Any, ...] = (list, dict, set, bytearray)
_IMMUTABLE: tuple[Any, ...] = (tuple, str, int, float, frozenset, bytes)


class PeerGone(BaseException):
    """The other process has ended. Not an Exception, so that no test swallows it."""


class RemoteType(type):
    """The class of proxied classes: calling one makes an object over there."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        peer, number = cls.__dict__["_peer"], cls.__dict__["_number"]
        return peer.ask("call", peer.theirs(number), args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        peer, number = cls.__dict__["_peer"], cls.__dict__["_number"]
        return peer.ask("get", peer.theirs(number), name)


class Remote:
    """An object of the other process. `_plain` holds its value where its class extends a plain type."""

    def __init__(self, peer: Peer, number: int, name: str, plain: Any = None) -> None:
        for key, value in (("_peer", peer), ("_number", number), ("_name", name), ("_plain", plain)):
            object.__setattr__(self, key, value)

    def __getattr__(self, name: str) -> Any:
        if name == "__name__":
            return self._name
        if name.startswith("__"):
            raise AttributeError(name)
        return self._peer.ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._peer.ask("set", self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._peer.ask("call", self, args, kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self._peer.ask("item", self, key) if self._plain is None else self._plain[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._peer.ask("setitem", self, key, value)

    def __delitem__(self, key: Any) -> None:
        self._peer.ask("delitem", self, key)

    def __contains__(self, item: Any) -> bool:
        if self._plain is not None:
            return item in self._plain
        if not self._is_of_a_named_class():
            return any(item == each for each in iter(self))
        return self._says("contains", item)

    def __exit__(self, *error: Any) -> Any:
        return self._peer.ask("exit", self)

    def __await__(self) -> Iterator[Any]:
        return self._peer.ask("await", self)  # type: ignore[no-any-return]
        yield

    def __eq__(self, other: object) -> bool:
        if self._plain is not None:
            return bool(self._plain == (other._plain if isinstance(other, Remote) else other))
        if not isinstance(other, Remote) or other._peer is not self._peer:
            return False
        return self._number == other._number or (self._is_of_a_named_class() and self._says("eq", other))

    def __hash__(self) -> int:
        if self._plain is not None:
            return hash(self._plain)
        return hash(self._peer.ask("unary", self, "hash") if self._is_of_a_named_class() else self._number)

    def _is_of_a_named_class(self) -> bool:
        """Whether this side asked for the object's class by name, so that its operators are what it wants."""
        known = type(self)
        return isinstance(known, RemoteType) and known.__dict__["_number"] in self._peer.named

    def _says(self, *question: Any) -> bool:
        """A yes, unless the object says it to a value made up this instant too: then it means nothing."""
        op, *rest = question
        if self._peer.ask(op, self, *rest) is not True:
            return False
        try:
            return self._peer.ask(op, self, *rest[:-1], os.urandom(8)) is not True
        except Exception:  # noqa: BLE001  refusing the stranger is as good an answer as a no
            return True

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


def _forwarded(operation: str) -> Callable[..., Any]:
    def forward(self: Remote, *others: Any) -> Any:
        plain = self._plain
        if plain is not None and hasattr(plain, f"__{operation}__"):
            return getattr(plain, f"__{operation}__")(*others)
        if operation == "iter":
            return self if self._name == "iterator" else self._peer.ask("unary", self, "iter")
        if operation in UNARY:
            return self._peer.ask("unary", self, operation, *others)
        if not self._is_of_a_named_class():
            return NotImplemented  # else an object could be told what it is compared with, and agree
        if operation in ORDER:
            return (
                self._says("binary", operation, *others) if isinstance(others[0], Remote) else NotImplemented
            )
        return self._peer.ask("binary", self, operation, *others)

    return forward


for _operation in (*BINARY, *(name for name in UNARY if name != "hash")):
    setattr(Remote, f"__{_operation}__", _forwarded(_operation))


class Peer:
    """One end of two pipes. `guard(op, object, rest)` says whether the other side may do that to ours."""

    def __init__(self, reading: int, writing: int, guard: Guard, lookup: Callable[[str], Any]) -> None:
        self._reading, self._writing, self._guard, self._lookup = reading, writing, guard, lookup
        self._ours: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._classes: dict[int, Any] = {}
        self.named: set[int] = set()
        self.asked = 0
        self.last: tuple[Any, ...] = ()

    def ask(self, *request: Any) -> Any:
        """Has the other side do something, and serves what it asks meanwhile. Raises what it raised."""
        self.asked += 1
        self._send(("?", *request))
        while True:
            answer = self._receive()
            if answer[0] == "?":
                self._serve(answer[1:])
                continue
            if request[0] == "call" and len(answer) > 2:
                renew(request[2], answer[2])
                renew(request[3], answer[3])
            if request[0] == "call":
                self.last = (request[1], request[2], request[3], answer[1])
            if answer[0] == "!":
                raise answer[1]
            return answer[1]

    def theirs(self, number: int) -> Any:
        """Stands for an object of the other side by its number alone."""
        return Remote(self, number, "class")

    def announce(self, message: tuple[Any, ...]) -> None:
        """Says something unasked; the other side hears it by `hear`."""
        self._send(message)

    def hear(self) -> Any:
        """What the other side announced. Raises it when it is an error."""
        answer = self._receive()
        if answer[0] == "!":
            raise answer[1]
        return answer[1]

    def serve(self) -> None:
        """Serves until the other side has gone."""
        while True:
            request = self._receive()
            if request[0] != "?":
                raise WireError("an answer came to no question")
            self._serve(request[1:])

    def _serve(self, request: tuple[Any, ...]) -> None:
        try:
            answer: tuple[str, Any] = ("=", self._done(*request))
        except PeerGone:
            raise
        except BaseException as error:  # noqa: BLE001  whatever the code raises is the other side's to judge
            answer = ("!", error)
        changed = request[2:4] if request[0] == "call" else ()
        try:
            self._send((*answer, *changed))
        except (WireError, RecursionError) as error:
            self._send(("!", TypeError(str(error))))

    def _done(self, op: str, target: Any, *rest: Any) -> Any:
        if not self._guard(op, target, rest):
            raise TypeError(f"{op} is not allowed here")
        if op == "name":
            return self._lookup(target)
        if op == "call":
            return target(*rest[0], **rest[1])
        if op in DEEDS:
            return DEEDS[op](target, *rest)
        return operated(op, target, *rest)

    def _send(self, message: tuple[Any, ...]) -> None:
        body = encode(message, self._described)
        data = len(body).to_bytes(4, "big") + body
        while data:
            try:
                data = data[os.write(self._writing, data) :]
            except OSError:
                raise PeerGone from None

    def _receive(self) -> tuple[Any, ...]:
        size = int.from_bytes(self._read(4), "big")
        if size > MOST_BYTES:
            raise WireError(f"a message of {size} bytes came, and the most is {MOST_BYTES}")
        message = decode(self._read(size), self._resolved)
        if type(message) is not tuple or len(message) < 2:
            raise WireError("a message of no known form came")
        return message

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = os.read(self._reading, size - len(data))
            if not piece:
                raise PeerGone
            data += piece
        return data

    def _described(self, value: Any) -> tuple[Any, ...]:
        if isinstance(value, Remote) and value._peer is self:
            return ("yours", value._number)
        if isinstance(value, RemoteType) and value.__dict__.get("_peer") is self:
            return ("yours", value.__dict__["_number"])
        if isinstance(value, BaseException):
            return ("error", error_class(type(value)), self._kept(type(value)), plain_arguments(value))
        if (by := named(value)) is not None:
            return by
        if isinstance(value, type):
            base = error_class(value) if issubclass(value, BaseException) else ""
            return ("class", self._kept(value), value.__name__, base)
        for mutable in _MUTABLE:
            if isinstance(value, mutable):
                return ("as", mutable(value))
        if type(value).__module__.split(".")[0] == "numpy" and hasattr(value, "tolist"):
            return ("as", value.tolist())
        plain = next((kind(value) for kind in _IMMUTABLE if isinstance(value, kind)), None)
        if plain is not None and not hasattr(value, "_fields"):
            return ("as", plain)
        name = "iterator" if hasattr(type(value), "__next__") else getattr(value, "__name__", "")
        return ("object", self._kept(value), str(name), type(value), plain)

    def _kept(self, value: Any) -> int:
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._ours)
            self._ours.append(value)
        return number

    def _resolved(self, described: Any) -> Any:
        kind, *rest = described
        if kind == "yours":
            return self._ours[rest[0]]
        if kind == "as":
            return rest[0]
        if kind == "named":
            return by_name(rest[0], rest[1])
        if kind == "class":
            return self._class(*rest)
        if kind == "error":
            base, number, arguments = rest
            known = self._classes.get(number) or self._class(number, base, base)
            return known(*arguments)
        if kind != "object":
            raise WireError(f"a description of the unknown kind {kind!r} came")
        number, name, known, plain = rest
        if isinstance(known, RemoteType):
            made: Any = object.__new__(known)  # type: ignore[arg-type]
            Remote.__init__(made, self, number, name, plain)
            return made
        return Remote(self, number, name, plain)

    def _class(self, number: int, name: str, base: str) -> Any:
        if number not in self._classes:
            if base:
                found = getattr(builtins, base, None)
                if not (isinstance(found, type) and issubclass(found, BaseException)):
                    raise WireError(f"{base!r} is no exception")
                self._classes[number] = found if name == base else type(name, (found,), {})
            else:
                space = {"_peer": self, "_number": number, "_name": name, "_plain": None}
                self._classes[number] = RemoteType(name, (Remote,), space)
        return self._classes[number]
