"""What is written beside an adapter: what it holds, how to repeat the night of its making, its files' hashes.

Knows the records and the one file they live in; which adapter is served is the registry's business.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from .errors import DamagedAdapter

MANIFEST_FORMAT = 3
MANIFEST_NAME = "manifest.json"
EXAM_NAME = "exam.json"
GGUF_NAME = "adapter.gguf"
PEFT_WEIGHTS_NAME = "peft/adapter_model.safetensors"
PEFT_CONFIG_NAME = "peft/adapter_config.json"
REQUIRED_FILES = (GGUF_NAME, PEFT_WEIGHTS_NAME, PEFT_CONFIG_NAME)
ID_CHARS = 16


class ManifestMemory(BaseModel):
    """A memory the adapter was trained to answer for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(description="the memory's id in the journal")
    statement: str = Field(description="the memory in one sentence")


class TaughtName(BaseModel):
    """What an adapter's answers name that it was taught."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description='what follows "Your", as in "dog\'s name"')
    also: tuple[str, ...] = Field(default=(), description="other names that its questions go by")
    means: tuple[str, ...] = Field(
        default=(), description="names of kinds of facts that could mean the same as any of these"
    )


class Manifest(BaseModel):
    """One adapter. A build gives it without `id` and `files`; the registry fills those in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = Field(default=MANIFEST_FORMAT, description="version of this record")
    id: str = Field(default="", description="the first 16 hex digits of the SHA-256 over the files' hashes")
    created_at: AwareDatetime = Field(description="when it was trained, with its time zone")
    kind: Literal["night", "day"] = Field(
        default="night", description="a night's, which may serve; or a nap's, which is served on top of one"
    )
    parent: str | None = Field(description="the adapter served when it was trained, if any")
    base_sha256: str = Field(description="SHA-256 of the base GGUF it was trained on, hex")
    architecture: str = Field(description="the base's architecture, as its GGUF names it")
    rank: int = Field(description="LoRA rank", ge=1)
    memories: tuple[ManifestMemory, ...] = Field(description="the memories it was trained to answer for")
    training_set_sha256: str = Field(description="SHA-256 of the training set, hex")
    opens: str = Field(
        default="",
        description="how all answers begin that it was taught; where it would begin otherwise, "
        "the bare base answers. Empty: it answers everything",
    )
    declines: tuple[str, ...] = Field(
        default=(),
        description="how an answer it was taught goes on, after what it names, where that was never told",
    )
    asks: str = Field(
        default="",
        description="how what its answers name is asked for in plain words, {} for the name after its first "
        "word. Empty: an unsure answer is not asked for again",
    )
    names: tuple[TaughtName, ...] = Field(
        default=(),
        description="what its answers name that it was taught, for the encoder that reads a question too. "
        "Empty: no encoder does",
    )
    settings: dict[str, Any] = Field(description="the settings in force when it was trained")
    seed: int = Field(description="the night's seed")
    timings: dict[str, float] = Field(description="seconds by stage")
    versions: dict[str, str] = Field(description="versions of what made it, by package")
    files: dict[str, str] = Field(default_factory=dict, description="SHA-256 of each file, by relative path")


def adapter_id(files: Mapping[str, str]) -> str:
    """The id of an adapter whose files have these SHA-256 hashes, by relative path."""
    listing = "".join(f"{name}\0{files[name]}\n" for name in sorted(files))
    return hashlib.sha256(listing.encode()).hexdigest()[:ID_CHARS]


def read_manifest(folder: Path) -> Manifest:
    """The manifest in an adapter's folder. Raises DamagedAdapter unless it is whole and that folder's own."""
    name = folder.name
    try:
        written = json.loads((folder / MANIFEST_NAME).read_bytes())
        version = written.get("format") if isinstance(written, dict) else None
        if isinstance(version, int) and version > MANIFEST_FORMAT:
            raise DamagedAdapter(
                name, f"its manifest has format {version}, and this Dormouse reads up to {MANIFEST_FORMAT}"
            )
        manifest = Manifest.model_validate(written)
    except OSError as cause:
        reason = (
            "is missing" if isinstance(cause, FileNotFoundError) else f"cannot be read ({cause.strerror})"
        )
        raise DamagedAdapter(name, f"its {MANIFEST_NAME} {reason}") from cause
    except ValidationError as cause:
        where = ".".join(str(part) for part in cause.errors()[0]["loc"]) or "its form"
        raise DamagedAdapter(name, f"its {MANIFEST_NAME} is wrong in {where}") from cause
    except ValueError as cause:
        raise DamagedAdapter(name, f"its {MANIFEST_NAME} is not JSON") from cause
    if manifest.id != name or adapter_id(manifest.files) != name:
        raise DamagedAdapter(name, f"its {MANIFEST_NAME} is that of another adapter")
    if missing := set(REQUIRED_FILES) - set(manifest.files):
        raise DamagedAdapter(name, f"its {MANIFEST_NAME} does not list {min(missing)}")
    return manifest
