"""What every wake engine must do when adapters change and callers share it; wake_engines.py says on which."""

from __future__ import annotations

import contextvars
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from contracts.wake_engines import HELLO, SHORT, Open, fresh, ids
from tiny_models import TinyShape, write_tiny_adapter

from dormouse.memory.engine import Completion, Message, Mount, Sampling, WakeEngine
from dormouse.memory.errors import AdapterError, EngineClosed, EngineError

# Adapters


def test_stacks_are_isolated(opened: Open, gguf: Path, engine: WakeEngine, a: Mount, b: Mount) -> None:
    stacks: tuple[tuple[Mount, ...], ...] = ((), (a,), (b,), (a, b))
    alone = {stack: fresh(opened, gguf, stack) for stack in stacks}
    assert len({tuple(answer) for answer in alone.values()}) == 4, "the adapters must matter for this test to"
    order: list[tuple[Mount, ...]] = [(a,), (b,), (a,), (), (a, b), (b,), (), (a,), (a,)]
    for stack in order:
        answer = engine.complete(HELLO, SHORT, adapters=stack)
        assert ids(answer) == alone[stack]
        assert answer.adapters == tuple(mount.name for mount in stack)


def test_a_cache_is_reused_only_under_the_same_stack(engine: WakeEngine, a: Mount, b: Mount) -> None:
    engine.complete(HELLO, SHORT, adapters=(a,))
    assert engine.complete(HELLO, SHORT, adapters=(a,)).reused_tokens > 0
    others: list[tuple[Mount, ...]] = [(b,), (replace(a, scale=0.5),), (), (a, b), (b, a), (a,)]
    for stack in others:
        assert engine.complete(HELLO, SHORT, adapters=stack).reused_tokens == 0


def test_an_adapter_rewritten_in_place_is_another_adapter(engine: WakeEngine, folder: Path) -> None:
    path = write_tiny_adapter(folder / "changing.gguf", seed=7)
    mount = Mount("changing", path)
    before = engine.complete(HELLO, SHORT, adapters=(mount,))
    new = write_tiny_adapter(folder / "new.gguf", seed=8)
    new.replace(path)
    after = engine.complete(HELLO, SHORT, adapters=(mount,))
    assert after.reused_tokens == 0
    assert ids(after) != ids(before)


def test_the_scale_counts(engine: WakeEngine, a: Mount) -> None:
    prompt = engine.render_tokens(HELLO)
    bare = engine.logits(prompt, adapters=())
    np.testing.assert_allclose(engine.logits(prompt, adapters=(replace(a, scale=0.0),)), bare, atol=1e-3)
    small, large = (
        np.abs(engine.logits(prompt, adapters=(replace(a, scale=s),)) - bare).mean() for s in (0.01, 0.1)
    )
    assert 0 < 2 * small < large


def test_a_mounted_stack_serves_those_who_name_none(
    opened: Open, gguf: Path, engine: WakeEngine, a: Mount, b: Mount
) -> None:
    assert not list(engine.mounted)
    bare = ids(engine.complete(HELLO, SHORT))
    engine.mount([a])
    assert engine.mounted == (a,)
    answer = engine.complete(HELLO, SHORT)
    assert (answer.adapters, ids(answer)) == (("a",), fresh(opened, gguf, (a,)))
    assert ids(engine.complete(HELLO, SHORT, adapters=(b,))) == fresh(opened, gguf, (b,))
    assert ids(engine.complete(HELLO, SHORT, adapters=())) == bare
    assert ids(engine.complete(HELLO, SHORT)) == ids(answer)
    prompt = engine.render_tokens(HELLO)
    assert not np.allclose(engine.logits(prompt), engine.logits(prompt, adapters=()), atol=0.1)
    assert engine.score(HELLO, "you") != engine.score(HELLO, "you", adapters=())
    engine.mount([])
    assert not list(engine.mounted)
    assert ids(engine.complete(HELLO, SHORT)) == bare


def test_a_refused_adapter_leaves_the_previous_one_serving(
    engine: WakeEngine, folder: Path, a: Mount
) -> None:
    engine.mount([a])
    served = ids(engine.complete(HELLO, SHORT))
    cut = folder / "cut.gguf"
    cut.write_bytes(a.path.read_bytes()[:-2000])
    wide = TinyShape(embedding=32)
    refused = {
        "another shape": write_tiny_adapter(folder / "wide.gguf", shape=wide),
        "another architecture": write_tiny_adapter(folder / "qwen.gguf", architecture="qwen2"),
        "more blocks": write_tiny_adapter(folder / "deep.gguf", shape=TinyShape(blocks=3)),
        "cut short": cut,
        "missing": folder / "missing.gguf",
        "a folder": folder,
    }
    for name, path in refused.items():
        for call in (
            lambda mount: engine.mount([a, mount]),
            lambda mount: engine.complete(HELLO, SHORT, adapters=(mount,)),
        ):
            with pytest.raises(AdapterError) as caught:
                call(Mount(name, path))
            assert name in str(caught.value) and "\n" not in str(caught.value)
        assert engine.mounted == (a,)
        answer = engine.complete(HELLO, SHORT)
        assert (answer.adapters, ids(answer)) == (("a",), served)
    with pytest.raises(AdapterError, match="scale"):
        engine.mount([replace(a, scale=math.nan)])


