"""The blocks below the trained ones: computed once an example, the same as if computed each time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_torch import KINDS, tiny_model

from dormouse.sleep import below as below_room
from dormouse.sleep import segments
from dormouse.sleep.below import Below
from dormouse.sleep.packing import Example, batches, pack
from dormouse.sleep.worker import Job, plan, train

Examples = Callable[..., list[Example]]


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest) -> Any:
    segments.register()
    made = tiny_model(KINDS[request.param])
    made.set_attn_implementation(segments.NAME)
    return made


def rows(examples: list[Example], seed: int) -> list[Any]:
    return [pack(step, torch.float32) for step in batches(examples, 60, random.Random(seed))]


def counted(model: Any) -> list[int]:
    """How many tokens the lowest block was asked to compute, a number a call."""
    calls: list[int] = []
    model.model.layers[0].self_attn.register_forward_hook(
        lambda module, given, out: calls.append(out[0].shape[1])
    )
    return calls


def computed(model: Any, chosen: list[Example]) -> Below:
    below = Below(model, 1, chosen)
    done = list(below.compute())
    assert done == sorted(set(done))
    assert done[-1] == len(chosen)
    return below


def test_what_was_computed_once_is_the_same_as_computed_each_time(
    model: Any, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(below_room, "TOKENS_AT_A_TIME", 40)
    chosen, calls = examples(3, 8), counted(model)
    below = computed(model, chosen)
    once = len(calls)
    assert once > 1
    for seed in range(2):
        for row in rows(chosen, seed):
            torch.testing.assert_close(
                below.last_hidden(row)[row.source],
                Below(model, 0).last_hidden(row)[row.source],
                rtol=1e-4,
                atol=1e-5,
            )
    assert len(calls) == once + len(rows(chosen, 0)) + len(rows(chosen, 1))  # those of the comparison only


def test_what_is_computed_depends_on_the_examples_alone(model: Any, examples: Examples) -> None:
    chosen = examples(4, 8)
    one, other = computed(model, chosen), computed(model, chosen)
    for row in rows(chosen, 1):
        assert torch.equal(one.last_hidden(row), other.last_hidden(row))


def test_rows_with_an_example_not_computed_run_through_all_blocks(model: Any, examples: Examples) -> None:
    chosen = examples(5, 8)
    below, calls = Below(model, 1, chosen[:4]), counted(model)
    list(below.compute())
    before = len(calls)
    below.last_hidden(pack(chosen[2:6], torch.float32))
    assert len(calls) == before + 1


def test_nothing_is_kept_of_what_is_too_much_or_trained_itself(
    model: Any, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = examples(5, 8)
    monkeypatch.setattr(below_room, "MOST_BYTES", 100)
    for each in (Below(model, 1), Below(model, 0, chosen), Below(model, 1, chosen)):
        assert list(each.compute()) == []
        calls = counted(model)
        for _ in range(2):
            for row in rows(chosen, 0):
                each.last_hidden(row)
        assert len(calls) == 2 * len(rows(chosen, 0))


def test_a_training_cut_short_ends_with_the_same_bytes(job: Job, examples: Examples, tmp_path: Path) -> None:
    job = replace(job, frozen_share=0.5, epochs=3, checkpoint_s=0.0)
    chosen = examples(6, 8)
    (tmp_path / "whole").mkdir()
    whole = list(train(tmp_path / "whole", job, chosen))
    for stop_at in (1, len(plan(chosen, job)) // 2):
        folder = tmp_path / str(stop_at)
        folder.mkdir()
        for record in train(folder, job, chosen):
            if record.get("step") == stop_at + 1:
                break
        again = list(train(folder, job, chosen))
        assert len(again) == len(whole) - (stop_at + 1)
        names = ("peft/adapter_model.safetensors", "kept_top.jsonl")
        for name in names:
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
