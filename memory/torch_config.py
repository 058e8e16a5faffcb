"""Derives a base's transformers configuration from its GGUF metadata, where transformers misses or guesses.

Promise: head sizes, rotary embeddings, sliding windows, biases and tying are what llama.cpp reads from the
same file; what cannot be expressed is refused by name. Knows no weights but the few tensors that are
settings.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .errors import BaseWeightsError
from .expand import weights_of
from .gguf_file import GgufHeader

ARCHITECTURES = ("gemma3", "llama", "phi3", "qwen2", "qwen3")
"""Those whose logits and adapters are known to agree between torch and llama.cpp; tests cover each."""

KNOWN_KEYS = frozenset(
    {
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.layer_norm_rms_epsilon",
        "attention.sliding_window",
        "attention.sliding_window_pattern",
        "attention.value_length",
        "block_count",
        "context_length",
        "embedding_length",
        "feed_forward_length",
        "final_logit_softcapping",
        "rope.dimension_count",
        "rope.freq_base",
        "rope.freq_base_swa",
        "rope.scale_linear",
        "rope.scaling.attn_factor",
        "rope.scaling.factor",
        "rope.scaling.original_context_length",
        "rope.scaling.type",
        "vocab_size",
    }
)
"""Metadata of an architecture (without its prefix) that `overrides` takes into account."""

_DEFAULT_ROPE_BASE = 10_000.0  # llama.cpp's, when the file does not say
_GEMMA3_WINDOW_PATTERN = 6  # every sixth layer of gemma3 sees everything
_GEMMA3_LARGEST_LAYERS = 62  # the 27B model scales attention by the hidden size, the others by the head size
# The rotary scaling of Llama 3 is stored as its result, a factor per frequency; it was made from these.
_LLAMA3_ROPE = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}


def overrides(header: GgufHeader) -> dict[str, Any]:
    """Attributes of the transformers configuration (name -> value) that this file determines.

    Raises BaseWeightsError when the file asks for something that the torch model cannot do.
    """
    architecture = header.architecture
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise BaseWeightsError(
            header.path,
            f"its architecture {architecture!r} can be served but not put to sleep (these can: {known})",
        )
    heads, kv_heads = _count(header, "attention.head_count"), _kv_heads(header)
    hidden = _count(header, "embedding_length")
    head_dim = int(header.get("attention.key_length", hidden // heads))
    _require_equal(header, "attention.value_length", head_dim, "attention.key_length")
    out: dict[str, Any] = {
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "hidden_size": hidden,
        "intermediate_size": _count(header, "feed_forward_length"),
        "num_hidden_layers": _count(header, "block_count"),
        "max_position_embeddings": _count(header, "context_length"),
        "rms_norm_eps": float(header.get("attention.layer_norm_rms_epsilon")),
        "vocab_size": _rows(header, "token_embd.weight"),
        "tie_word_embeddings": header.tensor("output.weight") is None,
    }
    rope = _rope(header, head_dim)
    if architecture == "gemma3":
        return out | _gemma3(header, rope, hidden // heads, head_dim)
    if architecture == "llama":
        out["attention_bias"] = header.tensor("blk.0.attn_q.bias") is not None
        out["mlp_bias"] = header.tensor("blk.0.ffn_gate.bias") is not None
    if architecture == "phi3":
        out["original_max_position_embeddings"] = int(
            header.get("rope.scaling.original_context_length", out["max_position_embeddings"])
        )
    # llama.cpp uses no sliding window for these, whatever the file says.
    return out | {"rope_parameters": rope, "sliding_window": None}


def _count(header: GgufHeader, key: str) -> int:
    value = header.get(key)
    if value is None:
        raise BaseWeightsError(header.path, f"its metadata lacks {header.architecture}.{key}")
    if isinstance(value, list):
        if len(set(value)) != 1:
            raise BaseWeightsError(
                header.path,
                f"{header.architecture}.{key} differs from layer to layer, which cannot be trained",
            )
        value = value[0]
    return int(value)


def _kv_heads(header: GgufHeader) -> int:
    key = "attention.head_count_kv"
    return _count(header, key if header.get(key) is not None else "attention.head_count")


def _rows(header: GgufHeader, name: str) -> int:
    tensor = header.tensor(name)
    if tensor is None:
        raise BaseWeightsError(header.path, f"it has no tensor {name}")
    return tensor.shape[0]


def _require_equal(header: GgufHeader, key: str, wanted: int, other: str) -> None:
    value = int(header.get(key, wanted))
    if value != wanted:
        raise BaseWeightsError(
            header.path,
            f"{header.architecture}.{key} is {value} and {other} is {wanted}, and they must be equal",
        )


def _rope(header: GgufHeader, head_dim: int) -> dict[str, Any]:
    """The rotary parameters in transformers' words."""
    rope: dict[str, Any] = {
        "rope_type": "default",
        "rope_theta": float(header.get("rope.freq_base", _DEFAULT_ROPE_BASE)),
    }
    rotary = int(header.get("rope.dimension_count", head_dim))
    if header.architecture == "phi3":
        rope["partial_rotary_factor"] = rotary / head_dim
    elif rotary != head_dim:
        raise BaseWeightsError(
            header.path,
            f"{header.architecture}.rope.dimension_count is {rotary} and a head has {head_dim} dimensions",
        )
    if header.tensor("rope_freqs.weight") is not None:
        return rope | _llama3_scaling(header)
    if header.tensor("rope_factors_short.weight") is not None:
        return rope | _longrope(header)
    return rope | _plain_scaling(header)


