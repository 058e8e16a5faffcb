"""The training process, run here: its schedule, its plan, what it learns and what it writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dormouse.sleep import worker
from dormouse.sleep.packing import Example
from dormouse.sleep.worker import Job, plan, schedule

Examples = Callable[..., list[Example]]


def test_the_rate_warms_up_then_falls_to_a_twentieth() -> None:
    rates = [schedule(step, 100, 0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert rates[10] == 1.0
    assert all(left > right for left, right in pairwise(rates[10:]))
    assert rates[55] == pytest.approx(0.05 + 0.95 / 2)
    assert 0.05 < rates[-1] < 0.06


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_short_schedules_stay_between_zero_and_one(steps: int) -> None:
    assert all(0 < schedule(step, steps, share) <= 1 for step in range(steps) for share in (0, 0.05, 0.9))


def test_the_same_job_has_the_same_plan(job: Job, examples: Examples) -> None:
    chosen = examples(count=30)
    assert plan(chosen, job) == plan(chosen, job)
    assert plan(chosen, job) != plan(chosen, replace(job, seed=job.seed + 1))


def test_whole_epochs_hold_everything_once_each(job: Job, examples: Examples) -> None:
    chosen = examples(count=30)
    seen = [example for step in plan(chosen, replace(job, epochs=3.0)) for example in step]
    assert all(seen.count(example) == 3 for example in chosen)


def test_a_part_of_an_epoch_is_that_part_of_the_steps(job: Job, examples: Examples) -> None:
    chosen = examples(count=60)
    one, half = plan(chosen, replace(job, epochs=1.0)), plan(chosen, replace(job, epochs=0.5))
    assert half == one[: round(len(one) / 2)]
    assert len(plan(chosen, replace(job, epochs=0.001))) == 1


def test_a_job_reads_as_it_was_written(job: Job, examples: Examples, tmp_path: Path) -> None:
    chosen = examples()
    worker.write_job(tmp_path, job, chosen)
    assert worker.read_examples(tmp_path) == chosen
    assert Job(**json.loads((tmp_path / "job.json").read_text())) == job


def trained(folder: Path, job: Job, chosen: list[Example]) -> list[dict[str, Any]]:
    worker.write_job(folder, job, chosen)
    return list(worker.train(folder, job, worker.read_examples(folder)))


def bytes_of(folder: Path) -> str:
    return hashlib.sha256((folder / "peft" / "adapter_model.safetensors").read_bytes()).hexdigest()


@pytest.fixture
def torch_left_alone() -> Any:
    """Training sets torch's threads for its whole process."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("torch_left_alone")
def test_training_lowers_the_loss_and_writes_an_adapter(job: Job, examples: Examples, tmp_path: Path) -> None:
    records = trained(tmp_path, replace(job, epochs=25.0), examples())
    steps, last = records[:-1], records[-1]
    assert [record["step"] for record in steps] == list(range(1, len(steps) + 1))
    assert {record["steps"] for record in steps} == {len(steps)}
    assert last["done"] is True
    assert last["loss"] < 0.5 * steps[0]["loss"]
    assert 0 < last["tokens"] < last["tokens_unpacked"]  # prompts are shared
    assert {path.name for path in (tmp_path / "peft").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


@pytest.mark.usefixtures("torch_left_alone")
def test_the_same_job_gives_the_same_bytes(job: Job, examples: Examples, tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        trained(tmp_path / name, replace(job, seed=seed), examples())
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    assert bytes_of(tmp_path / "one") != bytes_of(tmp_path / "other")


@pytest.mark.usefixtures("torch_left_alone")
def test_training_goes_on_from_an_earlier_adapter(job: Job, examples: Examples, tmp_path: Path) -> None:
    first = trained(tmp_path / "first", replace(job, epochs=20.0), examples())
    onwards = replace(job, start_from=str(tmp_path / "first" / "peft"))
    second = trained(tmp_path / "second", onwards, examples())
    assert second[0]["loss"] < 0.6 * first[0]["loss"]


@pytest.mark.usefixtures("torch_left_alone")
def test_a_time_limit_ends_it_with_an_adapter(job: Job, examples: Examples, tmp_path: Path) -> None:
    records = trained(tmp_path, replace(job, epochs=1000.0, time_limit_s=1e-6), examples())
    assert len(records) == 2
    assert (tmp_path / "peft" / "adapter_model.safetensors").exists()


@pytest.mark.usefixtures("torch_left_alone")
def test_anchors_hold_the_model_to_what_it_said(job: Job, examples: Examples, tmp_path: Path) -> None:
    """With more weight on anchors, less of their divergence is left."""
    chosen = examples(count=9)
    left = {}
    for weight in (0.0, 3.0):
        folder = tmp_path / str(weight)
        trained(folder, replace(job, anchor_weight=weight, epochs=15.0), chosen)
        left[weight] = anchor_divergence(folder, job, chosen)
    assert left[3.0] < 0.7 * left[0.0]


def anchor_divergence(folder: Path, job: Job, chosen: list[Example]) -> float:
    import torch
    from transformers import AutoModelForCausalLM

    from dormouse.sleep import lora, segments
    from dormouse.sleep.packing import pack
    from dormouse.sleep.step import step_loss

    segments.register()
    model = AutoModelForCausalLM.from_pretrained(
        job.model, dtype=torch.float32, attn_implementation=segments.NAME
    )
    lora.load(lora.inject(model, job.rank, job.alpha), folder / "peft")
    anchored = [example for example in chosen if example.top]
    return step_loss(model, pack(anchored, torch.float32), {"anchor": 1.0}).item()
