"""Writes trained low-rank adapters as GGUF files that llama.cpp mounts.

Promise: the file holds the same numbers, names and row order that llama.cpp expects, in F16, Q8_0 or F32.
Knows the GGUF layout and nothing about training.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..memory.durable import storage_faults, sync_folder
from .errors import ExportUnsupported

if TYPE_CHECKING:
    import gguf

FileType = Literal["f16", "q8_0", "f32"]
Array = NDArray[np.float32]

_PREFIX = "base_model.model."
_PERMUTED = {"llama": ("attn_q", "attn_k")}


@dataclass(frozen=True, slots=True)
class Geometry:
    """What the row order of the query and key matrices depends on."""

    architecture: str
    blocks: int
    heads: int
    kv_heads: int


def geometry_of(metadata: Mapping[str, Any]) -> Geometry:
    """Reads the geometry from a base GGUF's metadata (key -> value)."""
    arch = str(metadata["general.architecture"])
    heads = int(metadata[f"{arch}.attention.head_count"])
    return Geometry(
        architecture=arch,
        blocks=int(metadata[f"{arch}.block_count"]),
        heads=heads,
        kv_heads=int(metadata.get(f"{arch}.attention.head_count_kv", heads)),
    )


def interleave_heads(rows: Array, heads: int) -> Array:
    """Reorders rotary rows from two halves per head to adjacent pairs, as GGUF stores architecture `llama`.

    rows [heads * head_dim, r] -> the same shape.
    """
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, 2, half, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def gguf_tensors(tensors: Mapping[str, Array], geometry: Geometry) -> dict[str, Array]:
    """PEFT tensor names to GGUF names, rows permuted where the architecture asks for it; shapes are kept."""
    import gguf

    arch = next((a for a, name in gguf.MODEL_ARCH_NAMES.items() if name == geometry.architecture), None)
    if arch is None:
        raise ExportUnsupported(geometry.architecture)
    names = gguf.get_tensor_name_map(arch, geometry.blocks)
    out: dict[str, Array] = {}
    for name in sorted(tensors):
        module, _, part = name.removeprefix(_PREFIX).removesuffix(".weight").rpartition(".")
        target = names.get_name(module.replace("model.language_model.", "model."))
        if target is None or part not in ("lora_A", "lora_B"):
            raise ExportUnsupported(geometry.architecture, name)
        array = np.asarray(tensors[name], dtype=np.float32)
        kind = target.rsplit(".", 1)[-1]
        if part == "lora_B" and kind in _PERMUTED.get(geometry.architecture, ()):
            array = interleave_heads(array, geometry.heads if kind == "attn_q" else geometry.kv_heads)
        out[f"{target}.weight.{part.lower()}"] = array
    return out


def write_adapter(
    tensors: Mapping[str, Array],
    geometry: Geometry,
    alpha: float,
    path: Path,
    *,
    file_type: FileType = "f16",
    name: str = "dormouse",
) -> Path:
    """Writes `path` whole or not at all; raises ExportUnsupported, DiskFull.

    Rows whose length is not a multiple of 32 stay F16 in a Q8_0 file, since Q8_0 packs blocks of 32.
    """
    import gguf

    arrays = gguf_tensors(tensors, geometry)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    with storage_faults(path.parent):
        try:
            writer = gguf.GGUFWriter(beside, geometry.architecture)
            _add_metadata(writer, alpha, file_type, name)
            for tensor_name, array in arrays.items():
                _add_tensor(writer, tensor_name, array, file_type)
            try:
                writer.write_header_to_file()
                writer.write_kv_data_to_file()
                writer.write_tensors_to_file()
            finally:
                writer.close()
            with beside.open("rb") as handle:
                os.fsync(handle.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(path.parent)
    return path


def _add_metadata(writer: gguf.GGUFWriter, alpha: float, file_type: FileType, name: str) -> None:
    import gguf

    types = {
        "f32": gguf.LlamaFileType.ALL_F32,
        "f16": gguf.LlamaFileType.MOSTLY_F16,
        "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    }
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(alpha))
    writer.add_name(name)
    writer.add_file_type(types[file_type])


def _add_tensor(writer: gguf.GGUFWriter, name: str, array: Array, file_type: FileType) -> None:
    import gguf

    q8_0 = gguf.GGMLQuantizationType.Q8_0
    if file_type == "f32":
        writer.add_tensor(name, array)
    elif file_type == "q8_0" and array.shape[-1] % 32 == 0:
        writer.add_tensor(name, gguf.quantize(array, q8_0), raw_dtype=q8_0)
    else:
        writer.add_tensor(name, array.astype(np.float16))
