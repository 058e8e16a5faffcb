"""Packed rows: the loss of separate rows, attention computed segment by segment, steps of equal size."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_torch import KINDS, tiny_model

from dormouse.sleep import segments
from dormouse.sleep.packing import ROW_MULTIPLE, Example, Pack, batches, common_prefix, pack
from dormouse.sleep.step import step_loss

Examples = Callable[..., list[Example]]
CLOSE = 2e-5


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest) -> Any:
    """Each covered architecture; gemma3's window is shorter than the longest example."""
    segments.register()
    return tiny_model(KINDS[request.param])


def separate_loss(model: Any, examples: list[Example], anchor_weight: float) -> torch.Tensor:
    """The same loss from rows that hold one example each, under the model's own attention."""
    model.set_attn_implementation("eager")
    plain, anchored, count = [], [], 0
    for example in examples:
        logits = model(input_ids=torch.tensor([example.ids]), use_cache=False).logits[0].double()
        rows = torch.log_softmax(logits, dim=-1)[example.answer_start - 1 : -1]
        for at, (row, token) in enumerate(zip(rows, example.ids[example.answer_start :], strict=True)):
            count += 1
            if not example.top:
                plain.append((-row[token] * example.weight, example.weight))
                continue
            p = torch.tensor([value for _, value in example.top[at]], dtype=torch.float64).exp()
            log_q = row[[id for id, _ in example.top[at]]]
            tail_p, tail_q = (1 - p.sum()).clamp(min=1e-6), (1 - log_q.exp().sum()).clamp(min=1e-6)
            each = (p * (p.log() - log_q)).sum() + tail_p * (tail_p.log() - tail_q.log())
            anchored.append((each * example.weight, example.weight))

    def mean(terms: list[Any]) -> Any:
        return sum(term for term, _ in terms) / sum(weight for _, weight in terms)

    loss = mean(plain) * len(plain) + anchor_weight * mean(anchored) * len(anchored)
    return torch.as_tensor(loss / count)


def packed_loss(model: Any, row: Pack, anchor_weight: float) -> torch.Tensor:
    model.set_attn_implementation(segments.NAME)
    return step_loss(model, row, {"new": 1.0, "anchor": anchor_weight, "dark": 0.0, "stored": 0.0})


@pytest.mark.parametrize("seed", range(3))
def test_the_packed_loss_is_that_of_separate_rows(model: Any, seed: int, examples: Examples) -> None:
    chosen = examples(seed)
    packed = packed_loss(model, pack(chosen, torch.float32), 0.7)
    assert packed.item() == pytest.approx(separate_loss(model, chosen, 0.7).item(), rel=CLOSE)


def test_the_packed_gradient_is_that_of_separate_rows(model: Any, examples: Examples) -> None:
    weight = model.model.layers[0].self_attn.o_proj.weight
    (packed,) = torch.autograd.grad(packed_loss(model, pack(examples(), torch.float32), 0.7), weight)
    (separate,) = torch.autograd.grad(separate_loss(model, examples(), 0.7), weight)
    assert torch.linalg.norm(packed - separate) < 1e-3 * torch.linalg.norm(separate)


@pytest.fixture(scope="module")
def llama() -> Any:
    segments.register()
    return tiny_model(KINDS["llama"])


def all_visible(row: Pack) -> Pack:
    return replace(row, segments=replace(row.segments, mask=torch.zeros_like(row.segments.mask)))


def counted_on(row: Pack) -> Pack:
    return replace(row, positions=torch.arange(row.ids.shape[1])[None])


@pytest.mark.parametrize("breaking", [all_visible, counted_on])
def test_a_wrong_mask_or_wrong_positions_would_show(
    llama: Any, breaking: Callable[[Pack], Pack], examples: Examples
) -> None:
    broken = packed_loss(llama, breaking(pack(examples(), torch.float32)), 0.7)
    assert abs(broken.item() / separate_loss(llama, examples(), 0.7).item() - 1) > 50 * CLOSE


