"""An adapter in the weights: the same logits as mounted, the same file otherwise, and who computes what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from contracts.wake_engines import HELLO, SHORT, fusing, ids
from tiny_models import TinyShape, write_tiny_adapter, write_tiny_llama

from dormouse.memory.engine import Mount, Sampling
from dormouse.memory.errors import DamagedAdapter, EngineClosed
from dormouse.memory.fuse import fuse, low_ranks
from dormouse.memory.fusing_engine import Fused, FusingEngine
from dormouse.memory.gguf_file import read_header
from dormouse.memory.probe import relative_error

IDS = list(range(3, 60))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mount, Mount, Fused]:
    """A base, a night's adapter and a day's, and the night's fused into a copy of the base."""
    folder = tmp_path_factory.mktemp("fuse")
    base = write_tiny_llama(folder / "base.gguf", seed=1)
    night = Mount("night", write_tiny_adapter(folder / "night.gguf", seed=1))
    day = Mount("day", write_tiny_adapter(folder / "day.gguf", seed=2))
    return base, night, day, Fused(night, fuse(base, night.path, folder / "fused.gguf"))


@pytest.fixture
def engine(made: tuple[Path, Mount, Mount, Fused]) -> Iterator[FusingEngine]:
    with fusing(made[0]) as engine:
        assert isinstance(engine, FusingEngine)
        yield engine


def test_the_copy_gives_the_logits_of_the_mounted_adapter(
    made: tuple[Path, Mount, Mount, Fused], engine: FusingEngine
) -> None:
    _, night, day, fused = made
    mounted, both = engine.logits(IDS, adapters=(night,)), engine.logits(IDS, adapters=(night, day))
    bare = engine.logits(IDS, adapters=())
    engine.serve((night,), fused)
    assert relative_error(engine.logits(IDS), mounted) < 5e-3 < 0.1 < relative_error(bare, mounted)
    assert relative_error(engine.logits(IDS, adapters=(night, day)), both) < 5e-3
    np.testing.assert_array_equal(engine.logits(IDS, adapters=()), bare)
    assert relative_error(engine.logits(IDS, adapters=(day,)), both) > 0.05  # and not day on night


def test_the_scale_of_a_mount_is_in_the_copy(made: tuple[Path, Mount, Mount, Fused], tmp_path: Path) -> None:
    base, night, _, _ = made
    half = Mount("night", night.path, 0.5)
    copy = Fused(half, fuse(base, night.path, tmp_path / "half.gguf", 0.5))
    with fusing(base) as engine:
        assert isinstance(engine, FusingEngine)
        wanted = engine.logits(IDS, adapters=(half,))
        engine.serve((half,), copy)
        assert relative_error(engine.logits(IDS), wanted) < 5e-3
        assert relative_error(engine.logits(IDS, adapters=(night,)), wanted) > 0.05  # not the copy's stack


def test_only_what_the_adapter_changes_is_changed(made: tuple[Path, Mount, Mount, Fused]) -> None:
    base, night, _, fused = made
    before, after = read_header(base), read_header(fused.gguf)
    assert before.metadata == after.metadata
    assert [(t.name, t.shape, t.kind) for t in before.tensors] == [
        (t.name, t.shape, t.kind) for t in after.tensors
    ]
    changed = set(low_ranks(night.path))
    for old, new in zip(before.tensors, after.tensors, strict=True):
        bits = [
            header.path.read_bytes()[tensor.offset : tensor.offset + tensor.size]
            for header, tensor in ((before, old), (after, new))
        ]
        assert (bits[0] != bits[1]) == (old.name in changed), old.name


def test_answers_name_the_whole_stack_and_the_base_is_opened_when_it_is_needed(
    made: tuple[Path, Mount, Mount, Fused], engine: FusingEngine
) -> None:
    _, night, day, fused = made
    engine.serve((night, day), fused)
    assert engine._base is None and engine.mounted == (night, day)
    assert engine.complete(HELLO, SHORT).adapters == ("night", "day")
    assert engine.complete_all([(HELLO, SHORT)], adapters=(night,))[0].adapters == ("night",)
    assert engine._base is None
    assert engine.complete(HELLO, SHORT, adapters=(day,)).adapters == ("day",)
    assert engine._base is not None
    engine.serve((night,), fused)
    assert engine._base is None  # given back with the swap


def test_a_copy_whose_adapter_is_mounted_no_more_is_closed(
    made: tuple[Path, Mount, Mount, Fused], engine: FusingEngine
) -> None:
    _, night, day, fused = made
    plain = ids(engine.complete(HELLO, SHORT, adapters=(day,)))
    engine.serve((night,), fused)
    copy = engine._copy
    engine.mount((day,))
    assert engine.fused is None and copy is not None and ids(engine.complete(HELLO, SHORT)) == plain
    with pytest.raises(EngineClosed):
        copy.count("a")


def test_an_answer_of_the_copy_and_one_of_the_base_queue(
    made: tuple[Path, Mount, Mount, Fused], engine: FusingEngine
) -> None:
    _, night, _, fused = made
    engine.serve((night,), fused)
    with engine.stream(HELLO, Sampling(max_tokens=4)) as first:
        next(first)
        with pytest.raises(Exception, match="still reading another answer"):
            engine.complete(HELLO, SHORT, adapters=())


def test_an_adapter_of_another_base_is_not_fused(tmp_path: Path) -> None:
    base = write_tiny_llama(tmp_path / "base.gguf")
    other = write_tiny_adapter(tmp_path / "other.gguf", shape=TinyShape(blocks=3))
    with pytest.raises(DamagedAdapter, match=r"the base has no tensor blk\.2"):
        fuse(base, other, tmp_path / "fused.gguf")
    (tmp_path / "torn.gguf").write_bytes(other.read_bytes()[:200])
    with pytest.raises(DamagedAdapter):
        fuse(base, tmp_path / "torn.gguf", tmp_path / "fused.gguf")
    assert not (tmp_path / "fused.gguf").exists()
