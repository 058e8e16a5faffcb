"""Reads what a GGUF file says about itself, its metadata and its table of tensors, without touching the
weights.

Promise: a file that is missing, of another kind, of an unknown version or cut short is refused in one
sentence before anything is loaded. Knows the container, https://github.com/ggml-
org/ggml/blob/master/docs/gguf.md, and not the models in it.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .errors import BadSource

Meter = Callable[[str, int, int], None]
"""Told what is being done, the bytes done, and the bytes in all."""

MAGIC = b"GGUF"
VERSIONS = (2, 3)  # version 1 counted in 32 bits and is no longer written
DEFAULT_ALIGNMENT = 32
_MOST_DIMENSIONS = 4
_PLAIN_KINDS = (0, 1, 30)  # F32, F16, BF16
STRING, ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor: `shape` rows first, `kind` the ggml type number, `offset` and `size` bytes in the file."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Where one metadata key and its value stand in the file, for copying them untouched."""

    key: str
    start: int
    end: int


@dataclass(frozen=True)
class GgufHeader:
    """All of a GGUF but the weights. An array of strings (the tokens) stands in `metadata` as its length.

    `quantisation` is the file's own word for how it is quantised, such as Q4_1 or F16; else the type most
    weights have.
    """

    path: Path
    metadata: Mapping[str, Any]
    tensors: tuple[TensorEntry, ...]
    pairs: tuple[Pair, ...]
    quantisation: str

    @property
    def architecture(self) -> str:
        return str(self.metadata["general.architecture"])

    @property
    def alignment(self) -> int:
        return int(self.metadata.get("general.alignment", DEFAULT_ALIGNMENT))

    @property
    def quantised(self) -> bool:
        """Whether any tensor holds anything but plain numbers."""
        return any(tensor.kind not in _PLAIN_KINDS for tensor in self.tensors)

    @property
    def parameters(self) -> int:
        return sum(math.prod(tensor.shape) for tensor in self.tensors)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of `<architecture>.<key>`, or `default`."""
        return self.metadata.get(f"{self.architecture}.{key}", default)

    def tensor(self, name: str) -> TensorEntry | None:
        return next((tensor for tensor in self.tensors if tensor.name == name), None)


class _Row(NamedTuple):
    """A tensor as the table gives it: `offset` counts from where the weights begin."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


