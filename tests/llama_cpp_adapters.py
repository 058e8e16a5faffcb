"""What llama.cpp's own converter makes of tiny PEFT adapters, kept as figures in
`data/llama_cpp_adapters.json`.

Run as a program it makes those figures again, from a checkout of llama.cpp (or the sources that llama-cpp-
python's source distribution carries), which tests do not need:

python tests/llama_cpp_adapters.py path/to/llama.cpp/convert_lora_to_gguf.py
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from tiny_torch import KINDS, SIZES

FIGURES = Path(__file__).parent / "data" / "llama_cpp_adapters.json"
ARCHITECTURES = ("llama", "qwen2", "qwen3", "gemma3", "phi3")
FILE_TYPES = ("f16", "f32", "q8_0")
RANK, ALPHA = 8, 16.0
_CLASSES = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma3": "Gemma3ForCausalLM",
    "phi3": "Phi3ForCausalLM",
}


def config_of(architecture: str) -> dict[str, Any]:
    """The base's config.json, as far as the converter reads it."""
    kind = KINDS[architecture]
    return {
        **SIZES,
        **kind.config,
        "architectures": [_CLASSES[architecture]],
        "model_type": kind.model_type,
        "vocab_size": 320,
        "rms_norm_eps": 1e-5,
        "torch_dtype": "float32",
    }


def linear_sizes(architecture: str) -> dict[str, tuple[int, int]]:
    """(rows out, columns in) of each linear layer of a block, by transformers' name."""
    config = config_of(architecture)
    hidden, wide = config["hidden_size"], config["intermediate_size"]
    head = config.get("head_dim", hidden // config["num_attention_heads"])
    query, key = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    common = {"self_attn.o_proj": (hidden, query), "mlp.down_proj": (hidden, wide)}
    if architecture == "phi3":
        return common | {
            "self_attn.qkv_proj": (query + 2 * key, hidden),
            "mlp.gate_up_proj": (2 * wide, hidden),
        }
    return common | {
        "self_attn.q_proj": (query, hidden),
        "self_attn.k_proj": (key, hidden),
        "self_attn.v_proj": (key, hidden),
        "mlp.gate_proj": (wide, hidden),
        "mlp.up_proj": (wide, hidden),
    }


def peft_tensors(architecture: str) -> dict[str, NDArray[np.float32]]:
    """A PEFT adapter: every value differs from its neighbours, and is the same on every machine."""
    tensors = {}
    for block in range(2):
        for place, (name, (rows, columns)) in enumerate(sorted(linear_sizes(architecture).items())):
            prefix = f"base_model.model.model.layers.{block}.{name}"
            seed = 100 * block + place
            tensors[f"{prefix}.lora_A.weight"] = _values(seed, RANK, columns)
            tensors[f"{prefix}.lora_B.weight"] = _values(seed + 50, rows, RANK)
    return tensors


def _values(seed: int, rows: int, columns: int) -> NDArray[np.float32]:
    """A linear congruential generator in integers, so that nothing depends on a library's random numbers."""
    at = np.arange(rows * columns, dtype=np.int64) + 7919 * (seed + 1)
    mixed = (at * 1_103_515_245 + 12_345) % 2_147_483_648 // 256 % 65_536
    return (mixed / 65_536 - 0.5).astype(np.float32).reshape(rows, columns)


def figures_of(path: Path) -> dict[str, Any]:
    """What is compared of a GGUF adapter: its tensors (type, shape, SHA-256 of the data) and its metadata."""
    reader = gguf.GGUFReader(path)
    metadata = {
        key: field.contents()
        for key, field in reader.fields.items()
        if key.startswith(("adapter.", "general."))
    }
    return {
        "metadata": metadata,
        "tensors": {
            tensor.name: {
                "type": tensor.tensor_type.name,
                "shape": [int(size) for size in reversed(tensor.shape)],
                "sha256": hashlib.sha256(tensor.data.tobytes()).hexdigest(),
            }
            for tensor in reader.tensors
        },
    }


def convert(converter: Path, architecture: str, file_type: str, folder: Path) -> dict[str, Any]:
    """Runs llama.cpp's converter on the tiny adapter; what it wrote, as figures."""
    from safetensors.numpy import save_file

    base, peft = folder / "base", folder / "peft"
    for made in (base, peft):
        made.mkdir(parents=True, exist_ok=True)
    (base / "config.json").write_text(json.dumps(config_of(architecture)))
    save_file(peft_tensors(architecture), peft / "adapter_model.safetensors")
    (peft / "adapter_config.json").write_text(
        json.dumps({"r": RANK, "lora_alpha": ALPHA, "peft_type": "LORA"})
    )
    out = folder / "adapter.gguf"
    command = [sys.executable, str(converter), "--base", str(base), "--outfile", str(out)]
    subprocess.run([*command, "--outtype", file_type, str(peft)], check=True)
    return figures_of(out)


def main(converter: Path) -> None:
    figures: dict[str, Any] = {}
    for architecture in ARCHITECTURES:
        for file_type in FILE_TYPES:
            with tempfile.TemporaryDirectory() as folder:
                figures[f"{architecture} {file_type}"] = convert(
                    converter, architecture, file_type, Path(folder)
                )
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
