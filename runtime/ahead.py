"""What an agent will answer with, loaded while the agent is still being imported.

Promise: only what is at hand, and only where no daemon owns the home; whether it was right shows when the
engine is opened, and a wrong guess costs its loading alone. Knows where things lie; nothing of agents.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..memory.home import cache_path, default_home
from ..memory.llama_ahead import Wanted, open_ahead
from .spec import Spec


def open_engine_ahead(spec: Spec, home: Path | None) -> None:
    """Begin to load; returns at once. What goes wrong is told by who opens the engine."""
    folder = Path(os.path.abspath((home or default_home()).expanduser()))
    if not (folder / "door").exists():
        open_ahead(lambda: _wanted(spec, folder))


def _wanted(spec: Spec, home: Path) -> Wanted | None:
    from ..memory.base_weights import served_at_hand
    from ..memory.llama_library import physical_cores

    model = spec.model
    served = served_at_hand(model.source, cache_path(), model.serve_as)
    if served is None:
        return None
    if spec.memory.fuse == "auto":
        served = _fused(home / "adapters", served) or served
    return Wanted(served, model.context_tokens, model.threads or physical_cores())


def _fused(adapters: Path, served: Path) -> Path | None:
    """The fused copy of what HEAD names, if it has one."""
    try:
        head = (adapters / "HEAD").read_text().partition("\n")[0].strip()
    except FileNotFoundError:
        return None
    from ..memory.engine import Mount
    from .fusing import copy_of

    copy = copy_of(Mount(head, adapters / head / "adapter.gguf"), served)
    return copy.gguf if copy is not None else None
