"""Vectors over HTTP, as OpenAI's own client asks for them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from hashed_embedder import HashedEmbedder
from served import Served, serving

from dormouse.memory.episodes.embedder import open_embedder
from dormouse.memory.home import cache_path
from dormouse.runtime.server.settings import ServeSettings

TEXTS = ["My dog is called Biscotti.", "The ferry to Tromso leaves at nine."]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The embedder the spec declares by default, which is a small file and a real one."""
    with serving(
        tmp_path_factory.mktemp("vectors"), settings=ServeSettings(max_embedding_tokens=300)
    ) as server:
        yield server


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_vectors_are_the_embedders_own_in_order_and_counted(client: openai.OpenAI) -> None:
    made = client.embeddings.create(model="minilm", input=TEXTS)  # the client asks for base64
    with open_embedder("minilm", cache_path()) as embedder:
        wanted = embedder.embed(TEXTS)
        tokens = sum(len(embedder.tokenize(text)) for text in TEXTS)
    assert [one.index for one in made.data] == [0, 1]
    np.testing.assert_allclose([one.embedding for one in made.data], wanted, atol=2e-3)
    assert made.model == "minilm" and made.usage.prompt_tokens == made.usage.total_tokens == tokens


def test_numbers_and_base64_say_the_same(client: openai.OpenAI, served: Served) -> None:
    as_numbers = client.embeddings.create(model="dormouse", input=TEXTS[0], encoding_format="float")
    vector = as_numbers.data[0].embedding
    assert math.isclose(sum(x * x for x in vector), 1, abs_tol=1e-3)
    body = {"input": TEXTS[0], "encoding_format": "base64"}
    raw = httpx.post(f"{served.url}/v1/embeddings", json=body).json()["data"][0]["embedding"]
    assert isinstance(raw, str)
    assert client.embeddings.create(model="minilm", input=TEXTS[0]).data[0].embedding == vector


def test_lists_of_tokens_mean_their_text(client: openai.OpenAI) -> None:
    with open_embedder("minilm", cache_path()) as embedder:
        ids = [embedder.tokenize(text) for text in TEXTS]
    of_texts = client.embeddings.create(model="minilm", input=TEXTS)
    of_tokens: Any = client.embeddings.create(model="minilm", input=ids)
    of_one: Any = client.embeddings.create(model="minilm", input=ids[1])
    for one, other in zip(of_texts.data, of_tokens.data, strict=True):
        np.testing.assert_allclose(one.embedding, other.embedding, atol=2e-3)
    np.testing.assert_allclose(of_one.data[0].embedding, of_texts.data[1].embedding, atol=2e-3)


def test_the_embedders_own_width_may_be_asked_for(client: openai.OpenAI) -> None:
    assert len(client.embeddings.create(model="minilm", input="a", dimensions=384).data[0].embedding) == 384


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"dimensions": 256}, openai.BadRequestError, "dimensions must be 384"),
        ({"model": "text-embedding-3-small"}, openai.NotFoundError, "embedding model"),
        ({"input": ""}, openai.BadRequestError, "input"),
        ({"input": []}, openai.BadRequestError, "input"),
        ({"input": ["a", ""]}, openai.BadRequestError, "input"),
        ({"input": [[1, 2], []]}, openai.BadRequestError, "input"),
        ({"input": [10**7]}, openai.BadRequestError, "token ids are 0 to"),
        ({"input": "word " * 400}, openai.BadRequestError, "may have 300 tokens, and this one has 400"),
        ({"encoding_format": "int8"}, openai.BadRequestError, "encoding_format"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(
    client: openai.OpenAI, change: dict[str, Any], kind: type[openai.APIStatusError], words: str
) -> None:
    with pytest.raises(kind) as refused:
        client.embeddings.create(**{"model": "minilm", "input": "a", **change})
    error: Any = refused.value.body
    assert words in error["message"] and error["message"].endswith(".")


def test_no_user_is_let_in_without_a_token_and_nothing_is_journaled(tmp_path: Path) -> None:
    with serving(tmp_path, demands_tokens=True, embedder=HashedEmbedder()) as server:
        assert httpx.post(f"{server.url}/v1/embeddings", json={"input": "a"}).status_code == 401
    with serving(tmp_path, embedder=HashedEmbedder()) as server:
        assert httpx.post(f"{server.url}/v1/embeddings", json={"input": "a"}).status_code == 200
        assert httpx.get(f"{server.url}/v1/sessions").json()["data"] == []