class _Cursor:
    """Reads little-endian values one after the other; running past the end raises struct.error."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 0

    def take(self, code: str) -> Any:
        layout = "<" + code
        (value,) = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return value

    def skip(self, count: int) -> None:
        if count > len(self.data) - self.at:
            raise struct.error("past the end")
        self.at += count

    def string(self) -> str:
        length = self.take("Q")
        start = self.at
        self.skip(length)
        return self.data[start : self.at].decode()

    def _skip_strings(self, count: int) -> None:
        """A vocabulary is tens of thousands of them, and read at each start."""
        length_at, data, at, end = struct.Struct("<Q").unpack_from, self.data, self.at, len(self.data)
        for _ in range(count):
            at += 8 + length_at(data, at)[0]
            if at > end:
                raise struct.error("past the end")
        self.at = at

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            return self.take(_SCALARS[kind])
        element, count = self.take("I"), self.take("Q")
        if element == STRING:
            self._skip_strings(count)
            return count
        width = struct.calcsize(_SCALARS[element])
        start = self.at
        self.skip(width * count)
        return list(struct.unpack_from(f"<{count}{_SCALARS[element]}", self.data, start))


def read_header(path: Path, source: str | None = None) -> GgufHeader:
    """The header of the GGUF at `path`; `source` is how the user named it, for the error.

    Raises BadSource when the file is missing, unreadable, not a GGUF, of an unknown version, or shorter than
    its own table of tensors says.
    """
    named = source or str(path)
    try:
        with path.open("rb") as file:
            start = file.read(8)
            if start[:4] != MAGIC:
                raise BadSource(named, "it is empty" if not start else "it is not a GGUF file")
            version = int.from_bytes(start[4:], "little")
            if version not in VERSIONS:
                raise BadSource(named, f"it is GGUF version {version}, and versions 2 and 3 are known")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(path, named, data)
    except FileNotFoundError as cause:
        raise BadSource(named, "there is no such file") from cause
    except IsADirectoryError as cause:
        raise BadSource(named, "it is a folder, not a GGUF file") from cause
    except OSError as cause:
        raise BadSource(named, f"it cannot be read ({cause.strerror})") from cause


def _parse(path: Path, named: str, data: mmap.mmap) -> GgufHeader:
    cursor = _Cursor(data)
    cursor.skip(8)
    try:
        metadata, pairs, rows = _read_parts(cursor)
        alignment = int(metadata.get("general.alignment", DEFAULT_ALIGNMENT))
        if alignment < 1 or any(len(row.shape) > _MOST_DIMENSIONS for row in rows):
            raise ValueError("out of range")
    except struct.error as cause:
        raise BadSource(named, "it is cut short: its header does not end") from cause
    except (KeyError, TypeError, ValueError) as cause:
        raise BadSource(named, "its header is damaged") from cause
    origin = -(-cursor.at // alignment) * alignment
    tensors = tuple(_entry(named, origin, row) for row in rows)
    header = GgufHeader(path, metadata, tensors, tuple(pairs), _quantisation(metadata, tensors))
    _check_whole(header, named, len(data))
    return header


def _read_parts(cursor: _Cursor) -> tuple[dict[str, Any], list[Pair], list[_Row]]:
    tensor_count, pair_count = cursor.take("Q"), cursor.take("Q")
    metadata: dict[str, Any] = {}
    pairs = []
    for _ in range(pair_count):
        begin = cursor.at
        key = cursor.string()
        metadata[key] = cursor.value(cursor.take("I"))
        pairs.append(Pair(key, begin, cursor.at))
    rows = []
    for _ in range(tensor_count):
        name = cursor.string()
        dims = [cursor.take("Q") for _ in range(cursor.take("I"))]
        rows.append(_Row(name, tuple(reversed(dims)), cursor.take("I"), cursor.take("Q")))
    return metadata, pairs, rows


def _entry(named: str, origin: int, row: _Row) -> TensorEntry:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    try:
        block, size = GGML_QUANT_SIZES[GGMLQuantizationType(row.kind)]
    except (KeyError, ValueError) as cause:
        raise BadSource(named, f"its tensor {row.name} has the unknown type {row.kind}") from cause
    return TensorEntry(
        row.name, row.shape, row.kind, origin + row.offset, math.prod(row.shape) // block * size
    )


def _quantisation(metadata: Mapping[str, Any], tensors: Sequence[TensorEntry]) -> str:
    import gguf

    declared = metadata.get("general.file_type")
    if declared in {kind.value for kind in gguf.LlamaFileType}:
        return gguf.LlamaFileType(declared).name.removeprefix("MOSTLY_").removeprefix("ALL_")
    largest = max(tensors, key=lambda tensor: tensor.size, default=None)
    return gguf.GGMLQuantizationType(largest.kind).name if largest is not None else ""


def _check_whole(header: GgufHeader, named: str, size: int) -> None:
    wanted = max((tensor.offset + tensor.size for tensor in header.tensors), default=0)
    if wanted > size:
        raise BadSource(named, f"it is cut short: {size:,} bytes of {wanted:,} are there")
    if "general.architecture" not in header.metadata:
        raise BadSource(named, "it does not name an architecture")
    kind = header.metadata.get("general.type", "model")
    if kind != "model":
        raise BadSource(named, f"it holds a GGUF of type {kind!r}, not a model")
    if header.metadata.get("split.count", 0) > 1:
        raise BadSource(
            named, "it is one part of a split model; join the parts with llama-gguf-split --merge"
        )
    if not header.tensors or header.tensor("token_embd.weight") is None:
        raise BadSource(
            named,
            "it holds a vocabulary only, without weights"
            if not header.tensors
            else "it has no token_embd.weight, so it is not a language model",
        )
