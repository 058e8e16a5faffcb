"""The route that turns texts into vectors, as OpenAI's clients ask for it: by the embedder the spec declares.

Promise: the same text has the vector here that it has in the store; nothing of it is kept. Users are served
in turn, and a request that nobody waits for any more stops within a batch.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from pathlib import PurePath
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ...memory.episodes.embedder import Embedder, Vectors
from ...memory.errors import UnknownRecord
from ..errors import BadParameter
from .faults import REFUSALS
from .state import House, house_of
from .turns import ClientGone

router = APIRouter(prefix="/v1", responses=REFUSALS)

_MOST_INPUTS = 2048
_BATCH_TEXTS = 16  # between two looks at whether the client is still there

Text = Annotated[str, Field(min_length=1, max_length=10_000_000)]
TokenIds = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1)]
_Many = Field(min_length=1, max_length=_MOST_INPUTS)


class EmbeddingBody(BaseModel):
    """POST /v1/embeddings. Token ids are those of the embedder's own vocabulary."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    input: Text | Annotated[list[Text], _Many] | TokenIds | Annotated[list[TokenIds], _Many]
    model: str | None = Field(default=None, max_length=4000)
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = Field(default=None, ge=1)
    user: str | None = None


class Embedding(BaseModel):
    """One vector: numbers, or the base64 of little-endian 32-bit floats."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    """Tokens of the input, counted by the embedder."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(BaseModel):
    """The vectors, in the order of the input."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage


@router.post("/embeddings")
async def embeddings(body: EmbeddingBody, request: Request) -> Embeddings:
    """Unit vectors of texts, or of lists of token ids."""
    house, user = house_of(request), request.state.user
    name = embedder_name(house)
    if body.model is not None and body.model not in (name, house.name, "dormouse"):
        raise UnknownRecord("embedding model", body.model)
    with house.embedding.place(user) as place:
        await place.begin()
        embedder = await asyncio.to_thread(house.scopes.embedder)
        if body.dimensions not in (None, embedder.dimensions):
            raise BadParameter(
                "dimensions",
                f"dimensions must be {embedder.dimensions}, which is what {name} gives, "
                f"and it is {body.dimensions}.",
            )
        rows = await asyncio.to_thread(_token_rows, embedder, body.input, house.settings.max_embedding_tokens)
        vectors = [await _embedded(request, embedder, batch) for batch in _batches(rows)]
    tokens = sum(len(row) for row in rows)
    made = np.concatenate(vectors)
    written = [
        Embedding(index=at, embedding=_written(vector, body.encoding_format))
        for at, vector in enumerate(made)
    ]
    usage = EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens)
    return Embeddings(data=written, model=name, usage=usage)


def embedder_name(house: House) -> str:
    """What clients call the embedder: the spec's word for it, of a path its last part alone."""
    return PurePath(house.spec.memory.store.embedder).name


async def _embedded(request: Request, embedder: Embedder, batch: list[list[int]]) -> Vectors:
    if await request.is_disconnected():
        raise ClientGone
    return await asyncio.to_thread(embedder.embed_ids, batch)


def _token_rows(embedder: Embedder, given: Any, most: int) -> list[list[int]]:
    """The input as token ids. Raises BadParameter when they are too many to make others wait for."""
    rows: list[list[int]]
    if isinstance(given, str):
        rows = [embedder.tokenize(given)]
    elif isinstance(given[0], str):
        rows = [embedder.tokenize(text) for text in given]
    else:
        rows = [list(given)] if isinstance(given[0], int) else [list(row) for row in given]
    if (tokens := sum(len(row) for row in rows)) > most:
        raise BadParameter(
            "input", f"The input of one request may have {most} tokens, and this one has {tokens}."
        )
    return rows


def _batches(rows: Sequence[list[int]]) -> list[list[list[int]]]:
    return [list(rows[at : at + _BATCH_TEXTS]) for at in range(0, len(rows), _BATCH_TEXTS)]


def _written(vector: NDArray[np.float32], how: str | None) -> list[float] | str:
    if how == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    numbers: list[float] = vector.tolist()
    return numbers
