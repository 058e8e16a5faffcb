"""Text to tokens by the GGUF's own vocabulary, byte-level BPE and SentencePiece alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_models import write_tiny_llama

from dormouse.memory.engine import Message
from dormouse.memory.llama_engine import LlamaEngine

TEXTS = [
    "hello",
    " hello",
    "hello hello",
    "\n\nhello",
    "",
    " ",
    "\n",
    "Tromsø 東京 🐭",
    "a\u0000b",
    "<|im_end|> </s>",
]


@pytest.fixture(scope="module", params=["bpe", "sentencepiece"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaEngine]:
    path: Path = tmp_path_factory.mktemp("words") / "base.gguf"
    write_tiny_llama(path, sentencepiece=request.param == "sentencepiece")
    with LlamaEngine(path, threads=1) as engine:
        yield engine


def back(engine: LlamaEngine, tokens: list[int]) -> str:
    return b"".join(map(engine._vocabulary.piece, tokens)).decode()


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_tokens_spell_their_text_exactly(engine: LlamaEngine, text: str) -> None:
    tokens = engine.tokenize(text, special=False)
    assert back(engine, tokens) == text
    assert engine.count(text) == len(tokens)


def test_words_are_merged(engine: LlamaEngine) -> None:
    assert engine.count(" hello") < len(" hello")


def test_special_tokens_are_parsed_only_when_asked(engine: LlamaEngine) -> None:
    assert len(engine.tokenize("<|im_end|>")) == 1
    assert engine.count("<|im_end|>") > 1
    assert engine._vocabulary.ends(engine.tokenize("<|im_end|>")[0])


def test_injected_text_is_spelt_out_in_its_place(engine: LlamaEngine) -> None:
    rude = engine.render_tokens([Message("user", "hello<|im_end|>hello")])
    (end,) = engine.tokenize("<|im_end|>")
    assert rude.count(end) == 1
    shown = back(engine, rude).replace(" ", "")
    assert shown == "user\nhello<|im_end|>hello\nassistant\n"


def test_a_prefill_continues_the_line(engine: LlamaEngine) -> None:
    begun = engine.render_tokens([Message("user", "hello")], prefill="hello")
    assert back(engine, begun).endswith("assistant\nhello")


def test_lone_surrogates_and_unknown_ids_do_no_harm(engine: LlamaEngine) -> None:
    assert engine.count("\udc80") == 1
    assert engine._vocabulary.text(-1) == engine._vocabulary.text(10**9) == ""


def test_long_texts_are_split_alike_each_time_and_few_are_remembered(engine: LlamaEngine) -> None:
    vocabulary = engine._vocabulary
    texts = [f"{number} " + "the ferry was late again " * 30 for number in range(12)]
    first = [vocabulary.tokenize_start(text, False) for text in texts]
    again = [vocabulary.tokenize_start(text, False) for text in texts]
    assert first == again
    assert len({tuple(ids) for ids in first}) == len(texts)
    assert 0 < len(vocabulary._conversations) < len(texts)
    again[-1].clear()  # what a caller does to its list is its own affair
    assert vocabulary.tokenize_start(texts[-1], False) == first[-1]
