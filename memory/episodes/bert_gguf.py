"""Writes a sentence-transformers folder (BERT, mean or first-token pooling) as a GGUF that llama.cpp embeds
with.

Promise: the target holds the whole model or does not exist; a folder that would come out as another model
than it is (another architecture, a projection after the pooling) is refused. Needs no torch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..durable import storage_faults, sweep, sync_folder
from ..errors import CACHE, BadEmbedder

if TYPE_CHECKING:
    from gguf import GGUFWriter

_ROOT = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_UNUSED = ("pooler.", "embeddings.position_ids")
_SPECIAL = ("unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_NORMAL, _CONTROL = 1, 3  # gguf.TokenType


def write_bert_gguf(folder: Path, target: Path) -> Path:
    """Writes the model in `folder` to `target` with its matrices in F16. Raises BadEmbedder, DiskFull."""
    from gguf import GGUFWriter

    config = _config(folder)
    pooling = _pooling(folder)
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    with storage_faults(target.parent, CACHE):
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        try:
            writer = GGUFWriter(beside, "bert")
            _write_settings(writer, config, folder, pooling)
            _write_vocabulary(writer, folder)
            _write_weights(writer, folder, config)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(beside, target)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
        sync_folder(target.parent)
    return target


def _config(folder: Path) -> Mapping[str, Any]:
    config: Mapping[str, Any] = _read(folder, "config.json")
    if config.get("model_type") != "bert":
        raise BadEmbedder(
            folder, f"its architecture is {config.get('model_type')!r}, and only 'bert' is converted"
        )
    if config.get("hidden_act") != "gelu" or config.get("position_embedding_type", "absolute") != "absolute":
        raise BadEmbedder(
            folder, "its activation or its positions are not those that llama.cpp computes for 'bert'"
        )
    return config


def _pooling(folder: Path) -> int:
    """llama.cpp's number for the folder's pooling: 1 the mean of all tokens, 2 the first token."""
    if not (folder / "modules.json").exists():
        raise BadEmbedder(folder, "it has no modules.json, so it is no sentence-transformers model")
    kinds = [str(module["type"]).rsplit(".", 1)[-1] for module in _read(folder, "modules.json")]
    if kinds[:2] != ["Transformer", "Pooling"] or kinds[2:] not in ([], ["Normalize"]):
        raise BadEmbedder(
            folder,
            f"its modules are {', '.join(kinds)}, and only Transformer, Pooling, Normalize are converted",
        )
    pooling = _read(folder, "1_Pooling/config.json")
    if pooling.get("pooling_mode_mean_tokens"):
        return 1
    if pooling.get("pooling_mode_cls_token"):
        return 2
    raise BadEmbedder(folder, "it pools neither by the mean nor by the first token")


def _write_settings(writer: GGUFWriter, config: Mapping[str, Any], folder: Path, pooling: int) -> None:
    from gguf import PoolingType

    writer.add_name(str(config.get("_name_or_path") or folder.name))
    writer.add_context_length(_longest(folder, config))
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(PoolingType(pooling))
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_file_type(1)


def _longest(folder: Path, config: Mapping[str, Any]) -> int:
    """The tokens a text may have: what the model was made for, which may be fewer than it has positions."""
    longest = _read(folder, "sentence_bert_config.json").get("max_seq_length") or 1 << 30
    return min(int(longest), int(config["max_position_embeddings"]))


def _write_vocabulary(writer: GGUFWriter, folder: Path) -> None:
    words = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    if words[-1] == "":
        words.pop()
    names = _read(folder, "tokenizer_config.json")
    if not names.get("do_lower_case", True):
        raise BadEmbedder(folder, "its tokenizer keeps capitals, and llama.cpp's WordPiece does not")
    special = {str(names[key]): words.index(str(names[key])) for key in _SPECIAL if names.get(key) in words}
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([_spelt(word, special) for word in words])
    writer.add_token_types([_CONTROL if word in special else _NORMAL for word in words])
    ids = {key: special[str(names[key])] for key in _SPECIAL if names.get(key) in words}
    writer.add_unk_token_id(ids["unk_token"])
    writer.add_sep_token_id(ids["sep_token"])
    writer.add_pad_token_id(ids["pad_token"])
    writer.add_bos_token_id(ids["cls_token"])
    writer.add_eos_token_id(ids["sep_token"])
    writer.add_mask_token_id(ids["mask_token"])


def _spelt(word: str, special: Mapping[str, int]) -> str:
    """A WordPiece entry as llama.cpp spells it: the beginning of a word is marked, its continuation is
    not.
    """
    if word in special:
        return word
    return word[2:] if word.startswith("##") else f"\u2581{word}"


def _write_weights(writer: GGUFWriter, folder: Path, config: Mapping[str, Any]) -> None:
    import numpy as np
    from safetensors.numpy import load_file

    seen = 0
    for name, weights in sorted(load_file(folder / "model.safetensors").items()):
        own = _tensor_name(name.removeprefix("bert."))
        if own is None:
            continue
        if own == "position_embd.weight":  # llama.cpp wants as many as the context length says
            weights = weights[: _longest(folder, config)]
        matrix = weights.ndim > 1 and own.startswith("blk.")
        writer.add_tensor(own, weights.astype(np.float16 if matrix else np.float32))
        seen += 1
    expected = len(_ROOT) + 2 * len(_LAYER) * int(config["num_hidden_layers"])
    if seen != expected:
        raise BadEmbedder(folder, f"it holds {seen} of the {expected} tensors of a 'bert'")


def _tensor_name(name: str) -> str | None:
    if name.startswith(_UNUSED):
        return None
    if name in _ROOT:
        return _ROOT[name]
    _, _, layer, rest = (*name.split(".", 3), "", "", "", "")[:4]
    module, _, kind = rest.rpartition(".")
    return f"blk.{layer}.{_LAYER[module]}.{kind}" if module in _LAYER else None


def _read(folder: Path, name: str) -> Any:
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise BadEmbedder(folder, f"its {name} is missing or not JSON") from cause
