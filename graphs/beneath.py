"""What a day adapter lies on: the night's adapter, or, before there is one, the role adapter.

Promise: what is trained on top of, examined with and served with is the same. Knows registries and role
adapters; nothing of naps.
"""

from __future__ import annotations

from pathlib import Path

from ..memory.adapters import Registry
from ..memory.base_weights import BaseWeights
from ..memory.engine import Mount
from ..memory.gguf_file import read_header
from ..memory.manifest import Manifest
from ..sleep.export import geometry_of
from ..sleep.roles import role_folder, role_mount


def weights_beneath(registry: Registry, head: Manifest | None, base: BaseWeights) -> Path | None:
    """The PEFT folder of what lies beneath; None for the bare base. Raises RoleAdapterDamaged."""
    return registry.root / head.id / "peft" if head else role_folder(base)


def mounts_beneath(
    registry: Registry, head: Manifest | None, base: BaseWeights, cache: Path
) -> tuple[Mount, ...]:
    """The same as the engine mounts it, () for the bare base. Raises AdapterError, RoleAdapterDamaged."""
    if head:
        return (registry.mount(head.id),)
    if role_folder(base) is None:
        return ()
    role = role_mount(base, geometry_of(read_header(base.path, base.source).metadata), cache)
    return (role,) if role else ()
