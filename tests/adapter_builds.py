"""Small adapters for tests: the files a night would build, their manifests and exams."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dormouse.memory.adapters import Manifest, ManifestMemory, Registry

BASE = "b" * 64
OTHER_BASE = "c" * 64
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)

Add = Callable[..., str]
"""Adds an adapter holding some content, with a passed exam unless told otherwise, and gives its id."""


def build_folder(folder: Path, content: str) -> Path:
    """What the export stage leaves behind, small."""
    (folder / "peft").mkdir(parents=True)
    (folder / "adapter.gguf").write_bytes(b"GGUF" + content.encode() * 50)
    (folder / "peft" / "adapter_model.safetensors").write_bytes(content.encode() * 100)
    (folder / "peft" / "adapter_config.json").write_text("{}")
    return folder


def unsaved(day: int = 0, memories: tuple[str, ...] = (), **changes: Any) -> Manifest:
    return Manifest(
        **{
            "created_at": FIRST_DAY + timedelta(days=day),
            "parent": None,
            "base_sha256": BASE,
            "architecture": "llama",
            "rank": 16,
            "memories": tuple(ManifestMemory(id=id, statement=f"About {id}.") for id in memories),
            "training_set_sha256": "d" * 64,
            "settings": {"lr": 8e-4},
            "seed": 7,
            "timings": {"consolidate": 49.5},
            "versions": {"torch": "2.13"},
            **changes,
        }
    )


def exam_of(id: str, passed: bool = True, **answers: str) -> dict[str, Any]:
    items = [{"id": q, "question": f"{q}?", "answer": a, "passed": passed} for q, a in answers.items()]
    return {"adapter": id, "passed": passed, "items": items}


def served(registry: Registry) -> str | None:
    """What a new process would serve."""
    head = Registry(registry.root, registry.base_sha256).head()
    return head.id if head else None
