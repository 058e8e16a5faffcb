"""What this machine can do: engine, device, threads, base weights, parity, free memory and disk, backends.

Promise: looking changes nothing but the checksum that is kept; what cannot be found out is said, not raised.
Knows no terminal: `inspect` gives a record, `problems` in it are sentences.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from .base_weights import BaseWeights, expands, resolve
from .episodes.embedder import find_embedder
from .errors import BaseWeightsError, DormouseError
from .expand import expanded_size
from .gguf_file import read_header
from .hub import SCHEME, downloaded, parse
from .huge_pages import offered
from .parity import ParityReport
from .settings import ModelSettings, StoreSettings
from .torch_config import ARCHITECTURES
from .training_copy import check_parity, recorded_parity

_LIBRARIES = (
    "dormouse",
    "llama-cpp-python",
    "torch",
    "transformers",
    "peft",
    "gguf",
    "langgraph",
    "sqlalchemy",
)
T = TypeVar("T")
_TRAINING_BYTES_PER_PARAMETER = (
    3  # 16-bit weights, and as much again in activations and adapter for small bases
)


@dataclass(frozen=True, slots=True)
class Base:
    """The base weights as found; `served_as` is F16 or the file's own quantisation, sizes are bytes."""

    source: str
    path: str
    name: str
    architecture: str
    quantisation: str
    parameters: int
    sha256: str
    served_as: str
    served_bytes: int
    can_sleep: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A folder Dormouse writes to, and the bytes free where it is (or would be)."""

    path: str
    exists: bool
    writable: bool
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Checkup:
    """All findings; `problems` are sentences about what will not work here, empty when all is well.

    `huge_pages` says whether the system gives them to who asks: without them decoding is slower.
    """

    python: str
    system: str
    processor: str
    physical_cores: int
    threads: int
    memory_bytes: int
    free_memory_bytes: int
    huge_pages: bool
    engine: str
    engine_features: tuple[str, ...]
    engine_devices: tuple[str, ...]
    training_device: str
    base: Base | None
    parity: ParityReport | None
    home: Place
    cache: Place
    backends: dict[str, str]
    versions: dict[str, str]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def inspect(
    settings: ModelSettings,
    home: Path,
    cache: Path,
    *,
    store: StoreSettings | None = None,
    check: bool = False,
) -> Checkup:
    """Looks around. `store` is the index's settings, by default all defaults. With `check` the parity of the
    base is measured if no record of it is kept.
    """
    import psutil

    from .llama_library import physical_cores

    memory = psutil.virtual_memory()
    problems: list[str] = []
    found = _or_problem(problems, lambda: _find(settings.source, cache))
    parity = None
    if found is not None:
        weights = found
        parity = recorded_parity(weights, cache)
        if parity is None and check:
            parity = _or_problem(problems, lambda: check_parity(weights, cache))
    base = _describe(found, settings) if found is not None else None
    places = _place(home), _place(cache)
    backends = _backends(store or StoreSettings(), cache, problems)
    problems += _shortages(base, parity, memory.available, *places)
    features, devices = _engine_facts()
    return Checkup(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        physical_cores=physical_cores(),
        threads=settings.threads or physical_cores(),
        memory_bytes=memory.total,
        free_memory_bytes=memory.available,
        huge_pages=offered(),
        engine=f"llama.cpp (llama-cpp-python {_version('llama-cpp-python')})",
        engine_features=features,
        engine_devices=devices,
        training_device=_training_device(),
        base=base,
        parity=parity,
        home=places[0],
        cache=places[1],
        backends=backends,
        versions={name: _version(name) for name in _LIBRARIES},
        problems=tuple(problems),
    )


def _find(source: str, cache: Path) -> BaseWeights:
    if source.startswith(SCHEME) and not downloaded(parse(source), cache).exists():
        raise BaseWeightsError(source, "they are not downloaded yet; the first chat fetches them")
    return resolve(source, cache)


def _or_problem(problems: list[str], ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except DormouseError as error:
        problems.append(str(error))
        return None


def _describe(found: BaseWeights, settings: ModelSettings) -> Base:
    header = read_header(found.path, found.source)
    expanded = expands(header, settings.serve_as)
    return Base(
        source=found.source,
        path=str(found.path),
        name=found.name,
        architecture=found.architecture,
        quantisation=found.quantisation,
        parameters=found.parameters,
        sha256=found.sha256,
        served_as="F16" if expanded else found.quantisation,
        served_bytes=expanded_size(header) if expanded else found.path.stat().st_size,
        can_sleep=found.architecture in ARCHITECTURES,
    )


def _place(path: Path) -> Place:
    there = path
    while not there.exists():
        there = there.parent
    return Place(str(path), path.exists(), os.access(there, os.W_OK | os.X_OK), shutil.disk_usage(there).free)


def _shortages(
    base: Base | None, parity: ParityReport | None, memory: int, home: Place, cache: Place
) -> list[str]:
    said = [
        f"The {name} folder {place.path} is not writable."
        for name, place in (("home", home), ("cache", cache))
        if not place.writable
    ]
    if parity is not None and not parity.passed:
        said.append(
            f"torch and llama.cpp disagree about the base, first in {parity.detail}: it cannot sleep."
        )
    if base is None:
        return said
    if not base.can_sleep:
        said.append(f"The architecture {base.architecture!r} can be served but not put to sleep.")
    if base.served_bytes > memory:
        said.append(
            f"The base takes {_gib(base.served_bytes)} GiB of memory, and {_gib(memory)} GiB are free."
        )
    training = base.parameters * _TRAINING_BYTES_PER_PARAMETER
    if base.can_sleep and base.served_bytes + training > memory:
        said.append(f"A night takes about {_gib(training)} GiB more memory, which is not free now.")
    copies = base.served_bytes + 2 * base.parameters
    if parity is None and base.can_sleep and copies > cache.free_bytes:
        said.append(
            f"Copies of the base take {_gib(copies)} GiB of disk, and {_gib(cache.free_bytes)} GiB are free."
        )
    return said


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f}"


def _engine_facts() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(processor features llama.cpp was built for and found, devices it may compute on)."""
    from .llama_library import features, llama

    devices = ("CPU", "GPU") if llama().llama_supports_gpu_offload() else ("CPU",)
    return features(), devices


