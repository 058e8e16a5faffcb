"""Finds what makes torch and llama.cpp disagree about a base: a setting, a tensor, or the first layer that
differs.

Promise: names the nearest thing that can be named. Called only once they are known to disagree.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from . import probe
from .expand import expand, weights_of
from .gguf_file import GgufHeader
from .torch_config import KNOWN_KEYS, overrides
from .torch_side import TorchJob

_SPREAD_TOLERANCE = 2e-3  # relative; rounding to F16 moves a tensor's standard deviation by far less


def culprit(header: GgufHeader, copy: Path, scratch: Path) -> str:
    """What disagrees, as near as can be said: a setting, else a tensor, else an unread setting, else a
    layer.
    """
    if found := differing_setting(header, copy):
        return found
    job = TorchJob(folder=str(copy), answer=str(scratch / "spreads.npz"), spreads=True)
    stored = json.loads(str(probe.run_torch(job, str(header.path))["spreads"]))
    if found := differing_tensor(header, stored):
        return found
    layer = first_diverging_layer(header, copy, scratch)
    where = f"layer {layer}" if layer is not None else "the output"
    unread = unread_settings(header)
    return f"{where} (its settings {', '.join(unread)} are not read by torch)" if unread else where


def differing_setting(header: GgufHeader, copy: Path) -> str | None:
    """The first attribute of the copy's configuration that is not what the file's metadata says."""
    config = json.loads((copy / "config.json").read_text())
    for name, wanted in overrides(header).items():
        used = config.get(name, wanted)
        if isinstance(wanted, dict) and isinstance(used, dict):
            for key, value in wanted.items():
                if not _same(used.get(key), value):
                    return f"setting {name}.{key} (the file says {value}, torch uses {used.get(key)})"
        elif not _same(used, wanted):
            return f"setting {name} (the file says {wanted}, torch uses {used})"
    return None


def _same(used: Any, wanted: Any) -> bool:
    if isinstance(used, dict) and isinstance(wanted, dict):
        return all(_same(used.get(key), value) for key, value in wanted.items())
    if isinstance(used, float) or isinstance(wanted, float):
        return used is not None and wanted is not None and bool(np.isclose(used, wanted, rtol=1e-6))
    return bool(used == wanted)


def differing_tensor(header: GgufHeader, stored: dict[str, float]) -> str | None:
    """The first tensor whose values spread otherwise in the file than in torch's copy (`stored`)."""
    for tensor in header.tensors:
        spread = float(weights_of(header, tensor).std(dtype=np.float64, ddof=1))
        if tensor.name in stored and abs(stored[tensor.name] - spread) > _SPREAD_TOLERANCE * spread + 1e-9:
            return f"tensor {tensor.name}"
    return None


def unread_settings(header: GgufHeader) -> list[str]:
    """Metadata of this architecture that nothing here takes into account."""
    prefix = f"{header.architecture}."
    return [key for key in header.metadata if key.startswith(prefix) and key[len(prefix) :] not in KNOWN_KEYS]


def first_diverging_layer(header: GgufHeader, copy: Path, scratch: Path) -> int | None:
    """The first layer after which the two differ: both run with only their first layers, in F32, halving."""
    ids = probe.probe_ids(header)
    low, high = 0, int(header.get("block_count"))
    while low < high:
        depth = (low + high) // 2
        cut = expand(header, scratch / "cut.gguf", "f32", blocks=depth + 1)
        job = TorchJob(folder=str(copy), answer=str(scratch / "cut.npz"), ids=ids, depths=(depth + 1,))
        rows = probe.run_torch(job, str(header.path))[f"logits_{depth + 1}"]
        if probe.relative_error(rows, probe.llama_logits(cut, ids, exact=True)) > probe.EXACT_BOUND:
            high = depth
        else:
            low = depth + 1
    return low if low < int(header.get("block_count")) else None
