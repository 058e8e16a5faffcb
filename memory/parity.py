"""Do torch and llama.cpp compute the same from the same base? The verdict, and its record.

Promise: a base may be put to sleep only when their logits agree; a report that says otherwise names the
setting, the tensor or the layer. Knows both sides and nothing above them.
"""

from __future__ import annotations

import importlib.metadata
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from . import probe
from .culprit import culprit
from .durable import storage_faults, write_atomic
from .errors import CACHE
from .expand import expand
from .gguf_file import GgufHeader, read_header
from .probe import EXACT_BOUND, Logits

BOUND = 2e-3  # relative, as served in F16: rounding gives about 1e-3
_EXACT_LAYERS = 8  # enough for every kind of layer a covered architecture has, and little to write
_VERSIONS_OF = ("llama-cpp-python", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class ParityReport:
    """Distances |torch - llama.cpp| / |llama.cpp| over the logits of all `tokens` probed.

    `relative_error` is of the base as served, in F16; `exact_error` of its first layers with everything in
    F32, where rounding vanishes and a misread setting does not.
    """

    relative_error: float
    exact_error: float
    bound: float
    passed: bool
    detail: str
    tokens: int
    versions: dict[str, str]


def versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _VERSIONS_OF}


def recorded(path: Path) -> ParityReport | None:
    """The report kept at `path`, unless there is none or the libraries have changed since."""
    try:
        report = ParityReport(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return report if report.versions == versions() else None


def record(path: Path, report: ParityReport) -> None:
    with storage_faults(path.parent, CACHE):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(asdict(report), indent=2).encode())


def depths(header: GgufHeader) -> tuple[int, ...]:
    """The numbers of layers that torch's logits are needed for: all (0), and the first few."""
    return (0, min(_EXACT_LAYERS, int(header.get("block_count"))))


def report_on(header: GgufHeader, served: Path, copy: Path, torch_rows: Mapping[int, Logits]) -> ParityReport:
    """Compares torch's logits of `copy`, by depth, with llama.cpp's of `served`; explains a difference."""
    ids = probe.probe_ids(header)
    whole = read_header(served)
    error = probe.relative_error(torch_rows[0], probe.llama_logits(served, ids, exact=False))
    first = depths(header)[1]
    with tempfile.TemporaryDirectory(dir=copy.parent, prefix=".parity-") as folder:
        scratch = Path(folder)
        exact = _exact_error(whole, scratch, torch_rows[first], first)
        agrees = exact <= EXACT_BOUND
        detail = "the logits agree"
        if agrees and error > BOUND:
            # Many layers of rounding, or a layer further up: the whole model in F32 tells.
            exact = _exact_error(whole, scratch, torch_rows[0], None)
            agrees = exact <= EXACT_BOUND
            detail = f"the logits agree in F32 to {exact:.1g}; the rest is rounding to F16"
        if not agrees:
            detail = culprit(whole, copy, scratch)
    return ParityReport(error, exact, BOUND, agrees, detail, len(ids), versions())


def _exact_error(header: GgufHeader, scratch: Path, torch_rows: Logits, layers: int | None) -> float:
    wide = expand(header, scratch / "f32.gguf", "f32", blocks=layers)
    try:
        return probe.relative_error(torch_rows, probe.llama_logits(wide, probe.probe_ids(header), exact=True))
    finally:
        wide.unlink()
