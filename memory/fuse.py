"""An adapter put into the weights it was mounted on: W + scale * B A, matrix by matrix, written to a GGUF.

Promise: the copy holds the same tensors, of the same types, and the same metadata as the file that served;
matrices the adapter leaves alone keep their bits, the others are rounded once. Knows files; nothing of what
is served. `python -m dormouse.memory.fuse SERVED ADAPTER SCALE TARGET` does it in a process of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import HOME, DamagedAdapter
from .expand import F16, F32, expand
from .gguf_file import GgufHeader, TensorEntry, read_header

Array = NDArray[np.float32]


@dataclass(frozen=True)
class LowRank:
    """What is added to one matrix [out, in]: b [out, rank], its scale in it, times a [rank, in]."""

    b: Array
    a: Array


def fusable(header: GgufHeader) -> bool:
    """Whether the weights are kept as plain 16- or 32-bit numbers, so that a sum of two needs no new
    quantisation.
    """
    return all(tensor.kind in (F32, F16) for tensor in header.tensors)


def low_ranks(adapter: Path, scale: float = 1.0) -> dict[str, LowRank]:
    """What an adapter's GGUF adds, by tensor name, times `scale`; as llama.cpp's `llama_adapter_lora_weight::
    get_scale` has it, alpha / rank is in it.

    The rows of q and k stand in the GGUF's order in both files. Raises DamagedAdapter.
    """
    import gguf

    try:
        reader = gguf.GGUFReader(adapter)
        alpha = float(reader.fields["adapter.lora.alpha"].contents())
        parts: Mapping[str, Array] = {
            tensor.name: np.asarray(gguf.dequantize(tensor.data, tensor.tensor_type), np.float32)
            for tensor in reader.tensors
        }
        names = [name.removesuffix(".lora_a") for name in parts if name.endswith(".lora_a")]
        found = {}
        for name in names:
            a, b = parts[f"{name}.lora_a"], parts[f"{name}.lora_b"]
            found[name] = LowRank(b * np.float32(scale * (alpha / b.shape[1] if alpha else 1.0)), a)
        return found
    except (OSError, KeyError, ValueError, IndexError, NotImplementedError) as error:
        raise DamagedAdapter(adapter.parent.name, f"{adapter.name} cannot be read ({error})") from error


def fuse(served: Path, adapter: Path, target: Path, scale: float = 1.0) -> Path:
    """Writes `target`, whole or not at all. Raises BadSource, DamagedAdapter, BaseWeightsError for a sum that
    16 bits cannot hold, and DiskFull.
    """
    header = read_header(served)
    added = low_ranks(adapter, scale)
    if stray := sorted(set(added) - {tensor.name for tensor in header.tensors}):
        raise DamagedAdapter(adapter.parent.name, f"the base has no tensor {stray[0]}")

    def changed(tensor: TensorEntry, first_row: int, rows: Array) -> Array:
        part = added.get(tensor.name)
        if part is None:
            return rows
        summed: Array = rows + part.b[first_row : first_row + len(rows)] @ part.a
        return summed

    return expand(header, target, "same", change=changed, folder=HOME)


def main(arguments: list[str]) -> None:
    """The child process."""
    served, adapter, scale, target = arguments
    fuse(Path(served), Path(adapter), Path(target), float(scale))


if __name__ == "__main__":
    main(sys.argv[1:])
