"""Low-rank adapters (LoRA) on the frozen linear layers of a transformers model, to be trained fast on a CPU.

Promise: the forward pass equals `W x + (alpha / r) B A x` (Hu et al. 2021, arXiv:2106.09685, section 4.1) and
the files written are those of PEFT, so `peft.PeftModel` loads them. Knows nothing about data, losses or GGUF.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .errors import AdapterShapeMismatch

LINEAR_NAMES = (
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
    "qkv_proj",
    "gate_up_proj",
)


class _LowRankProduct(torch.autograd.Function):
    """`x W^T + s (x A^T) B^T` in the dtype of `x`, with gradients for x, A and B only.

    Written out because autocast and PEFT's own layer convert activations to float32 and back around each
    product, which on a CPU costs about a third of the step.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
    ) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        a_low, b_low = a.to(x.dtype), b.to(x.dtype)
        hidden = flat @ a_low.t()
        out = nn.functional.linear(flat, weight, bias)
        out.addmm_(hidden, b_low.t(), alpha=scale)
        ctx.save_for_backward(flat, hidden, weight, a_low, b_low)
        ctx.scale = scale
        return out.view(*x.shape[:-1], out.shape[-1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        flat, hidden, weight, a_low, b_low = ctx.saved_tensors
        grad = grads[0]
        flat_grad = grad.reshape(-1, grad.shape[-1])
        grad_b = (flat_grad.t() @ hidden).float().mul_(ctx.scale)
        grad_hidden = (flat_grad @ b_low).mul_(ctx.scale)
        grad_a = (grad_hidden.t() @ flat).float()
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = (flat_grad @ weight).addmm_(grad_hidden, a_low).view(*grad.shape[:-1], weight.shape[1])
        return grad_x, None, None, grad_a, grad_b, None


class LoraLinear(nn.Module):
    """A frozen linear layer with a trainable low-rank addition: A is [r, in], B is [out, r], both float32."""

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.weight = linear.weight
        self.bias = linear.bias
        self.lora_a = nn.Parameter(torch.empty(rank, linear.in_features, dtype=torch.float32))
        self.lora_b = nn.Parameter(torch.zeros(linear.out_features, rank, dtype=torch.float32))
        self.scale = alpha / rank
        self.enabled = True
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))

    def merge(self) -> None:
        """Adds the low-rank product to the weights, and trains it no more."""
        self.requires_grad_(False)
        change = self.scale * (self.lora_b.detach() @ self.lora_a.detach())
        self.weight = nn.Parameter((self.weight.float() + change).to(self.weight.dtype), requires_grad=False)
        self.enabled = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.enabled:
            return nn.functional.linear(x, self.weight, self.bias)
        product: Tensor = _LowRankProduct.apply(  # type: ignore[no-untyped-call]
            x, self.weight, self.bias, self.lora_a, self.lora_b, self.scale
        )
        return product


def merge(model: nn.Module, folder: Path) -> None:
    """Adds a saved adapter to the weights of `model`: `W + (alpha / r) B A`, rounded once to their dtype.

    Raises AdapterShapeMismatch for one whose layers are not the model's.
    """
    tensors = load_file(str(folder / "adapter_model.safetensors"))
    config = json.loads((folder / "adapter_config.json").read_text())
    scale = config["lora_alpha"] / config["r"]
    modules = dict(model.named_modules())
    with torch.no_grad():
        for name, a in tensors.items():
            if not name.endswith(".lora_A.weight"):
                continue
            path = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            b, module = tensors[name.replace(".lora_A.", ".lora_B.")], modules.get(path)
            fits = isinstance(module, nn.Linear) and module.weight.shape == (b.shape[0], a.shape[1])
            if not fits:
                raise AdapterShapeMismatch(folder, f"the model has no layer {path} of its shape")
            assert isinstance(module, nn.Linear)
            whole = module.weight.float() + scale * (b.float() @ a.float())
            module.weight.copy_(whole.to(module.weight.dtype))


def _block_of(name: str) -> int:
    return next((int(part) for part in name.split(".") if part.isdigit()), 0)


def inject(model: nn.Module, rank: int, alpha: float, first_layer: int = 0) -> dict[str, LoraLinear]:
    """Freezes `model`, replaces the linear layers of its blocks from `first_layer` up; name -> layer."""
    model.requires_grad_(False)
    layers: dict[str, LoraLinear] = {}
    for name, module in list(model.named_modules()):
        parts = name.split(".")
        if not isinstance(module, nn.Linear) or parts[-1] not in LINEAR_NAMES:
            continue
        if _block_of(name) < first_layer:
            continue
        parent = model.get_submodule(".".join(parts[:-1]))
        layers[name] = LoraLinear(module, rank, alpha)
        setattr(parent, parts[-1], layers[name])
    return layers


def freeze_below(layers: dict[str, LoraLinear], block: int) -> None:
    """Leaves the adapter as it is in the decoder blocks below `block`: no gradient is computed there.

    It is added to the weights of those blocks meanwhile, in their dtype, so that it costs nothing; A and B
    stay what they were.
    """
    for name, layer in layers.items():
        if _block_of(name) < block:
            layer.merge()


def parameters(layers: dict[str, LoraLinear]) -> list[nn.Parameter]:
    """What is trained: A and B of every layer that is not frozen."""
    tensors = [tensor for layer in layers.values() for tensor in (layer.lora_a, layer.lora_b)]
    return [tensor for tensor in tensors if tensor.requires_grad]


def set_enabled(layers: dict[str, LoraLinear], enabled: bool) -> None:
    """Switches the low-rank addition on or off everywhere: off gives the base's own distribution."""
    for layer in layers.values():
        layer.enabled = enabled


def save(layers: dict[str, LoraLinear], folder: Path, *, rank: int, alpha: float, base_name: str) -> None:
    """Writes `adapter_model.safetensors` and `adapter_config.json` as PEFT does."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, layer in layers.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = layer.lora_a.detach().contiguous()
        tensors[f"base_model.model.{name}.lora_B.weight"] = layer.lora_b.detach().contiguous()
    save_file(tensors, str(folder / "adapter_model.safetensors"), metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted({name.rsplit(".", 1)[-1] for name in layers}),
        "layers_to_transform": sorted({int(p) for name in layers for p in name.split(".") if p.isdigit()}),
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def load(layers: dict[str, LoraLinear], folder: Path) -> None:
    """Copies a saved adapter into `layers`; an adapter of other layers or of another rank is refused."""
    tensors = load_file(str(folder / "adapter_model.safetensors"))
    expected = {f"base_model.model.{name}.lora_{part}.weight" for name in layers for part in "AB"}
    if set(tensors) != expected:
        raise AdapterShapeMismatch(
            folder, f"it has {len(tensors)} tensors where {len(expected)} were expected"
        )
    with torch.no_grad():
        for name, layer in layers.items():
            for part, target in (("A", layer.lora_a), ("B", layer.lora_b)):
                source = tensors[f"base_model.model.{name}.lora_{part}.weight"]
                if source.shape != target.shape:
                    raise AdapterShapeMismatch(
                        folder, f"{name} is {tuple(source.shape)}, not {tuple(target.shape)}"
                    )
                target.copy_(source)
