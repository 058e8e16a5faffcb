"""Embeds with sentence-transformers: for models that llama.cpp has no architecture for. Imports torch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import BadEmbedder
from .embedder import Embedder, Vectors


class TorchEmbedder(Embedder):
    """The model in a sentence-transformers folder, on the CPU. Raises BadEmbedder."""

    def __init__(self, folder: Path, id: str, *, threads: int = 1) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        self.id = id
        self._lock = threading.Lock()
        torch.set_num_threads(threads)
        try:
            self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        except (OSError, ValueError, KeyError, ImportError) as cause:
            raise BadEmbedder(folder, "sentence-transformers cannot load it") from cause
        dimensions = self._model.get_sentence_embedding_dimension()
        if not dimensions:
            raise BadEmbedder(folder, "it gives no vector of a fixed length")
        self.dimensions = int(dimensions)

    def embed(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            found = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(found, np.float32).reshape(len(texts), self.dimensions)

    def close(self) -> None:
        """Nothing of it is native."""