def _training_device() -> str:
    """Where torch would train: the first CUDA device, or the processor with what it can do fast."""
    import torch

    if torch.cuda.is_available():
        return f"CUDA ({torch.cuda.get_device_name(0)})"
    return f"CPU ({torch.backends.cpu.get_cpu_capability()})"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _backends(store: StoreSettings, cache: Path, problems: list[str]) -> dict[str, str]:
    """What each interface of the design runs on here."""
    return {
        "wake engine": "llama.cpp, in process",
        "journal": f"SQLite {sqlite3.sqlite_version}",
        "full text": f"SQLite FTS5 ({'there' if _has_full_text() else 'missing'})",
        "vectors": _vectors(store),
        "embedder": _or_problem(problems, lambda: _embedder(store.embedder, cache)) or "none",
        "sleep worker": "child process",
        "hub": os.environ.get("HF_ENDPOINT") or "https://huggingface.co",
    }


def _vectors(store: StoreSettings) -> str:
    """How near vectors are found."""
    chroma = f"Chroma ({_version('chromadb')})"
    growing = f"scanned; from {store.exact_below} on {chroma}, from {store.codes_from} on codes"
    return {"scan": "scanned", "chroma": chroma, "codes": "codes", "auto": growing}[store.vectors]


def _embedder(source: str, cache: Path) -> str:
    """What turns texts into vectors, and where it is."""
    path = find_embedder(source, cache)
    return f"{source} ({path or 'not downloaded yet; what looks for earlier turns first fetches it'})"


def _has_full_text() -> bool:
    with closing(sqlite3.connect(":memory:")) as connection:
        return bool(connection.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone()[0])


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