def _plain_scaling(header: GgufHeader) -> dict[str, Any]:
    kind = str(header.get("rope.scaling.type", "none"))
    factor = header.get("rope.scaling.factor", header.get("rope.scale_linear"))
    if kind == "none" and factor in (None, 0.0, 1.0):
        return {}
    if kind in ("none", "linear"):
        return {"rope_type": "linear", "factor": float(factor or 1.0)}
    if kind == "yarn":
        return {
            "rope_type": "yarn",
            "factor": float(factor or 1.0),
            "original_max_position_embeddings": _count(header, "rope.scaling.original_context_length"),
        }
    raise BaseWeightsError(header.path, f"{header.architecture}.rope.scaling.type {kind!r} is not known")


def _llama3_scaling(header: GgufHeader) -> dict[str, Any]:
    """Finds the Llama 3 parameters whose factors are those in `rope_freqs.weight`."""
    tensor = header.tensor("rope_freqs.weight")
    assert tensor is not None
    stored = weights_of(header, tensor)
    base = float(header.get("rope.freq_base", _DEFAULT_ROPE_BASE))
    parameters = {"rope_type": "llama3", "factor": float(stored.max()), **_LLAMA3_ROPE}
    if not np.allclose(stored, _llama3_factors(base, len(stored), float(stored.max())), rtol=1e-4):
        raise BaseWeightsError(
            header.path, "its tensor rope_freqs.weight holds rotary factors that are not those of Llama 3"
        )
    return parameters


def _llama3_factors(base: float, count: int, factor: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What each of `count` rotary frequencies is divided by (Llama 3.1, `apply_scaling`)."""
    frequencies = base ** (-np.arange(count) / count)
    turns = _LLAMA3_ROPE["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    low, high = _LLAMA3_ROPE["low_freq_factor"], _LLAMA3_ROPE["high_freq_factor"]
    smooth = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return 1.0 / ((1.0 - smooth) / factor + smooth)


def _longrope(header: GgufHeader) -> dict[str, Any]:
    factors = {}
    for name in ("short", "long"):
        tensor = header.tensor(f"rope_factors_{name}.weight")
        if tensor is None:
            raise BaseWeightsError(header.path, f"it has no tensor rope_factors_{name}.weight")
        factors[f"{name}_factor"] = [float(value) for value in weights_of(header, tensor)]
    attention = header.get("rope.scaling.attn_factor")
    return {"rope_type": "longrope", **factors} | (
        {"attention_factor": float(attention)} if attention else {}
    )


def _gemma3(header: GgufHeader, rope: dict[str, Any], hidden_share: int, head_dim: int) -> dict[str, Any]:
    """Sliding and full layers have rotary parameters of their own (llama.cpp, src/models/gemma3.cpp)."""
    layers = _count(header, "block_count")
    window = int(header.get("attention.sliding_window", 0))
    pattern = header.get("attention.sliding_window_pattern", _GEMMA3_WINDOW_PATTERN)
    if isinstance(pattern, list):
        slides = [bool(value) for value in pattern[:layers]]
    else:
        slides = [pattern == 0 or layer % pattern < pattern - 1 for layer in range(layers)]
    local = {
        "rope_type": "default",
        "rope_theta": float(header.get("rope.freq_base_swa", _DEFAULT_ROPE_BASE)),
    }
    return {
        "query_pre_attn_scalar": hidden_share if layers == _GEMMA3_LARGEST_LAYERS else head_dim,
        "sliding_window": window or None,
        "layer_types": ["sliding_attention" if window and slide else "full_attention" for slide in slides],
        "rope_parameters": {"full_attention": rope, "sliding_attention": local},
        "final_logit_softcapping": header.get("final_logit_softcapping") or None,
    }
