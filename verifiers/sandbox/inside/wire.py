"""Values as bytes between two processes that do not trust each other.

Promise: what `decode` builds is made of builtin types and a few of the standard library's value types,
whatever the bytes say; everything else is a description that the caller resolves. Nothing is ever executed.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` takes longer to import than most code takes to judge
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Describe = Callable[[Any], Any]
    """Gives plain values that stand for an object which is not plain."""
    Resolve = Callable[[Any], Any]
    """Gives the object that such a description stands for. Raises WireError."""

MOST_BYTES = 64 << 20
_DEEPEST = 200
_SIZE_BYTES = 4

# The value types of the standard library that go by value: how each is taken apart. `_built` puts them
# together.
_VALUE_TYPES: dict[tuple[str, str], Callable[[Any], tuple[Any, ...]]] = {
    ("collections", "Counter"): lambda v: (dict(v),),
    ("collections", "OrderedDict"): lambda v: (dict(v),),
    ("collections", "defaultdict"): lambda v: (None, dict(v)),
    ("collections", "deque"): lambda v: (list(v), v.maxlen),
    ("decimal", "Decimal"): lambda v: (str(v),),
    ("fractions", "Fraction"): lambda v: (v.numerator, v.denominator),
    ("datetime", "date"): lambda v: (v.year, v.month, v.day),
    ("datetime", "datetime"): lambda v: (v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond),
    ("datetime", "time"): lambda v: (v.hour, v.minute, v.second, v.microsecond),
    ("datetime", "timedelta"): lambda v: (v.days, v.seconds, v.microseconds),
}


class WireError(ValueError):
    """What came cannot be read, or what is to go cannot be sent."""


def encode(value: Any, describe: Describe) -> bytes:
    """`value` as bytes. Raises WireError when it nests too deeply or is too large."""
    parts: list[bytes] = []
    _put(value, describe, parts, 0)
    data = b"".join(parts)
    if len(data) > MOST_BYTES:
        raise WireError(f"a value takes {len(data)} bytes, and at most {MOST_BYTES} may pass")
    return data


def decode(data: bytes, resolve: Resolve) -> Any:
    """The value that `data` holds. Raises WireError when it holds none."""
    try:
        value, end = _take(data, 0, resolve, 0)
    except WireError:
        raise
    except (IndexError, TypeError, ValueError, OverflowError) as error:
        raise WireError(f"bytes that hold no value came ({error})") from None
    if end != len(data):
        raise WireError("bytes were left over behind a value")
    return value


def _size(value: Any) -> bytes:
    return len(value).to_bytes(_SIZE_BYTES, "big")


def _sized(tag: bytes, body: bytes) -> bytes:
    return tag + _size(body) + body


def _put(value: Any, describe: Describe, parts: list[bytes], depth: int) -> None:
    if depth > _DEEPEST:
        raise WireError(f"a value nests more than {_DEEPEST} deep")
    kind = type(value)
    if value is None or kind is bool or value is Ellipsis:
        parts.append({None: b"N", True: b"T", False: b"F"}.get(value, b"E"))
    elif kind is int:
        parts.append(_sized(b"i", value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)))
    elif kind is float:
        parts.append(_sized(b"f", value.hex().encode()))
    elif kind is complex:
        parts.append(_sized(b"c", f"{value.real.hex()} {value.imag.hex()}".encode()))
    elif kind is str:
        parts.append(_sized(b"s", value.encode("utf-8", "surrogatepass")))
    elif kind is bytes or kind is bytearray:
        parts.append(_sized(b"b" if kind is bytes else b"B", bytes(value)))
    elif kind in _TAGS:
        parts.append(_TAGS[kind] + _size(value))
        for item in value:
            _put(item, describe, parts, depth + 1)
    elif kind is dict:
        parts.append(b"d" + _size(value))
        for key, item in value.items():
            _put(key, describe, parts, depth + 1)
            _put(item, describe, parts, depth + 1)
    elif kind is range:
        parts.append(b"r")
        _put((value.start, value.stop, value.step), describe, parts, depth + 1)
    elif (kind.__module__, kind.__name__) in _VALUE_TYPES and _is_real(kind) and not _zoned(value):
        parts.append(b"v")
        name = (kind.__module__, kind.__name__)
        _put((*name, _VALUE_TYPES[name](value)), describe, parts, depth + 1)
    else:
        parts.append(b"h")
        _put(describe(value), describe, parts, depth + 1)


_TAGS: dict[type, bytes] = {list: b"l", tuple: b"t", set: b"S", frozenset: b"z"}
_KINDS: dict[int, type] = {tag[0]: kind for kind, tag in _TAGS.items()}
_CONSTANTS: dict[int, Any] = {ord("N"): None, ord("T"): True, ord("F"): False, ord("E"): Ellipsis}


def _is_real(kind: type) -> bool:
    return getattr(__import__(kind.__module__), kind.__name__, None) is kind


def _zoned(value: Any) -> bool:
    return getattr(value, "tzinfo", None) is not None


def _take(data: bytes, at: int, resolve: Resolve, depth: int) -> tuple[Any, int]:
    if depth > _DEEPEST:
        raise WireError(f"a value nests more than {_DEEPEST} deep")
    tag, at = data[at], at + 1
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], at
    if tag in b"rvh":
        inner, at = _take(data, at, resolve, depth + 1)
        return (resolve(inner) if tag == 0x68 else range(*inner) if tag == 0x72 else _built(inner)), at
    size, at = int.from_bytes(data[at : at + _SIZE_BYTES], "big"), at + _SIZE_BYTES
    if tag in b"ifcsbB":
        body = data[at : at + size]
        if len(body) != size:
            raise WireError("a value was cut short")
        return _scalar(tag, body), at + size
    items = []
    for _ in range(2 * size if tag == 0x64 else size):
        item, at = _take(data, at, resolve, depth + 1)
        items.append(item)
    if tag == 0x64:  # d
        return dict(zip(items[::2], items[1::2], strict=True)), at
    if tag not in _KINDS:
        raise WireError(f"a value of the unknown kind {tag} came")
    return _KINDS[tag](items), at


def _scalar(tag: int, body: bytes) -> Any:
    if tag == 0x69:  # i
        return int.from_bytes(body, "big", signed=True)
    if tag == 0x66:  # f
        return float.fromhex(body.decode())
    if tag == 0x63:  # c
        real, imaginary = body.decode().split()
        return complex(float.fromhex(real), float.fromhex(imaginary))
    if tag == 0x73:  # s
        return body.decode("utf-8", "surrogatepass")
    return body if tag == 0x62 else bytearray(body)


def _built(inner: Any) -> Any:
    module, name, arguments = inner
    if (module, name) not in _VALUE_TYPES:
        raise WireError(f"{module}.{name} does not go by value")
    try:
        return getattr(__import__(module), name)(*arguments)
    except (ValueError, ArithmeticError) as error:
        raise WireError(f"{module}.{name} came with values it cannot have ({error})") from None