def full_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, visible: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attention over the whole row; q [1, H, T, D], k and v [1, G, T, D], visible [T, T] -> [1, T, H, D]."""
    shared = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
    scores = (q @ k.transpose(2, 3) * scale).masked_fill(~visible, float("-inf"))
    return (torch.softmax(scores, -1) @ v).transpose(1, 2)


SPANS = [
    (range(0), range(9)),
    (range(9), range(9, 26)),
    (range(9), range(26, 31)),
    (range(0), range(31, 40)),
    (range(0), range(40, 44)),
    (range(40, 44), range(44, 60)),
]


@pytest.mark.parametrize("window", [None, 5, 12, 64])
@pytest.mark.parametrize("heads", [(4, 4), (4, 2), (6, 1)])
def test_attention_by_segment_is_full_attention(heads: tuple[int, int], window: int | None) -> None:
    torch.manual_seed(0)
    length, width = 60, 8
    q = torch.randn(1, heads[0], length, width, requires_grad=True)
    k = torch.randn(1, heads[1], length, width, requires_grad=True)
    v = torch.randn(1, heads[1], length, width, requires_grad=True)
    visible = torch.zeros(length, length, dtype=torch.bool)
    for prefix, own in SPANS:
        line = [*prefix, *own]
        for at in range(len(prefix), len(line)):
            seen = line[: at + 1] if window is None else line[: at + 1][-window:]
            visible[line[at], seen] = True
    layout = segments.layout(SPANS, length, torch.float32)
    module = torch.nn.Module()
    found, _ = segments.attend(module, q, k, v, None, 0.3, segments=layout, sliding_window=window)
    wanted = full_attention(q, k, v, visible, 0.3)
    assert torch.allclose(found, wanted, atol=1e-5)
    random = torch.randn_like(wanted)
    for left, right in zip(
        torch.autograd.grad((found * random).sum(), (q, k, v)),
        torch.autograd.grad((wanted * random).sum(), (q, k, v)),
        strict=True,
    ):
        assert torch.allclose(left, right, atol=1e-4)


def test_attention_without_a_layout_is_refused() -> None:
    empty = torch.zeros(1, 1, 2, 4)
    with pytest.raises(ValueError, match="segments"):
        segments.attend(torch.nn.Module(), empty, empty, empty, None)


# Rows


def test_a_row_holds_each_shared_prompt_once(examples: Examples) -> None:
    chosen = examples(count=9)
    row = pack(chosen, torch.float32)
    assert row.ids.shape[1] % ROW_MULTIPLE == 0
    assert row.tokens < sum(len(example.ids) for example in chosen) - 5 * 11
    assert sorted(row.examples, key=chosen.index) == chosen
    for number, example in enumerate(row.examples):
        mine = [at for at, owner in enumerate(row.owner) if owner == number]
        assert tuple(row.target[mine].tolist()) == example.ids[example.answer_start :]
        assert row.weight[mine].tolist() == [example.weight] * len(mine)


def test_a_prefix_never_reaches_into_an_answer() -> None:
    same = Example((5, 6, 7, 8, 9), 3, "new")
    assert common_prefix([same, same]) == 2  # the answer's first token is predicted from each one's own row
    row = pack([same, same], torch.float32)
    assert row.target.tolist() == [8, 9, 8, 9]
    assert row.tokens == 8


def test_steps_hold_every_example_once_and_not_too_many_tokens(examples: Examples) -> None:
    chosen = examples(count=40)
    steps = batches(chosen, 100, random.Random(1))
    assert sorted((e for step in steps for e in step), key=chosen.index) == chosen
    assert all(sum(len(e.ids) for e in step) <= 100 for step in steps)
    assert steps == batches(chosen, 100, random.Random(1))
    assert steps != batches(chosen, 100, random.Random(2))


def test_an_example_longer_than_a_step_is_a_step() -> None:
    long, short = Example(tuple(range(50)), 10, "new"), Example((1, 2, 3), 1, "new")
    assert sorted(map(len, batches([long, short, long], 40, random.Random(0)))) == [1, 1, 1]


@pytest.mark.parametrize("gamma", [0.0, 0.5])
@torch.no_grad()
def test_wrong_tokens_add_their_unlikelihood_at_their_place(
    llama: Any, examples: Examples, gamma: float
) -> None:
    """By its share of all answer tokens, against rows that hold one example each."""
    factors = {"new": 1.0, "anchor": 0.7, "contrast": gamma}
    llama.set_attn_implementation("eager")
    chosen, expected = [], []
    for example in examples():
        at = min(1, len(example.ids) - example.answer_start - 1)
        wrong = tuple(sorted({3, 7, 11} - {example.ids[example.answer_start + at]}))
        chosen.append(replace(example, wrong_at=at, wrong=wrong))
        logits = llama(input_ids=torch.tensor([example.ids]), use_cache=False).logits[0].double()
        q = torch.softmax(logits, dim=-1)[example.answer_start - 1 + at]
        expected.append((-(1 - q[list(wrong)].sum()).log() * example.weight, example.weight))
    tokens = sum(len(example.ids) - example.answer_start for example in chosen)
    mean = sum(loss for loss, _ in expected) / sum(weight for _, weight in expected)
    llama.set_attn_implementation(segments.NAME)
    row = pack(chosen, torch.float32)
    plain = step_loss(llama, row, {**factors, "contrast": 0.0})
    added = step_loss(llama, row, factors) - plain
    assert added.item() == pytest.approx(float(gamma * len(chosen) / tokens * mean), rel=1e-3, abs=1e-6)
