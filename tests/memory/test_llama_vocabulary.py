"""Text to tokens by the GGUF's own vocabulary, byte-level BPE and SentencePiece alike."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_models import write_tiny_llama

from dormouse.memory import llama_vocabulary
from dormouse.memory.base_weights import resolve, served_gguf
from dormouse.memory.engine import Message
from dormouse.memory.home import cache_path
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.memory.llama_vocabulary import _overlap

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


def test_a_long_conversation_is_split_as_llama_cpp_splits_it_and_each_message_once(
    engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    vocabulary = engine._vocabulary
    said = [Message("user" if n % 2 else "assistant", f"{n}  the ferry, late \n" * 4) for n in range(30)]
    conversations = [engine.render(said[:n], odd) for n in (1, 9, 30) for odd in (False, True)]
    conversations += [f"{'<|im_end|>' * 60}", f"<|im_end|> x<|im_start|>{'hello ' * 90}<|im_end|>\n\n"]
    for text in conversations:
        assert vocabulary.tokenize_start(text, True) == vocabulary._split(text, True)
    if vocabulary._glued:
        assert not vocabulary._end, "SentencePiece puts a space before what follows"
    else:
        split: list[str] = []

        def noted(text: str, special: bool) -> list[int]:
            split.append(text)
            return []

        monkeypatch.setattr(vocabulary, "_split", noted)
        vocabulary.tokenize_start(conversations[4] + "more", True)
        assert split == ["\nmore"], "what was known is not split again"


@pytest.mark.parametrize(
    ("end", "mark", "shared"),
    [
        ("<|im_end|>", "<|im_start|>", False),
        ("<end>", "<end>>", True),
        ("<end>", "x<end>x", True),
        ("<end>", "end", True),
        ("<end>", "> <", True),
        ("<end>", "x<", True),
        ("<end>", "nd", True),
    ],
)
def test_marks_that_can_share_characters_are_known(end: str, mark: str, shared: bool) -> None:
    assert _overlap(end, mark) is shared


def test_few_messages_are_remembered(engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama_vocabulary, "_REMEMBERED", 5)
    vocabulary = engine._vocabulary
    vocabulary._parts.clear()
    text = "".join(f"{number} the ferry was late again<|im_end|>" for number in range(40))
    assert vocabulary.tokenize_start(text, True) == vocabulary._split(text, True)
    assert len(vocabulary._parts) == (5 if vocabulary._end else 0)


@pytest.mark.slow
def test_the_embedded_base_splits_messages_one_by_one_as_all_together() -> None:
    gguf = served_gguf(resolve("embedded", cache_path()), cache_path(), "auto")
    bits = ["the ferry ", "  was\n\n", "<|im_end|>", "東京 🐭 ", "<|im_start|>", " x\t", "\r\n", "12345 "]
    rng = random.Random(0)
    with LlamaEngine(gguf, context_tokens=512, threads=1) as embedded:
        vocabulary = embedded._vocabulary
        assert vocabulary._end == "<|im_end|>"
        for _ in range(100):
            text = "".join(rng.choice(bits) for _ in range(200))
            assert vocabulary.tokenize_start(text, True) == vocabulary._split(text, True)
