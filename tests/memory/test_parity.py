"""torch and llama.cpp compute the same from the same base, and when they do not, the culprit is named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from tiny_models import finish
from tiny_torch import KINDS, TinyKind, tiny_model, write_gguf

from dormouse.memory import parity, probe, torch_side, training_copy
from dormouse.memory.base_weights import BaseWeights, resolve
from dormouse.memory.errors import BaseWeightsError, ParityError
from dormouse.memory.gguf_file import read_header


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch runs here, not in a child: importing it takes longer than all the rest."""

    def run(job: torch_side.TorchJob, named: str) -> dict[str, Any]:
        try:
            torch_side.run(job)
        except ValueError as cause:
            raise BaseWeightsError(named, f"torch cannot load it: {cause}") from cause
        with np.load(job.answer) as arrays:
            return dict(arrays)

    monkeypatch.setattr(probe, "run_torch", run)


Base = Callable[..., BaseWeights]


@pytest.fixture
def base(tmp_path: Path) -> Base:
    """Writes a tiny model of a kind as GGUF and resolves it."""

    def make(kind: str | TinyKind = "llama", dtype: Any = np.float16) -> BaseWeights:
        chosen = KINDS[kind] if isinstance(kind, str) else kind
        path = write_gguf(tiny_model(chosen), chosen, tmp_path / "tiny.gguf", dtype=dtype)
        return resolve(str(path), tmp_path / "cache")

    return make


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("in_process")
def test_each_covered_shape_agrees(kind: str, base: Base, tmp_path: Path) -> None:
    found = base(kind)
    report = training_copy.check_parity(found, tmp_path / "cache")
    assert report.passed, report.detail
    assert report.relative_error <= 2e-3
    assert report.exact_error <= (3e-4 if kind == "gemma3" else 1e-5)  # llama.cpp's GELU is a table
    # The copy is also what the model was before it was a GGUF, which torch did not see.
    copy = training_copy.training_copy(found, tmp_path / "cache")
    ids = probe.probe_ids(read_header(found.path))
    original = tiny_model(KINDS[kind])
    original.save_pretrained(tmp_path / "original")
    wanted = dict(torch_side.logits(tmp_path / "original", ids, [0]))[0]
    assert probe.relative_error(dict(torch_side.logits(copy, ids, [0]))[0], wanted) < 1e-5
    exact = write_gguf(original, KINDS[kind], tmp_path / "f32.gguf", dtype=np.float32)
    assert probe.relative_error(wanted, probe.llama_logits(exact, ids, exact=True)) <= probe.EXACT_BOUND


# When they disagree


def broken(base: BaseWeights, cache: Path, damage: Callable[[Path], None]) -> parity.ParityReport:
    """Makes the copy, damages it, forgets the record and checks again."""
    copy = training_copy.training_copy(base, cache)
    damage(copy)
    (base.folder(cache) / "parity.json").unlink()
    return training_copy.check_parity(base, cache)


def set_config(**values: Any) -> Callable[[Path], None]:
    def damage(copy: Path) -> None:
        path = copy / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return damage


