"""Writes a GGUF again with its weights dequantised to F16 or F32: what is served, and what training reads.

Promise: every metadata key, the tokenizer and the chat template are copied byte for byte; the target holds
the whole file or does not exist. Knows nothing of engines or of what the weights mean.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from .durable import storage_faults, sweep, sync_folder
from .errors import CACHE, BaseWeightsError, Folder
from .gguf_file import ARRAY, MAGIC, GgufHeader, Meter, TensorEntry

FloatType = Literal["f16", "f32", "same"]
Change = Callable[[TensorEntry, int, NDArray[np.float32]], NDArray[np.float32]]
"""(tensor, number of the first row, rows) -> those rows as they are to be written."""

F32, F16 = 0, 1  # ggml type numbers; `general.file_type` happens to use the same two
_UINT32, _INT32, _FLOAT32, _BOOL = 4, 5, 6, 7
_CHUNK_ELEMENTS = 1 << 22


def expanded_size(header: GgufHeader, to: FloatType = "f16") -> int:
    """Bytes that the weights of `header` take once expanded."""
    return sum(
        math.prod(tensor.shape) * _width(_target_kind(header, tensor, to)) for tensor in header.tensors
    )


def expand(
    header: GgufHeader,
    target: Path,
    to: FloatType = "f16",
    *,
    blocks: int | None = None,
    vocabulary: bool = True,
    meter: Meter | None = None,
    change: Change | None = None,
    folder: Folder = CACHE,
) -> Path:
    """Writes the base to `target` with its matrices as F16 or F32; vectors are always F32, as llama.cpp
    wants. "same" leaves each in the type it has, which must be one of the two.

    `change` is given the rows before they are written. `blocks` keeps the first layers only and
    `vocabulary=False` leaves the tokenizer out: such copies are for checks and for training. `folder` says
    where `target` lies. Raises DiskFull and HomeNotWritable, or BaseWeightsError for a value that F16 cannot
    hold.
    """
    tensors = [tensor for tensor in header.tensors if blocks is None or _block_of(tensor.name) < blocks]
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    with storage_faults(target.parent, folder):
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        try:
            with beside.open("wb") as file:
                _write_header(file, header, tensors, to, blocks, vocabulary)
                _write_weights(file, header, tensors, to, meter, change)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, target)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
        sync_folder(target.parent)
    return target


def weights_of(header: GgufHeader, tensor: TensorEntry) -> NDArray[np.float32]:
    """One tensor dequantised, float32 in its own shape."""
    parts = [part for _, part in _row_chunks(header, tensor)]
    return np.concatenate(parts).reshape(tensor.shape)


def _block_of(name: str) -> int:
    parts = name.split(".")
    return int(parts[1]) if parts[0] == "blk" else -1


def _target_kind(header: GgufHeader, tensor: TensorEntry, to: FloatType) -> int:
    if to == "same":
        return tensor.kind
    if to == "f32" or len(tensor.shape) < 2:
        return F32
    # A matrix that a quantised file keeps in F32 is kept so for a reason (a router, rope factors).
    quantised = any(other.kind not in (F32, F16) for other in header.tensors)
    return F32 if tensor.kind == F32 and quantised else F16


def _width(kind: int) -> int:
    return 4 if kind == F32 else 2


def _padding(at: int, alignment: int) -> int:
    return -at % alignment


def _write_header(
    file: BinaryIO,
    header: GgufHeader,
    tensors: Sequence[TensorEntry],
    to: FloatType,
    blocks: int | None,
    vocabulary: bool,
) -> None:
    pairs = list(_pairs(header, to, blocks, vocabulary))
    file.write(MAGIC + struct.pack("<IQQ", 3, len(tensors), len(pairs)))
    file.writelines(pairs)
    offset = 0
    for tensor in tensors:
        kind = _target_kind(header, tensor, to)
        file.write(_text(tensor.name))
        file.write(struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *reversed(tensor.shape)))
        file.write(struct.pack("<IQ", kind, offset))
        size = math.prod(tensor.shape) * _width(kind)
        offset += size + _padding(size, header.alignment)
    file.write(bytes(_padding(file.tell(), header.alignment)))


def _pairs(header: GgufHeader, to: FloatType, blocks: int | None, vocabulary: bool) -> Iterator[bytes]:
    """The metadata of the copy, pair by encoded pair: the source's own bytes wherever nothing changes."""
    changed: dict[str, Any] = {} if to == "same" else {"general.file_type": F16 if to == "f16" else F32}
    if blocks is not None:
        whole = header.get("block_count")
        changed[f"{header.architecture}.block_count"] = blocks
        changed |= {
            k: v[:blocks] for k, v in header.metadata.items() if isinstance(v, list) and len(v) == whole
        }
    if not vocabulary:
        vocabulary_size = header.tensor("token_embd.weight")
        if vocabulary_size is not None:
            changed[f"{header.architecture}.vocab_size"] = vocabulary_size.shape[0]
    data = np.memmap(header.path, mode="r", dtype=np.uint8)
    for pair in header.pairs:
        if pair.key in changed or pair.key == "general.quantization_version":
            continue
        if not vocabulary and pair.key.startswith("tokenizer.") and not pair.key.endswith("_id"):
            continue
        yield data[pair.start : pair.end].tobytes()
    for key, value in changed.items():
        yield _text(key) + _value(value)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    """Encodes a count, or an array of numbers or truth values."""
    if not isinstance(value, list):
        return struct.pack("<II", _UINT32, value)
    if isinstance(value[0], bool):
        kind, code = _BOOL, "?"
    elif isinstance(value[0], float):
        kind, code = _FLOAT32, "f"
    else:
        kind, code = _INT32, "i"
    return struct.pack(f"<IIQ{len(value)}{code}", ARRAY, kind, len(value), *value)


