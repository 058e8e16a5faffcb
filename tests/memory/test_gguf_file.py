"""A GGUF is read whole or refused in one sentence; a copy of it keeps all it says."""

from __future__ import annotations

import errno
import struct
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import TinyShape, write_tiny_llama

from dormouse.memory import expand as expanding
from dormouse.memory import kept_header as keeping
from dormouse.memory.errors import BadSource, BaseWeightsError, DiskFull
from dormouse.memory.expand import expand, expanded_size, weights_of
from dormouse.memory.gguf_file import read_header
from dormouse.memory.kept_header import kept_header

SMALL = TinyShape(embedding=32, heads=2, kv_heads=1, feed_forward=32, blocks=1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("gguf") / "tiny.gguf", shape=SMALL)


@pytest.fixture(scope="module")
def quantised(tiny: Path) -> Path:
    """The tiny model with its matrices in Q8_0 and Q4_0, and a router-like matrix left in F32."""
    reader = gguf.GGUFReader(tiny)
    path = tiny.with_name("quantised.gguf")
    writer = gguf.GGUFWriter(path, "llama")
    for key, field in reader.fields.items():
        if not key.startswith("GGUF.") and key not in ("general.architecture", "general.file_type"):
            kind = field.types[0]
            inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(key, field.contents(), kind, sub_type=inner)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    for place, tensor in enumerate(reader.tensors):
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        if values.ndim < 2 or tensor.name == "blk.0.ffn_gate.weight":
            writer.add_tensor(tensor.name, values)
        else:
            kind_of = gguf.GGMLQuantizationType.Q8_0 if place % 2 else gguf.GGMLQuantizationType.Q4_0
            writer.add_tensor(tensor.name, gguf.quantize(values, kind_of), raw_dtype=kind_of)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_header_agrees_with_the_gguf_package(tiny: Path) -> None:
    header, reader = read_header(tiny), gguf.GGUFReader(tiny)
    assert header.architecture == "llama"
    assert header.get("block_count") == 1
    assert header.get("not there", 7) == 7
    assert header.metadata["tokenizer.chat_template"] == reader.fields["tokenizer.chat_template"].contents()
    assert header.metadata["tokenizer.ggml.tokens"] == len(reader.fields["tokenizer.ggml.tokens"].data)
    assert header.parameters == sum(int(tensor.n_elements) for tensor in reader.tensors)
    for tensor, theirs in zip(header.tensors, reader.tensors, strict=True):
        assert (tensor.name, tensor.offset, tensor.size) == (theirs.name, theirs.data_offset, theirs.n_bytes)
        assert tensor.shape == tuple(int(size) for size in reversed(theirs.shape))


def refusal(path: Path) -> str:
    with pytest.raises(BadSource) as caught:
        read_header(path)
    said = str(caught.value)
    assert "\n" not in said
    assert caught.value.exit_code == 2
    return said


def test_what_is_not_a_gguf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    assert "there is no such file" in refusal(path)
    path.write_bytes(b"")
    assert "it is empty" in refusal(path)
    path.write_bytes(b"PK\x03\x04 a zip file")
    assert "it is not a GGUF file" in refusal(path)
    path.write_bytes(b"GGUF" + struct.pack("<I", 1))
    assert "it is GGUF version 1" in refusal(path)
    path.write_bytes(b"GGUF" + struct.pack("<IQ", 3, 5))
    assert "cut short" in refusal(path)
    path.unlink()
    path.mkdir()
    assert "it is a folder" in refusal(path)


def test_another_kind_of_gguf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"

    def written(**extra: Any) -> str:
        writer = gguf.GGUFWriter(path, "llama")
        for key, value in extra.items():
            key = key.replace("__", ".")
            (writer.add_uint16 if isinstance(value, int) else writer.add_string)(key, value)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return refusal(path)

    assert "type 'adapter', not a model" in written(general__type="adapter")
    assert "split model" in written(split__count=3)
    assert "vocabulary only" in written()


