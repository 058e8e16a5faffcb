"""Our low-rank layers against PEFT's: the same logits, the same gradients, the same files."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tiny_torch import KINDS, tiny_model

from dormouse.sleep import lora
from dormouse.sleep.errors import AdapterShapeMismatch

# peft asks transformers for a property under its old name
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

RANK, ALPHA = 4, 12.0
IDS = torch.arange(5, 45).reshape(2, 20)


def randomised(layers: dict[str, lora.LoraLinear], seed: int = 1) -> None:
    torch.manual_seed(seed)
    with torch.no_grad():
        for layer in layers.values():
            layer.lora_b.normal_(std=0.2)


def peft_of(model: Any, layers: dict[str, lora.LoraLinear]) -> Any:
    """PEFT's model over `model` with the weights of `layers`."""
    names = sorted({name.rsplit(".", 1)[-1] for name in layers})
    config = LoraConfig(r=RANK, lora_alpha=int(ALPHA), target_modules=names, task_type="CAUSAL_LM")
    wrapped = get_peft_model(model, config)
    with torch.no_grad():
        for name, layer in layers.items():
            theirs: Any = wrapped.get_submodule(f"base_model.model.{name}")
            theirs.lora_A["default"].weight.copy_(layer.lora_a)
            theirs.lora_B["default"].weight.copy_(layer.lora_b)
    return wrapped


def loss_of(model: Any) -> torch.Tensor:
    logits = model(input_ids=IDS, use_cache=False).logits
    loss: torch.Tensor = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), IDS[:, 1:].flatten())
    return loss


@pytest.mark.parametrize("kind", ["llama", "qwen2", "phi3"])
def test_logits_and_gradients_are_pefts(kind: str) -> None:
    """qwen2 has biases, phi3 fused layers."""
    ours = tiny_model(KINDS[kind])
    theirs = copy.deepcopy(ours)
    layers = lora.inject(ours, RANK, ALPHA)
    randomised(layers)
    theirs = peft_of(theirs, layers)
    assert torch.allclose(ours(IDS).logits, theirs(IDS).logits, atol=1e-4)
    loss_of(ours).backward()  # type: ignore[no-untyped-call]
    loss_of(theirs).backward()  # type: ignore[no-untyped-call]
    for name, layer in layers.items():
        other: Any = theirs.get_submodule(f"base_model.model.{name}")
        for mine, yours in (
            (layer.lora_a.grad, other.lora_A["default"].weight.grad),
            (layer.lora_b.grad, other.lora_B["default"].weight.grad),
        ):
            assert mine is not None
            assert torch.linalg.norm(mine - yours) <= 1e-4 * torch.linalg.norm(yours) > 0, name


def test_every_linear_layer_of_every_block_is_adapted_and_nothing_else_trains() -> None:
    model = tiny_model(KINDS["llama"])
    layers = lora.inject(model, RANK, ALPHA)
    assert len(layers) == 2 * 7
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    assert trained == {id(p) for p in lora.parameters(layers)}


def test_a_fresh_adapter_changes_nothing_and_one_switched_off_neither() -> None:
    model = tiny_model(KINDS["llama"])
    bare = model(IDS).logits
    layers = lora.inject(model, RANK, ALPHA)
    assert torch.allclose(model(IDS).logits, bare, atol=1e-5)
    randomised(layers)
    assert not torch.allclose(model(IDS).logits, bare, atol=1e-1)
    lora.set_enabled(layers, False)
    assert torch.allclose(model(IDS).logits, bare, atol=1e-5)


@pytest.mark.parametrize("first_layer", [0, 1])
def test_peft_loads_what_is_saved(first_layer: int, tmp_path: Path) -> None:
    model = tiny_model(KINDS["llama"])
    base = copy.deepcopy(model)
    layers = lora.inject(model, RANK, ALPHA, first_layer)
    assert len(layers) == 7 * (2 - first_layer)
    randomised(layers)
    lora.save(layers, tmp_path, rank=RANK, alpha=ALPHA, base_name="tiny")
    loaded = PeftModel.from_pretrained(base, str(tmp_path))  # a missing or unknown tensor is a warning
    assert torch.allclose(model(IDS).logits, loaded(IDS).logits, atol=1e-4)
    assert sum("lora_" in name for name in loaded.state_dict()) == 2 * len(layers)