def test_a_mounted_adapter_serves_on_when_its_file_is_gone(engine: WakeEngine, folder: Path) -> None:
    gone = Mount("gone", write_tiny_adapter(folder / "gone.gguf", seed=5))
    engine.mount([gone])
    served = ids(engine.complete(HELLO, SHORT))
    gone.path.unlink()
    engine.complete(HELLO, SHORT, adapters=())
    assert ids(engine.complete(HELLO, SHORT)) == served


# Threads, cancellation, ends


def test_eight_threads_get_the_answers_each_would_get_alone(engine: WakeEngine, a: Mount, b: Mount) -> None:
    jobs = [
        ([Message("user", f"hello {n}")], replace(SHORT, temperature=n % 2, seed=n), ((), (a,), (b,))[n % 3])
        for n in range(8)
    ]
    alone = [ids(engine.complete(messages, sampling, adapters=stack)) for messages, sampling, stack in jobs]

    def work(n: int) -> None:
        messages, sampling, stack = jobs[n]
        for _ in range(3):
            assert ids(engine.complete(messages, sampling, adapters=stack)) == alone[n]
            assert engine.count("hello") > 0

    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(work, n) for n in range(len(jobs))]:
            done.result(120)


def test_a_caller_waits_for_an_open_stream_and_a_closed_or_dropped_one_frees_the_engine(
    engine: WakeEngine,
) -> None:
    answers: list[Completion] = []

    def ask() -> threading.Thread:
        thread = threading.Thread(target=lambda: answers.append(engine.complete(HELLO, SHORT)))
        thread.start()
        return thread

    stream = engine.stream(HELLO, SHORT)
    next(stream)
    waiting = ask()
    waiting.join(0.2)
    assert waiting.is_alive() and not answers
    assert engine.count("hello") > 0  # counting does not wait
    stream.close()
    waiting.join(120)
    assert len(answers) == 1

    dropped = engine.stream(HELLO, SHORT)
    next(dropped)
    waiting = ask()
    del dropped
    waiting.join(120)
    assert len(answers) == 2
    engine.stream(HELLO, replace(SHORT, grammar='root ::= "a"'))  # never read
    assert engine.complete(HELLO, SHORT).text == answers[0].text


def test_waiting_for_oneself_is_an_error_not_a_deadlock(engine: WakeEngine) -> None:
    with engine.stream(HELLO, SHORT) as stream:
        next(stream)
        calls: list[Callable[[], object]] = [
            lambda: engine.complete(HELLO, SHORT),
            lambda: engine.mount([]),
            lambda: engine.logits([1]),
        ]
        for call in calls:
            told: list[EngineError] = []

            def ask(call: Callable[[], object] = call, told: list[EngineError] = told) -> None:
                with pytest.raises(EngineError, match="still reading") as caught:
                    call()
                told.append(caught.value)

            # On a thread, though within this one's context, so that a deadlock would fail the test, not
            # hang it.
            asking = threading.Thread(target=contextvars.copy_context().run, args=(ask,), daemon=True)
            asking.start()
            asking.join(120)
            assert told
        assert len(list(stream)) == 15
    assert engine.complete(HELLO, SHORT).text


def test_cancelling_ends_the_answer_before_the_next_token(engine: WakeEngine) -> None:
    asked = 0

    def after_five() -> bool:
        nonlocal asked
        asked += 1
        return asked > 6  # once for the prompt, then once for each token

    answer = engine.complete(HELLO, SHORT, cancelled=after_five)
    assert answer.finish == "cancelled"
    assert len(answer.tokens) == 5
    whole = engine.complete(HELLO, SHORT)
    assert ids(whole)[:5] == ids(answer)
    assert engine.complete(HELLO, SHORT, cancelled=lambda: True).tokens == ()


def test_close_frees_once_and_every_call_after_it_says_so(opened: Open, gguf: Path, a: Mount) -> None:
    engine = opened(gguf)
    stream = engine.stream(HELLO, SHORT)
    next(stream)
    unread = engine.stream(HELLO, replace(SHORT, grammar='root ::= "a"'))
    engine.close()
    engine.close()
    calls: list[Callable[[], object]] = [
        lambda: next(stream),
        lambda: next(unread),
        lambda: engine.complete(HELLO, SHORT),
        lambda: engine.stream(HELLO, SHORT),
        lambda: engine.mount([a]),
        lambda: engine.mount([]),
        lambda: engine.count("x"),
        lambda: engine.count_messages(HELLO),
        lambda: engine.tokenize("x"),
        lambda: engine.render_tokens(HELLO),
        lambda: engine.logits([1]),
        lambda: engine.score(HELLO, "x"),
    ]
    for call in calls:
        with pytest.raises(EngineClosed):
            call()


def test_closing_under_a_working_thread_ends_its_answer(opened: Open, gguf: Path) -> None:
    engine = opened(gguf)
    started = threading.Event()
    outcome: list[object] = []

    def work() -> None:
        try:
            for _ in range(1000):
                for _token in engine.stream(HELLO, Sampling(max_tokens=400, temperature=1.0)):
                    started.set()
        except EngineClosed as closed:
            outcome.append(closed)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert started.wait(120)
    time.sleep(0.05)
    engine.close()
    for thread in threads:
        thread.join(120)
    assert len(outcome) == 3
