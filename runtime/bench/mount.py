"""What mounting an adapter costs: the time it takes, whether the base is loaded again, and decoding speed
after.

Promise: an adapter mounted at run time is measured against the same one mounted before anything else in a
fresh engine, in turns, so that a busy moment hits both. Knows the llama.cpp engine, and no agent or
journal.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...memory.base_weights import BaseWeights
from ...memory.engine import Message, Mount, Sampling
from ...memory.gguf_file import read_header
from ...memory.llama_engine import LlamaEngine
from ...sleep.export import Array, geometry_of, write_adapter
from .report import Say

_MODULES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_qkv": "self_attn.qkv_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_STORY = [Message("user", "Tell me a long story about a lighthouse keeper, her dog and a storm.")]


@dataclass(frozen=True, slots=True)
class MountRun:
    """Milliseconds of each mount, times the base was loaded again, and tokens/s decoded, by turns: with the
    adapter mounted at run time, and with it mounted at start.
    """

    adapter_bytes: int
    rank: int
    mount_ms: tuple[float, ...]
    base_reloads: int
    at_run_time: tuple[float, ...]
    at_start: tuple[float, ...]

    @property
    def decode_ratio(self) -> float:
        """The median over neighbours in time, so that what else the machine does hits both alike."""
        pairs = zip(self.at_run_time, self.at_start, strict=True)
        return statistics.median(running / fresh for running, fresh in pairs)


def random_adapter(base: BaseWeights, path: Path, size_bytes: int, seed: int) -> int:
    """Writes an F16 adapter of about `size_bytes` with random weights, on every linear layer; returns its
    rank.
    """
    header = read_header(base.path, base.source)
    shapes: dict[str, tuple[int, int]] = {}
    for tensor in header.tensors:
        parts = tensor.name.split(".")
        if len(parts) == 4 and parts[0] == "blk" and parts[2] in _MODULES:
            rows, columns = tensor.shape
            shapes[f"base_model.model.model.layers.{parts[1]}.{_MODULES[parts[2]]}"] = (rows, columns)
    rank = max(1, round(size_bytes / (2 * sum(rows + columns for rows, columns in shapes.values()))))
    rng = np.random.default_rng(seed)
    tensors: dict[str, Array] = {}
    for name, (rows, columns) in shapes.items():
        tensors[f"{name}.lora_A.weight"] = _noise(rng, (rank, columns), 0.02)
        tensors[f"{name}.lora_B.weight"] = _noise(rng, (rows, rank), 0.0005)
    write_adapter(tensors, geometry_of(header.metadata), float(rank), path, name="random")
    return rank


def measure_mount(
    base: BaseWeights,
    open_engine: Callable[[], LlamaEngine],
    folder: Path,
    say: Say,
    *,
    size_bytes: int = 20_000_000,
    repeats: int = 9,
    pairs: int = 15,
    tokens: int = 48,
    seed: int = 0,
) -> MountRun:
    """Measures in `folder`, where adapters are written: `repeats` mounts, `pairs` of answers of `tokens`."""
    path = folder / "adapter.gguf"
    rank = random_adapter(base, path, size_bytes, seed)
    copies = [Path(shutil.copy(path, folder / f"copy-{number}.gguf")) for number in range(repeats)]
    with ExitStack() as engines:
        running, fresh = (engines.enter_context(open_engine()) for _ in range(2))
        fresh.mount([Mount("at-start", path)])
        _decode_speed(running, tokens)  # it has served the bare base when the adapter comes
        before = _base_pointer(running)
        mounting = [_mount_ms(running, copy) for copy in copies]
        running.mount([Mount("at-run-time", path)])
        say(f"mounted an adapter of {path.stat().st_size / 1e6:.1f} MB {repeats} times")
        speeds: dict[str, list[float]] = {"run": [], "start": []}
        for number in range(pairs):
            pair = [("run", running), ("start", fresh)]
            for name, engine in pair if number % 2 else pair[::-1]:
                speeds[name].append(_decode_speed(engine, tokens))
        reloads = int(_base_pointer(running) != before)
    return MountRun(
        path.stat().st_size, rank, tuple(mounting), reloads, tuple(speeds["run"]), tuple(speeds["start"])
    )


def _noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Array:
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)


def _mount_ms(engine: LlamaEngine, path: Path) -> float:
    """Milliseconds from asking for an adapter never seen before to the first logits under it, less what
    logits take anyway.
    """
    ids = engine.tokenize("Good")
    plain = []
    for _ in range(3):
        started = time.perf_counter()
        engine.logits(ids)
        plain.append(time.perf_counter() - started)
    started = time.perf_counter()
    engine.mount([Mount(path.stem, path)])
    asked = time.perf_counter() - started
    engine.logits(ids)
    return 1000 * max(asked, time.perf_counter() - started - statistics.median(plain))


def _decode_speed(engine: LlamaEngine, tokens: int) -> float:
    """Tokens a second between the first token of an answer and the last."""
    times: list[float] = []
    with engine.stream(_STORY, Sampling(max_tokens=tokens)) as answer:
        for _ in answer:
            times.append(time.perf_counter())
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


def _base_pointer(engine: LlamaEngine) -> object:
    """Where llama.cpp keeps the base's weights. No caller but this one needs it, so the engine does not show
    it.
    """
    import ctypes

    with engine._native.model() as pointer:
        return ctypes.cast(pointer, ctypes.c_void_p).value
