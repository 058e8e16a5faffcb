"""An embedder that several stores share: each closes its own, and the embedder itself stays open."""

from __future__ import annotations

from collections.abc import Sequence

from .embedder import Embedder, Vectors


class LentEmbedder(Embedder):
    """Passes everything on to `lender`, but for being closed, which is its owner's to do."""

    def __init__(self, lender: Embedder) -> None:
        self._lender = lender
        self.id, self.dimensions = lender.id, lender.dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._lender.embed(texts)

    def embed_ids(self, rows: Sequence[Sequence[int]]) -> Vectors:
        return self._lender.embed_ids(rows)

    def tokenize(self, text: str) -> list[int]:
        return self._lender.tokenize(text)

    def close(self) -> None:
        """Nothing: the lender's owner closes it."""
