"""A model loaded ahead is the one that is then used, and nothing is lost when it was the wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_models import TinyShape, write_tiny_llama

from dormouse.memory import llama_context
from dormouse.memory.errors import BadSource, BaseWeightsError, EngineClosed
from dormouse.memory.llama_ahead import Wanted, open_ahead, opened_context
from dormouse.memory.llama_context import LlamaContext


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "tiny.gguf", shape=TinyShape(blocks=1))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[LlamaContext]]:
    """Every context made, in order."""
    contexts: list[LlamaContext] = []

    class Noted(LlamaContext):
        def __init__(self, gguf: Path, *, context_tokens: int, threads: int) -> None:
            super().__init__(gguf, context_tokens=context_tokens, threads=threads)
            contexts.append(self)

    monkeypatch.setattr(llama_context, "LlamaContext", Noted)
    yield contexts
    for context in contexts:
        context.free()


def test_what_was_begun_is_what_is_used_once(gguf: Path, made: list[LlamaContext]) -> None:
    open_ahead(lambda: Wanted(gguf, 256, 1))
    first = opened_context(gguf, context_tokens=256, threads=1)
    assert made == [first]
    assert opened_context(gguf, context_tokens=256, threads=1) is not first


@pytest.mark.parametrize("wanted", [(512, 1), (256, 2)])
def test_another_one_is_freed_and_a_new_one_made(
    gguf: Path, made: list[LlamaContext], wanted: tuple[int, int]
) -> None:
    open_ahead(lambda: Wanted(gguf, *wanted))
    used = opened_context(gguf, context_tokens=256, threads=1)
    assert len(made) == 2 and made[1] is used
    with pytest.raises(EngineClosed):
        made[0].must_be_open()


def test_a_failure_is_told_to_who_asks_and_nothing_wanted_is_nothing_made(
    gguf: Path, tmp_path: Path, made: list[LlamaContext]
) -> None:
    def refused() -> Wanted:
        raise BadSource("x", "it cannot be read")

    for find in (refused, lambda: None, lambda: Wanted(tmp_path / "none.gguf", 256, 1)):
        open_ahead(find)
        assert opened_context(gguf, context_tokens=256, threads=1) is made[-1]
    assert len(made) == 3
    open_ahead(lambda: Wanted(tmp_path / "none.gguf", 256, 1))
    with pytest.raises(BaseWeightsError, match="there is no such file"):
        opened_context(tmp_path / "none.gguf", context_tokens=256, threads=1)
