"""Headers of GGUFs kept from an earlier look, since reading a vocabulary past takes longer than all the rest.

Promise: what is kept is believed while the file's size and modification time stay the same, so a file cut
short is read again, and refused. Knows where headers are kept; nothing of models.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from .durable import write_atomic
from .gguf_file import GgufHeader, Pair, TensorEntry, read_header

_VERSION = 1


def kept_header(path: Path, cache: Path, source: str | None = None) -> GgufHeader:
    """As `read_header`, from `cache` where the file was read before. Raises BadSource."""
    stamp = _stamp(path)
    if stamp is None:
        return read_header(path, source)
    kept = cache / "headers" / f"{hashlib.sha256(stamp['path'].encode()).hexdigest()[:24]}.json"
    if (found := _kept(kept, stamp, path)) is not None:
        return found
    header = read_header(path, source)
    with suppress(OSError):  # it is read again next time
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(kept, json.dumps({**stamp, **_as_json(header)}).encode())
    return header


def _stamp(path: Path) -> dict[str, Any] | None:
    """What must be the same for a kept header to be believed; None where there is no such file."""
    try:
        real = path.resolve()
        status = real.stat()
    except OSError:
        return None
    where = str(real)
    return {"version": _VERSION, "path": where, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _kept(kept: Path, stamp: dict[str, Any], path: Path) -> GgufHeader | None:
    try:
        record = json.loads(kept.read_bytes())
        if {key: record.get(key) for key in stamp} != stamp:
            return None
        return GgufHeader(
            path,
            record["metadata"],
            tuple(TensorEntry(name, tuple(shape), *rest) for name, shape, *rest in record["tensors"]),
            tuple(Pair(*pair) for pair in record["pairs"]),
            record["quantisation"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # not there, or torn
        return None


def _as_json(header: GgufHeader) -> dict[str, Any]:
    return {
        "metadata": dict(header.metadata),
        "tensors": [[t.name, t.shape, t.kind, t.offset, t.size] for t in header.tensors],
        "pairs": [[pair.key, pair.start, pair.end] for pair in header.pairs],
        "quantisation": header.quantisation,
    }