def change_tensor(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def damage(copy: Path) -> None:
        from safetensors.numpy import load_file, save_file

        path = copy / "model.safetensors"
        tensors = load_file(path)
        tensors[name] = np.ascontiguousarray(change(tensors[name]))
        save_file(tensors, path, metadata={"format": "pt"})

    return damage


@pytest.mark.usefixtures("in_process")
def test_a_wrong_setting_is_named(base: Base, tmp_path: Path) -> None:
    rope = {"rope_type": "default", "rope_theta": 500000.0}
    report = broken(base("qwen2"), tmp_path / "cache", set_config(rope_parameters=rope))
    assert not report.passed
    assert report.detail == (
        "setting rope_parameters.rope_theta (the file says 1000000.0, torch uses 500000.0)"
    )


@pytest.mark.usefixtures("in_process")
def test_a_wrong_tensor_is_named(base: Base, tmp_path: Path) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    report = broken(base(), tmp_path / "cache", change_tensor(name, lambda values: values * 1.5))
    assert (report.passed, report.detail) == (False, "tensor blk.1.ffn_up.weight")


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("layer", [0, 2, 4])
def test_the_first_layer_that_differs_is_named(layer: int, base: Base, tmp_path: Path) -> None:
    deep = replace(KINDS["llama"], config={**KINDS["llama"].config, "num_hidden_layers": 5})
    name = f"model.layers.{layer}.mlp.down_proj.weight"
    swapped = change_tensor(name, lambda values: values[::-1])  # the same values elsewhere
    report = broken(base(deep), tmp_path / "cache", swapped)
    assert (report.passed, report.detail) == (False, f"layer {layer}")


@pytest.mark.usefixtures("in_process")
def test_settings_that_torch_does_not_read_are_named(base: Base, tmp_path: Path) -> None:
    unread = replace(KINDS["llama"], metadata={"attention.something": 3})
    swapped = change_tensor("model.layers.1.mlp.down_proj.weight", lambda values: values[::-1])
    report = broken(base(unread), tmp_path / "cache", swapped)
    assert report.detail == "layer 1 (its settings llama.attention.something are not read by torch)"


@pytest.mark.usefixtures("in_process")
def test_head_size_comes_from_the_file_not_from_transformers(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `attention.key_length` from the metadata, transformers gives qwen3 heads of 128 dimensions."""
    from dormouse.memory import torch_config

    def guessed(header: Any) -> dict[str, Any]:
        return {k: v for k, v in torch_config.overrides(header).items() if k != "head_dim"}

    monkeypatch.setattr(training_copy, "overrides", guessed)
    with pytest.raises(
        BaseWeightsError, match=r"k_norm\.weight is \(32,\) in the file, and torch wants \(128,\)"
    ):
        training_copy.training_copy(base("qwen3"), tmp_path / "cache")


@pytest.mark.usefixtures("in_process")
def test_a_tensor_torch_has_no_place_for_is_named(base: Base, tmp_path: Path) -> None:
    extra = replace(KINDS["llama"], tensors={"blk.1.attn_q_norm.weight": lambda: np.ones(16, np.float32)})
    with pytest.raises(BaseWeightsError, match=r"no place for tensor blk\.1\.attn_q_norm\.weight"):
        training_copy.training_copy(base(extra), tmp_path / "cache")


def test_an_architecture_that_is_not_covered_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_tensor("token_embd.weight", np.ones((4, 32), np.float16))
    finish(writer, path)
    with pytest.raises(BaseWeightsError, match="'mamba' can be served but not put to sleep"):
        training_copy.training_copy(resolve(str(path), tmp_path / "cache"), tmp_path / "cache")


# Once per base


@pytest.mark.usefixtures("in_process")
def test_the_copy_is_made_once(base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, cache = base(), tmp_path / "cache"
    copy = training_copy.training_copy(found, cache)
    assert sorted(path.name for path in found.folder(cache).iterdir()) == ["parity.json", "training"]
    monkeypatch.setattr(probe, "run_torch", None)
    assert training_copy.training_copy(found, cache) == copy
    assert training_copy.recorded_parity(found, cache) == training_copy.check_parity(found, cache)


@pytest.mark.usefixtures("in_process")
def test_what_a_killed_process_left_is_removed(base: Base, tmp_path: Path) -> None:
    found, cache = base(), tmp_path / "cache"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for owner in (gone.pid, os.getpid()):
        (found.folder(cache) / f".copy-x.{owner}.new").mkdir(parents=True)
    (found.folder(cache) / f".f16.gguf.{gone.pid}.new").write_text("half")
    training_copy.training_copy(found, cache)
    left = {path.name for path in found.folder(cache).iterdir()}
    assert left == {"parity.json", "training", f".copy-x.{os.getpid()}.new"}


@pytest.mark.usefixtures("in_process")
def test_a_copy_made_meanwhile_by_another_process_is_taken(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, cache = base(), tmp_path / "cache"
    report_on = parity.report_on

    def other_was_faster(*arguments: Any) -> parity.ParityReport:
        shutil.copytree(arguments[2], found.folder(cache) / "training")
        return report_on(*arguments)

    monkeypatch.setattr(parity, "report_on", other_was_faster)
    copy = training_copy.training_copy(found, cache)
    assert (copy / "model.safetensors").exists()
    assert not list(found.folder(cache).glob(".copy-*"))


@pytest.mark.usefixtures("in_process")
def test_parity_is_measured_again_when_a_library_changed(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, cache = base(), tmp_path / "cache"
    training_copy.training_copy(found, cache)
    made = (found.folder(cache) / "training" / "model.safetensors").stat().st_mtime_ns
    later = {**parity.versions(), "torch": "99"}
    monkeypatch.setattr(parity, "versions", lambda: later)
    assert training_copy.recorded_parity(found, cache) is None
    training_copy.training_copy(found, cache)
    report = training_copy.recorded_parity(found, cache)
    assert report is not None
    assert report.versions["torch"] == "99"
    assert (found.folder(cache) / "training" / "model.safetensors").stat().st_mtime_ns == made


@pytest.mark.usefixtures("in_process")
def test_a_base_that_disagrees_is_refused_each_time_and_leaves_no_copy(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, cache = base(), tmp_path / "cache"
    report = broken(found, cache, change_tensor("model.norm.weight", lambda values: values * 3.0))
    assert report.detail == "tensor output_norm.weight"
    monkeypatch.setattr(probe, "run_torch", None)
    with pytest.raises(ParityError, match=r"first in tensor output_norm\.weight; it can be served") as caught:
        training_copy.training_copy(found, cache)
    assert caught.value.exit_code == 1
    assert [path.name for path in found.folder(cache).iterdir()] == ["parity.json"]


def test_a_rotary_table_that_is_not_llama_3_is_named(tmp_path: Path) -> None:
    other = replace(
        KINDS["llama"], tensors={"rope_freqs.weight": lambda: np.linspace(1, 5, 8, dtype=np.float32)}
    )
    path = write_gguf(tiny_model(KINDS["llama"]), other, tmp_path / "tiny.gguf")
    with pytest.raises(BaseWeightsError, match=r"rope_freqs\.weight holds rotary factors"):
        training_copy.training_copy(resolve(str(path), tmp_path / "cache"), tmp_path / "cache")


# The child process


def test_the_child_does_the_same(base: Base, tmp_path: Path) -> None:
    found, cache = base(), tmp_path / "cache"
    copy = training_copy.training_copy(found, cache)
    assert {path.name for path in copy.iterdir()} >= {"config.json", "model.safetensors"}
    report = training_copy.recorded_parity(found, cache)
    assert report is not None
    assert report.passed


def test_what_the_child_says_last_is_the_reason(tmp_path: Path) -> None:
    job = torch_side.TorchJob(folder=str(tmp_path / "none"), answer=str(tmp_path / "a.npz"), spreads=True)
    with pytest.raises(
        BaseWeightsError, match=r"^The base weights tiny cannot be used: torch cannot load it: "
    ):
        probe.run_torch(job, "tiny")


@pytest.mark.slow
def test_the_embedded_base_agrees(tmp_path: Path) -> None:
    report = training_copy.check_parity(resolve("embedded", tmp_path), tmp_path)
    assert report.passed, report.detail
    assert report.relative_error <= 2e-3
    assert report.exact_error <= 1e-5
