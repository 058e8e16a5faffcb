"""The shipped role adapter: for its own base only, and only when whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from scripted_engine import BASE

from dormouse.memory.base_weights import BaseWeights
from dormouse.sleep import roles
from dormouse.sleep.errors import RoleAdapterDamaged
from dormouse.sleep.export import Geometry
from dormouse.sleep.roles import role_folder, role_mount

GEOMETRY = Geometry("llama", 1, 2, 1)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that ships a small role adapter for BASE; gives that adapter's folder."""
    monkeypatch.setattr(resources, "files", lambda package: tmp_path / "package")
    monkeypatch.setattr(roles, "_CHECKED", set())
    folder = tmp_path / "package" / "data" / "roles" / BASE.sha256[:16]
    folder.mkdir(parents=True)
    name = "base_model.model.model.layers.0.mlp.up_proj.lora_{}.weight"
    tensors = {name.format("A"): np.ones((2, 4), np.float32), name.format("B"): np.ones((6, 2), np.float32)}
    save_file(tensors, str(folder / "adapter_model.safetensors"))
    (folder / "adapter_config.json").write_text(json.dumps({"lora_alpha": 4.0}))
    digest = hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()
    (folder / "role.json").write_text(json.dumps({"sha256": digest}))
    return folder


def test_a_whole_one_is_found_and_mounted_once(shipped: Path, tmp_path: Path) -> None:
    assert role_folder(BASE) == shipped
    mount = role_mount(BASE, GEOMETRY, tmp_path / "cache")
    assert mount is not None
    assert mount.path.read_bytes()[:4] == b"GGUF"
    made = mount.path.stat().st_mtime_ns
    assert role_mount(BASE, GEOMETRY, tmp_path / "cache") == mount
    assert mount.path.stat().st_mtime_ns == made


def test_another_base_has_none(shipped: Path, tmp_path: Path) -> None:
    other: BaseWeights = replace(BASE, sha256="e" * 64)
    assert role_folder(other) is None
    assert role_mount(other, GEOMETRY, tmp_path / "cache") is None


def test_a_damaged_one_is_refused(shipped: Path, tmp_path: Path) -> None:
    weights = shipped / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(RoleAdapterDamaged, match="does not match its checksum"):
        role_folder(BASE)
    with pytest.raises(RoleAdapterDamaged):
        role_mount(BASE, GEOMETRY, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_one_that_lacks_its_weights_is_refused(shipped: Path) -> None:
    (shipped / "adapter_model.safetensors").unlink()
    with pytest.raises(RoleAdapterDamaged):
        role_folder(BASE)


def test_every_shipped_one_is_whole() -> None:
    folders = [path.parent for path in Path(roles.__file__).parent.glob("data/roles/*/role.json")]
    assert folders
    for folder in folders:
        sha256 = json.loads((folder / "role.json").read_text())["base_sha256"]
        assert role_folder(replace(BASE, sha256=sha256)) == folder
