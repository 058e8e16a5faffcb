"""GGUF adapters: what llama.cpp's own converter writes, and what torch computes with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from llama_cpp_adapters import (
    ALPHA,
    ARCHITECTURES,
    FIGURES,
    FILE_TYPES,
    config_of,
    figures_of,
    peft_tensors,
)
from tiny_torch import KINDS, tiny_model, write_gguf

from dormouse.memory import probe
from dormouse.memory.engine import Mount
from dormouse.memory.errors import DiskFull
from dormouse.memory.gguf_file import read_header
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.sleep.errors import ExportUnsupported
from dormouse.sleep.export import FileType, Geometry, geometry_of, write_adapter

EXPECTED = json.loads(FIGURES.read_text())
UNTOLD = ("general.name", "general.quantization_version")  # what llama.cpp does not read in an adapter


def geometry(architecture: str) -> Geometry:
    config = config_of(architecture)
    return Geometry(
        architecture,
        config["num_hidden_layers"],
        config["num_attention_heads"],
        config["num_key_value_heads"],
    )


@pytest.mark.parametrize("file_type", FILE_TYPES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_equals_llama_cpps_own_converter(architecture: str, file_type: FileType, tmp_path: Path) -> None:
    path = tmp_path / "adapter.gguf"
    write_adapter(peft_tensors(architecture), geometry(architecture), ALPHA, path, file_type=file_type)
    ours, theirs = figures_of(path), EXPECTED[f"{architecture} {file_type}"]
    assert ours["tensors"] == theirs["tensors"]
    for key, value in theirs["metadata"].items():
        if key not in UNTOLD:
            assert ours["metadata"][key] == value, key


def test_the_fixture_tells_permuted_rows_apart() -> None:
    """If two rows of a B were equal, the comparison above could pass with rows in the wrong order."""
    for name, values in peft_tensors("llama").items():
        if name.endswith("lora_B.weight"):
            assert len(np.unique(values, axis=0)) == len(values)


def trained(kind: str, folder: Path, *, rank: int = 4, alpha: float = 8.0) -> tuple[Any, dict[str, Any]]:
    """A tiny model with random adapters on all its linear layers, saved as PEFT saves them."""
    import torch

    from dormouse.sleep import lora

    model = tiny_model(KINDS[kind])
    layers = lora.inject(model, rank, alpha)
    torch.manual_seed(1)
    with torch.no_grad():
        for layer in layers.values():
            layer.lora_b.copy_(torch.randn_like(layer.lora_b) * 0.2)
    lora.save(layers, folder, rank=rank, alpha=alpha, base_name="tiny")
    return model, layers


def saved(folder: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return load_file(folder / "adapter_model.safetensors")


@pytest.mark.parametrize("kind", KINDS)
def test_torch_and_llama_cpp_agree_with_the_adapter_mounted(kind: str, tmp_path: Path) -> None:
    import torch

    base = write_gguf(tiny_model(KINDS[kind]), KINDS[kind], tmp_path / "base.gguf")
    header = read_header(base)
    model, layers = trained(kind, tmp_path / "peft")
    path = tmp_path / "adapter.gguf"
    write_adapter(saved(tmp_path / "peft"), geometry_of(header.metadata), 8.0, path)
    assert len(gguf.GGUFReader(path).tensors) == 2 * len(layers)
    ids = probe.probe_ids(header)
    with torch.no_grad():
        wanted = model(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0].numpy()
    with LlamaEngine(base, context_tokens=512) as engine:
        bare = engine.logits(ids, adapters=())
        mounted = engine.logits(ids, adapters=(Mount("a", path),))
    assert probe.relative_error(wanted, bare) > 0.05  # the adapter says something
    assert probe.relative_error(wanted, mounted) <= 2e-3


def test_every_linear_layer_of_a_block_is_adapted() -> None:
    from dormouse.sleep import lora

    for kind in ("llama", "phi3"):
        model = tiny_model(KINDS[kind])
        layers = lora.inject(model, 2, 4.0)
        per_block = 4 if kind == "phi3" else 7
        assert len(layers) == per_block * model.config.num_hidden_layers


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft's own
def test_peft_reads_what_is_saved(tmp_path: Path) -> None:
    import torch
    from peft import PeftModel

    model, _ = trained("llama", tmp_path / "peft")
    theirs = PeftModel.from_pretrained(tiny_model(KINDS["llama"]), str(tmp_path / "peft"))
    ids = torch.tensor([list(range(40))])
    with torch.no_grad():
        assert torch.allclose(model(ids).logits, theirs(ids).logits, atol=1e-4)


@pytest.mark.parametrize("file_type", FILE_TYPES)
def test_a_file_is_whole_or_absent(
    file_type: FileType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "adapter.gguf"

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gguf.GGUFWriter, "write_tensors_to_file", full)
    with pytest.raises(DiskFull):
        write_adapter(peft_tensors("llama"), geometry("llama"), ALPHA, path, file_type=file_type)
    assert list(tmp_path.iterdir()) == []


def test_what_gguf_cannot_hold_is_refused(tmp_path: Path) -> None:
    strange = {"base_model.model.model.layers.0.strange.lora_A.weight": np.zeros((2, 4), np.float32)}
    with pytest.raises(ExportUnsupported, match="strange"):
        write_adapter(strange, geometry("llama"), ALPHA, tmp_path / "a.gguf")
    with pytest.raises(ExportUnsupported, match="elephant"):
        write_adapter({}, Geometry("elephant", 1, 1, 1), ALPHA, tmp_path / "a.gguf")
