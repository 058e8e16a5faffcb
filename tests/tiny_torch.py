"""Random transformers models of every covered architecture, and their conversion to GGUF, done here.

Promise: the conversion follows llama.cpp's own for these architectures (names, permuted rotary rows, norms
stored as 1 + w), and is written apart from the package, so that it can catch the package's mistakes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from tiny_models import add_tokenizer, finish, tiny_vocabulary

Array = NDArray[np.float32]
SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "partial_rotary_factor": 0.5,
    "short_factor": [1.0, 1.5, 2.0, 3.0],
    "long_factor": [1.0, 2.0, 4.0, 8.0],
}


_VALUE_TYPES = {
    int: gguf.GGUFValueType.UINT32,
    float: gguf.GGUFValueType.FLOAT32,
    str: gguf.GGUFValueType.STRING,
}


@dataclass(frozen=True)
class TinyKind:
    """One covered shape: the GGUF architecture, transformers' model type, what its config adds to SIZES."""

    architecture: str
    model_type: str
    config: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)  # GGUF keys without the prefix
    tensors: Mapping[str, Callable[[], Array]] = field(default_factory=dict)


def llama3_factors() -> Array:
    """Llama 3's rotary factors for 8 frequencies, computed by transformers from the parameters."""
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    scaled = LlamaConfig(**SIZES, rope_parameters=LLAMA3_ROPE)
    inverse, _ = ROPE_INIT_FUNCTIONS["llama3"](scaled, device=None)
    plain = 500000.0 ** (-np.arange(8) / 8)
    return np.asarray(plain / inverse.numpy(), dtype=np.float32)


KINDS = {
    "llama": TinyKind("llama", "llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}),
    "llama, heads of their own size": TinyKind("llama", "llama", {"head_dim": 32}),
    "llama 3 rotary": TinyKind(
        "llama",
        "llama",
        {"rope_parameters": LLAMA3_ROPE, "tie_word_embeddings": True},
        tensors={"rope_freqs.weight": llama3_factors},
    ),
    "llama, linear rotary scaling": TinyKind(
        "llama",
        "llama",
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}},
        {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0},
    ),
    "qwen2": TinyKind(
        "qwen2",
        "qwen2",
        {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}, "tie_word_embeddings": True},
    ),
    "qwen3": TinyKind(
        "qwen3",
        "qwen3",
        {"head_dim": 32, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    ),
    "gemma3": TinyKind(
        "gemma3",
        "gemma3_text",
        {
            "head_dim": 32,
            "num_hidden_layers": 7,
            "num_key_value_heads": 1,
            "query_pre_attn_scalar": 32,
            "sliding_window": 16,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            },
        },
        {"attention.sliding_window": 16, "rope.scaling.type": "linear", "rope.scaling.factor": 8.0},
    ),
    "phi3": TinyKind("phi3", "phi3", {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}),
    "phi3 longrope": TinyKind(
        "phi3",
        "phi3",
        {
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "original_max_position_embeddings": 512,
            "max_position_embeddings": 1024,
            "rope_parameters": LONGROPE,
        },
        {
            "rope.dimension_count": 8,
            "rope.scaling.original_context_length": 512,
            "rope.scaling.attn_factor": float(np.sqrt(1 + np.log(2) / np.log(512))),
        },
        {
            "rope_factors_short.weight": lambda: np.array(LONGROPE["short_factor"], np.float32),
            "rope_factors_long.weight": lambda: np.array(LONGROPE["long_factor"], np.float32),
        },
    ),
}


def tiny_model(kind: TinyKind, seed: int = 0) -> Any:
    """A random transformers model in float32 whose matrices hold values that F16 can hold exactly."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    settings = {**SIZES, "vocab_size": len(tiny_vocabulary()), **kind.config}
    config = AutoConfig.for_model(kind.model_type, **settings)
    family: Any = AutoModelForCausalLM
    model = family.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                gain = 8.0 if "embed" in name else 1.0
                weight.copy_((torch.randn_like(weight) * gain / weight.shape[-1] ** 0.5).half().float())
            else:
                weight.add_(torch.randn_like(weight) * 0.2)
    return model


def write_gguf(model: Any, kind: TinyKind, path: Path, *, dtype: Any = np.float16) -> Path:
    """Converts `model` to a GGUF with matrices in `dtype`."""
    config = model.config
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer = gguf.GGUFWriter(path, kind.architecture)
    writer.add_name("tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope.get("full_attention", rope)["rope_theta"])
    if "rope.dimension_count" not in kind.metadata:
        writer.add_rope_dimension_count(head_dim)
    if head_dim != config.hidden_size // config.num_attention_heads:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    for key, value in kind.metadata.items():
        writer.add_key_value(f"{kind.architecture}.{key}", value, _VALUE_TYPES[type(value)])
    add_tokenizer(writer)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if dtype == np.float16 else gguf.LlamaFileType.ALL_F32)
    for name, values in kind.tensors.items():
        writer.add_tensor(name, values())
    for name, array in gguf_arrays(model, kind.architecture).items():
        writer.add_tensor(name, array.astype(dtype) if array.ndim > 1 else array)
    return finish(writer, path)


def gguf_arrays(model: Any, architecture: str) -> dict[str, Array]:
    """The weights under their GGUF names, laid out as llama.cpp wants them."""
    config = model.config
    arch = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    arrays = {}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert target is not None, name
        array = weight.numpy().copy()
        if architecture == "llama" and ".q_proj" in name:
            array = halves_to_pairs(array, config.num_attention_heads)
        if architecture == "llama" and ".k_proj" in name:
            array = halves_to_pairs(array, config.num_key_value_heads)
        if architecture == "gemma3" and name.endswith("norm.weight"):
            array = array + 1.0
        arrays[target] = array
    return arrays


def halves_to_pairs(rows: Array, heads: int) -> Array:
    """transformers rotates (i, i + half) of each head, llama.cpp's `llama` rotates (2i, 2i + 1)."""
    head = rows.shape[0] // heads
    order = [at // 2 + (at % 2) * (head // 2) for at in range(head)]
    return rows.reshape(heads, head, -1)[:, order].reshape(rows.shape)
