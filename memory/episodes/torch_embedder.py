"""Embeds with sentence-transformers: for models that llama.cpp has no architecture for. Imports torch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import BadEmbedder, BadInput
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

    def embed_ids(self, rows: Sequence[Sequence[int]]) -> Vectors:
        most = len(self._model.tokenizer) - 1
        if outside := next((id for row in rows for id in row if not 0 <= id <= most), None):
            raise BadInput(f"The embedder's token ids are 0 to {most}, and one is {outside}.")
        return self.embed([self._model.tokenizer.decode(list(row)) for row in rows])

    def tokenize(self, text: str) -> list[int]:
        return list(self._model.tokenizer.encode(text, add_special_tokens=False))

    def close(self) -> None:
        """Nothing of it is native."""
