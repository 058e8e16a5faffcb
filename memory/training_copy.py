"""The copy of the base weights that training reads: a transformers folder, made once and only used when it
agrees.

Promise: the folder holds the weights that are served, in the form torch wants; it exists only whole, and
only after its logits agreed with llama.cpp's. Knows nothing of adapters or of training.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import parity, probe
from .base_weights import BaseWeights, expands, served_gguf
from .durable import discard_folder, storage_faults, sweep, sync_folder
from .errors import CACHE, ParityError
from .expand import FloatType, expand
from .gguf_file import GgufHeader, Meter, read_header
from .parity import ParityReport
from .torch_config import overrides
from .torch_side import TorchJob

_F16 = 1


def training_copy(base: BaseWeights, cache: Path, meter: Meter | None = None) -> Path:
    """The folder (config.json, model.safetensors) that training loads; made, checked and recorded when it is
    not there.

    Raises ParityError when torch and llama.cpp disagree about the base, BaseWeightsError when torch cannot
    load it.
    """
    report = check_parity(base, cache, meter)
    if not report.passed:
        raise ParityError(base.source, base.architecture, report.relative_error, report.bound, report.detail)
    return _folder(base, cache)


def check_parity(base: BaseWeights, cache: Path, meter: Meter | None = None) -> ParityReport:
    """Whether torch and llama.cpp agree about `base`; measured once, then read from the record.

    Raises BaseWeightsError when torch cannot load the base at all.
    """
    known = recorded_parity(base, cache)
    folder = _folder(base, cache)
    if known is not None and (folder.exists() or not known.passed):
        return known
    header = read_header(base.path, base.source)
    with _reference(base, header, cache, meter) as served, _scratch(folder.parent) as scratch:
        copy = folder if folder.exists() else scratch / "copy"
        job = _job(header, copy, scratch, make=copy != folder, meter=meter)
        found = probe.run_torch(job, base.source)
        rows = {depth: found[f"logits_{depth}"] for depth in job.depths}
        report = parity.report_on(header, served, copy, rows)
        if report.passed and copy != folder:
            _keep(copy, folder)
        elif not report.passed:
            discard_folder(folder)
        parity.record(_record(base, cache), report)
    return report


def recorded_parity(base: BaseWeights, cache: Path) -> ParityReport | None:
    """What an earlier check found, or None when there was none with the libraries installed now."""
    return parity.recorded(_record(base, cache))


def _folder(base: BaseWeights, cache: Path) -> Path:
    return base.folder(cache) / "training"


def _record(base: BaseWeights, cache: Path) -> Path:
    return base.folder(cache) / "parity.json"


def _float_type(header: GgufHeader) -> FloatType:
    """F16 when that is what is served; F32 for a file in F32 or BF16, which is served as it is."""
    return "f16" if expands(header, "auto") or _is_coarse(header) else "f32"


def _is_coarse(header: GgufHeader) -> bool:
    return any(tensor.kind not in (0, 30) for tensor in header.tensors if len(tensor.shape) > 1)


@contextmanager
def _reference(base: BaseWeights, header: GgufHeader, cache: Path, meter: Meter | None) -> Iterator[Path]:
    """A GGUF in whole floats for llama.cpp to compute from: the base, its kept F16 copy, or one made for the
    check.
    """
    if expands(header, "auto") or not expands(header, "f16") or not _is_coarse(header):
        yield served_gguf(base, cache, "auto", meter)
        return
    with _scratch(base.folder(cache)) as scratch:
        yield expand(header, scratch / "f16.gguf", meter=meter)


def _job(header: GgufHeader, copy: Path, scratch: Path, *, make: bool, meter: Meter | None) -> TorchJob:
    ids = probe.probe_ids(header)  # refuses architectures that are not covered before any work is done
    answer = str(scratch / "logits.npz")
    if not make:
        return TorchJob(folder=str(copy), answer=answer, ids=ids, depths=parity.depths(header))
    kind = _float_type(header)
    # Without its vocabulary a GGUF is read in an instant; transformers takes three seconds for each reading.
    bare = expand(header, scratch / "bare.gguf", kind, vocabulary=False, meter=meter)
    return TorchJob(
        folder=str(copy),
        answer=answer,
        gguf=str(bare),
        overrides=overrides(header),
        half=kind == "f16",
        ids=ids,
        depths=parity.depths(header),
    )


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder beside the result, gone afterwards; those of processes that were killed are removed first."""
    with storage_faults(folder, CACHE):
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        path = Path(tempfile.mkdtemp(dir=folder, prefix=".copy-", suffix=f".{os.getpid()}.new"))
    try:
        yield path
    finally:
        discard_folder(path)


def _keep(copy: Path, folder: Path) -> None:
    with storage_faults(folder, CACHE):
        for file in copy.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        sync_folder(copy)
        try:
            os.replace(copy, folder)
        except OSError:
            if not folder.exists():  # else another process made the same copy meanwhile
                raise
        sync_folder(folder.parent)