def _write_weights(
    file: BinaryIO,
    header: GgufHeader,
    tensors: Sequence[TensorEntry],
    to: FloatType,
    meter: Meter | None,
    change: Change | None,
) -> None:
    total = sum(tensor.size for tensor in tensors)
    done = 0
    for tensor in tensors:
        kind = _target_kind(header, tensor, to)
        written = rows = 0
        for size, part in _row_chunks(header, tensor):
            part = part if change is None else change(tensor, rows, part)
            rows += len(part)
            data = part if kind == F32 else _half(header, tensor, part)
            file.write(data.tobytes())
            written += data.nbytes
            done += size
            if meter:
                meter("expanding the base weights", done, total)
        file.write(bytes(_padding(written, header.alignment)))


def _half(header: GgufHeader, tensor: TensorEntry, values: NDArray[np.float32]) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if not np.isfinite(half).all():
        raise BaseWeightsError(header.path, f"its tensor {tensor.name} holds values too large for F16")
    return half


def _row_chunks(header: GgufHeader, tensor: TensorEntry) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(bytes read, values as float32 rows) of one tensor, a bounded number of rows at a time."""
    import gguf

    kind = gguf.GGMLQuantizationType(tensor.kind)
    width = tensor.shape[-1] if tensor.shape else 1
    rows = math.prod(tensor.shape) // max(1, width)
    raw = np.memmap(header.path, mode="r", dtype=np.uint8, offset=tensor.offset, shape=(tensor.size,))
    row_bytes = tensor.size // max(1, rows)
    step = max(1, _CHUNK_ELEMENTS // max(1, width))
    for first in range(0, rows, step):
        chunk = np.asarray(raw[first * row_bytes : (first + step) * row_bytes]).reshape(-1, row_bytes)
        plain = {gguf.GGMLQuantizationType.F32: np.float32, gguf.GGMLQuantizationType.F16: np.float16}.get(
            kind
        )
        if plain is not None:
            values = chunk.view(plain).astype(np.float32)
        else:
            values = _dequantise(header, tensor, chunk)
        yield chunk.nbytes, values


def _dequantise(header: GgufHeader, tensor: TensorEntry, chunk: NDArray[np.uint8]) -> NDArray[np.float32]:
    import gguf

    try:
        values = gguf.dequantize(chunk, gguf.GGMLQuantizationType(tensor.kind))
    except NotImplementedError as cause:
        name = gguf.GGMLQuantizationType(tensor.kind).name
        raise BaseWeightsError(
            header.path, f"its tensor {tensor.name} is {name}, which cannot be expanded"
        ) from cause
    return np.ascontiguousarray(values, dtype=np.float32)