def test_what_is_saved_loads_again(tmp_path: Path) -> None:
    first, second = tiny_model(KINDS["llama"]), tiny_model(KINDS["llama"])
    layers = lora.inject(first, RANK, ALPHA)
    randomised(layers)
    lora.save(layers, tmp_path, rank=RANK, alpha=ALPHA, base_name="tiny")
    lora.load(lora.inject(second, RANK, ALPHA), tmp_path)
    assert torch.equal(first(IDS).logits, second(IDS).logits)


@pytest.mark.parametrize(("rank", "first_layer"), [(RANK + 1, 0), (RANK, 1)])
def test_an_adapter_of_another_shape_is_refused(rank: int, first_layer: int, tmp_path: Path) -> None:
    layers = lora.inject(tiny_model(KINDS["llama"]), RANK, ALPHA)
    lora.save(layers, tmp_path, rank=RANK, alpha=ALPHA, base_name="tiny")
    with pytest.raises(AdapterShapeMismatch, match=str(tmp_path)):
        lora.load(lora.inject(tiny_model(KINDS["llama"]), rank, ALPHA, first_layer), tmp_path)


def test_the_config_says_which_layers(tmp_path: Path) -> None:
    layers = lora.inject(tiny_model(KINDS["llama"]), RANK, ALPHA, 1)
    lora.save(layers, tmp_path, rank=RANK, alpha=ALPHA, base_name="tiny")
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["layers_to_transform"]) == (RANK, ALPHA, [1])


def test_an_adapter_beneath_is_part_of_the_weights(tmp_path: Path) -> None:
    over = tiny_model(KINDS["llama"])
    beneath = copy.deepcopy(over)
    layers = lora.inject(beneath, RANK, ALPHA)
    randomised(layers)
    lora.save(layers, tmp_path / "peft", rank=RANK, alpha=ALPHA, base_name="tiny")
    bare = over(IDS).logits
    lora.merge(over, tmp_path / "peft")
    assert torch.allclose(over(IDS).logits, beneath(IDS).logits, atol=1e-4)
    assert not torch.allclose(over(IDS).logits, bare, atol=1e-2)
    on_top = lora.inject(over, RANK, ALPHA)  # begins at zero, and what is beneath does not move
    assert torch.allclose(over(IDS).logits, beneath(IDS).logits, atol=1e-4)
    loss_of(over).backward()  # type: ignore[no-untyped-call]
    assert all(layer.weight.grad is None and layer.lora_b.grad is not None for layer in on_top.values())


def test_an_adapter_of_another_model_is_not_put_beneath(tmp_path: Path) -> None:
    layers = lora.inject(tiny_model(KINDS["phi3"]), RANK, ALPHA)
    lora.save(layers, tmp_path / "peft", rank=RANK, alpha=ALPHA, base_name="tiny")
    with pytest.raises(AdapterShapeMismatch, match="has no layer"):
        lora.merge(tiny_model(KINDS["llama"]), tmp_path / "peft")


def test_frozen_blocks_compute_the_same_and_are_saved_as_they_were(tmp_path: Path) -> None:
    model = tiny_model(KINDS["llama"])
    layers = lora.inject(model, RANK, ALPHA)
    randomised(layers)
    before = model(IDS).logits
    lora.save(layers, tmp_path / "before", rank=RANK, alpha=ALPHA, base_name="tiny")
    lora.freeze_below(layers, 1)
    assert torch.allclose(model(IDS).logits, before, atol=1e-4)
    assert 0 < len(lora.parameters(layers)) < 2 * len(layers)
    lora.save(layers, tmp_path / "after", rank=RANK, alpha=ALPHA, base_name="tiny")
    saved = [(tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("before", "after")]
    assert saved[0] == saved[1]


def test_training_moves_the_blocks_above_only() -> None:
    model = tiny_model(KINDS["llama"])
    layers = lora.inject(model, RANK, ALPHA)
    randomised(layers)
    lora.freeze_below(layers, 1)
    loss_of(model).backward()  # type: ignore[no-untyped-call]
    moved = {name for name, layer in layers.items() if layer.lora_b.grad is not None}
    assert moved == {name for name in layers if ".layers.0." not in name}
