"""What torch does with base weights: reads a GGUF into a transformers folder, and computes logits from it.

Promise: matrices and vectors keep the values they have in the GGUF; nothing is printed. Runs as a child
process (`python -m dormouse.memory.torch_side JOB`), so that no process that serves carries torch. Knows
nothing of caches or of llama.cpp.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gguf_file import read_header


@dataclass(frozen=True, slots=True)
class TorchJob:
    """What the child is to do: make `folder` from `gguf` if given, then what of the rest is asked for.

    `overrides` are configuration attributes; `half` stores matrices in 16 bits (exact when the GGUF has them
    so). Logits of `ids` are computed once for each of `depths`, the number of layers kept (0 for all).
    """

    folder: str
    answer: str  # the .npz written last
    gguf: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    half: bool = True
    ids: tuple[int, ...] = ()
    depths: tuple[int, ...] = ()
    spreads: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def make_copy(gguf: Path, overrides: Mapping[str, Any], folder: Path, *, half: bool) -> None:
    """Writes `folder` (config.json, model.safetensors) from `gguf`; raises ValueError naming what does not
    fit.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with _name_map_built_once():
        guessed = AutoConfig.from_pretrained(gguf.parent, gguf_file=gguf.name)
        attributes = {**guessed.to_dict(), **overrides}
        attributes.pop("rope_theta", None)
        config = type(guessed)(**attributes)
        loading: Any = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    model, loaded = loading
    if loaded["missing_keys"]:
        raise ValueError(f"the file has no tensor for {min(loaded['missing_keys'])}")
    if loaded["mismatched_keys"]:
        name, stored, wanted = min(loaded["mismatched_keys"])
        raise ValueError(f"{name} is {tuple(stored)} in the file, and torch wants {tuple(wanted)}")
    if unused := unused_tensors(gguf, model):
        raise ValueError(f"the torch model has no place for tensor {unused[0]}")
    _forget_quantisation(model)
    weights = {
        name: tensor.half() if half and tensor.ndim > 1 else tensor
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight" or not config.tie_word_embeddings
    }
    model.save_pretrained(folder, state_dict=weights, max_shard_size="1000GB")


def unused_tensors(gguf: Path, model: Any) -> list[str]:
    """Tensors of the file that the model does not take up, but for those that are settings."""
    places = set(gguf_names(model).values())
    return [
        tensor.name
        for tensor in read_header(gguf).tensors
        if tensor.name not in places and not tensor.name.startswith(("rope_freqs.", "rope_factors_"))
    ]


def gguf_names(model: Any) -> dict[str, str]:
    """The tensors of the model: transformers name -> GGUF name."""
    import gguf

    written = model.config.model_type.removesuffix("_text")
    architecture = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == written)
    names = gguf.get_tensor_name_map(architecture, model.config.num_hidden_layers)
    found = {}
    for name in model.state_dict():
        module, _, suffix = name.rpartition(".")
        if target := names.get_name(module):
            found[name] = f"{target}.{suffix}"
    return found


def logits(
    folder: Path, ids: Sequence[int], depths: Sequence[int]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(depth, logits [len(ids), vocabulary]) in float32, with all layers (depth 0) or the first ones."""
    import torch

    model = load(folder)
    layers = model.model.layers
    for depth in depths:
        model.model.layers = layers[: depth or len(layers)]
        model.config.num_hidden_layers = len(model.model.layers)
        with torch.no_grad():
            rows = model(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0]
        yield depth, rows.float().numpy()


def spreads(folder: Path) -> dict[str, float]:
    """The standard deviation of each tensor by GGUF name: the same for permuted rows and shifted norms."""
    model = load(folder)
    weights = model.state_dict()
    return {target: float(weights[name].double().std()) for name, target in gguf_names(model).items()}


def load(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")


@contextmanager
def _name_map_built_once() -> Iterator[None]:
    """transformers asks gguf for the same table of names once per module, which takes 6 of 8 seconds."""
    import gguf

    original = gguf.get_tensor_name_map
    gguf.get_tensor_name_map = functools.cache(original)
    try:
        yield
    finally:
        gguf.get_tensor_name_map = original


def _forget_quantisation(model: Any) -> None:
    """The weights are plain now, but transformers refuses to save a model that came from a GGUF."""
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    model.quantization_method = None


def run(job: TorchJob) -> None:
    import torch

    torch.set_num_threads(1)
    folder = Path(job.folder)
    answer: dict[str, Any] = {}
    if job.gguf:
        make_copy(Path(job.gguf), job.overrides, folder, half=job.half)
    for depth, rows in logits(folder, job.ids, job.depths):
        answer[f"logits_{depth}"] = rows
    if job.spreads:
        answer["spreads"] = np.array(json.dumps(spreads(folder)))
    np.savez(job.answer, **answer)


def main(path: Path) -> int:
    os.nice(10)
    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.disable(logging.WARNING)
    run(TorchJob(**json.loads(path.read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