def test_a_file_cut_short_says_how_much_is_there(tiny: Path, tmp_path: Path) -> None:
    whole = tiny.read_bytes()
    short = tmp_path / "short.gguf"
    short.write_bytes(whole[:-1])
    end = max(t.offset + t.size for t in read_header(tiny).tensors)
    cut = whole[: end - 1]
    short.write_bytes(cut)
    assert f"cut short: {len(cut):,} bytes of {end:,} are there" in refusal(short)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_gives_anything_but_that_sentence(data: st.DataObject, tiny: Path) -> None:
    whole = bytearray(tiny.read_bytes())
    header_end = min(tensor.offset for tensor in read_header(tiny).tensors)
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(4, header_end))] = data.draw(st.integers(0, 255))
    damaged = tiny.with_name("damaged.gguf")
    damaged.write_bytes(whole[: data.draw(st.sampled_from([len(whole), header_end, header_end // 2, 30]))])
    try:
        read_header(damaged)
    except BadSource as error:
        assert "\n" not in str(error)


def test_expanding_keeps_metadata_and_values(quantised: Path, tmp_path: Path) -> None:
    header = read_header(quantised)
    copy = expand(header, tmp_path / "f16.gguf")
    theirs, ours = gguf.GGUFReader(quantised), gguf.GGUFReader(copy)
    for key, field in theirs.fields.items():
        if key not in ("general.file_type", "general.quantization_version") and not key.startswith("GGUF."):
            assert ours.fields[key].contents() == field.contents(), key
    assert ours.fields["general.file_type"].contents() == gguf.LlamaFileType.MOSTLY_F16
    for before, after in zip(theirs.tensors, ours.tensors, strict=True):
        values = gguf.dequantize(before.data, before.tensor_type)
        kept = before.tensor_type == gguf.GGMLQuantizationType.F32
        assert after.tensor_type.name == ("F32" if kept else "F16"), before.name
        assert np.array_equal(after.data, values if kept else values.astype(np.float16)), before.name
    assert expanded_size(header) == sum(int(tensor.n_bytes) for tensor in ours.tensors)


def test_expanding_in_small_pieces_changes_nothing(
    quantised: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = expand(read_header(quantised), tmp_path / "whole.gguf").read_bytes()
    monkeypatch.setattr(expanding, "_CHUNK_ELEMENTS", 50)
    assert expand(read_header(quantised), tmp_path / "pieces.gguf").read_bytes() == whole


def test_expanding_to_f32_is_exact(quantised: Path, tmp_path: Path) -> None:
    header = read_header(quantised)
    wide = read_header(expand(header, tmp_path / "f32.gguf", "f32"))
    for before, after in zip(header.tensors, wide.tensors, strict=True):
        assert after.kind == 0
        assert np.array_equal(weights_of(header, before), weights_of(wide, after))


def test_a_cut_copy_has_fewer_blocks_and_no_vocabulary(tmp_path: Path) -> None:
    source = write_tiny_llama(tmp_path / "tiny.gguf", shape=TinyShape(blocks=3))
    header = read_header(expand(read_header(source), tmp_path / "cut.gguf", blocks=2, vocabulary=False))
    assert header.get("block_count") == 2
    assert {int(t.name.split(".")[1]) for t in header.tensors if t.name.startswith("blk.")} == {0, 1}
    assert "tokenizer.ggml.tokens" not in header.metadata
    assert "tokenizer.chat_template" not in header.metadata
    assert header.get("vocab_size") == read_header(source).tensors[0].shape[0]


def test_a_full_disk_leaves_nothing_behind(
    quantised: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(expanding, "_write_weights", full)
    with pytest.raises(DiskFull):
        expand(read_header(quantised), tmp_path / "made" / "f16.gguf")
    assert list((tmp_path / "made").iterdir()) == []


def test_progress_reaches_the_end(quantised: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    expand(read_header(quantised), tmp_path / "f16.gguf", meter=lambda *step: told.append(step))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert told[-1][1] == told[-1][2]


def test_a_value_too_large_for_f16_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("token_embd.weight", np.full((2, 32), 1e6, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(BaseWeightsError, match=r"token_embd\.weight holds values too large for F16"):
        expand(read_header(path), tmp_path / "f16.gguf")


# Headers kept from an earlier look


def test_a_kept_header_is_the_one_read_and_the_file_is_not_read_again(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    assert kept_header(tiny, cache) == read_header(tiny)
    monkeypatch.setattr(keeping, "read_header", lambda *_: pytest.fail("it was read again"))
    assert kept_header(tiny, cache) == read_header(tiny)


def test_a_file_that_changed_is_read_again_and_a_torn_record_is_made_again(
    tiny: Path, tmp_path: Path
) -> None:
    cache, path = tmp_path / "cache", tmp_path / "copy.gguf"
    whole = tiny.read_bytes()
    path.write_bytes(whole)
    header = kept_header(path, cache)
    (kept,) = (cache / "headers").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    assert kept_header(path, cache) == header
    path.write_bytes(whole[:-1000])
    with pytest.raises(BadSource, match="cut short"):
        kept_header(path, cache)
    path.unlink()
    with pytest.raises(BadSource, match="no such file"):
        kept_header(path, cache)
