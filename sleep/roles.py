"""The shipped role adapter: low-rank weights by which a base plays the scribe; its first night starts there.

Promise: an adapter is used only with the very base it was trained on, and only when its checksum holds. Knows
nothing of what the role writes.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path

from ..memory.base_weights import BaseWeights
from ..memory.engine import Mount
from .errors import RoleAdapterDamaged
from .export import Geometry, write_adapter

_CHECKED: set[Path] = set()


def role_folder(base: BaseWeights) -> Path | None:
    """The PEFT folder of this base's role adapter; None if none was trained. Raises RoleAdapterDamaged."""
    folder = Path(str(resources.files(__package__) / "data" / "roles" / base.sha256[:16]))
    if not (folder / "role.json").exists():
        return None
    if folder not in _CHECKED:
        wanted = json.loads((folder / "role.json").read_text())["sha256"]
        weights = folder / "adapter_model.safetensors"
        if not weights.exists() or hashlib.sha256(weights.read_bytes()).hexdigest() != wanted:
            raise RoleAdapterDamaged(weights)
        _CHECKED.add(folder)
    return folder


def role_mount(base: BaseWeights, geometry: Geometry, cache: Path) -> Mount | None:
    """The role adapter as llama.cpp mounts it; written to the cache once."""
    folder = role_folder(base)
    if folder is None:
        return None
    name = "scribe-" + json.loads((folder / "role.json").read_text())["sha256"][:10]
    target = base.folder(cache) / f"{name}.gguf"
    if not target.exists():
        from safetensors.numpy import load_file

        target.parent.mkdir(parents=True, exist_ok=True)
        alpha = json.loads((folder / "adapter_config.json").read_text())["lora_alpha"]
        write_adapter(
            load_file(str(folder / "adapter_model.safetensors")), geometry, alpha, target, name=name
        )
    return Mount(name, target)
