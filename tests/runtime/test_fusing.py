"""The fused copy in an agent's home: made after a night, compared, served, and gone with its adapter."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adapter_builds import build_folder, exam_of, unsaved
from numpy.typing import NDArray
from tiny_models import write_tiny_adapter, write_tiny_llama

from dormouse.memory.base_weights import BaseWeights, resolve
from dormouse.memory.engine import Message, Mount, Sampling
from dormouse.memory.fusing_engine import FusingEngine
from dormouse.runtime import fusing
from dormouse.runtime.agent import Agent
from dormouse.runtime.apps.weights import Weights
from dormouse.runtime.fusing import COPY, RECORD, Comparison, fuse_head
from dormouse.runtime.scopes import Scopes
from dormouse.runtime.spec import Spec
from dormouse.sleep.errors import NightStopped
from dormouse.sleep.right_of_way import RightOfWay

SMALL = {"context_tokens": 2048, "threads": 1}
IDS = list(range(3, 40))


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BaseWeights:
    monkeypatch.setenv("DORMOUSE_CACHE", str(tmp_path / "cache"))
    return resolve(str(write_tiny_llama(tmp_path / "base.gguf", seed=1)), tmp_path / "cache")


@pytest.fixture
def agent(tmp_path: Path, base: BaseWeights) -> Iterator[Agent]:
    with opened(tmp_path, base) as agent:
        yield agent


def opened(tmp_path: Path, base: BaseWeights, **memory: Any) -> Agent:
    spec = Spec.model_validate({"model": {"source": str(base.path), **SMALL}, "memory": memory})
    return Agent(spec, home=tmp_path / "home", attach=False)


def publish(agent: Agent, seed: int) -> Path:
    """Publish a random adapter with an exam on record, and serve it; its folder."""
    registry, base = agent.space.registry, agent.space.base
    build = build_folder(agent.home.path / f"build{seed}", str(seed))
    write_tiny_adapter(build / "adapter.gguf", seed=seed)
    made = registry.add(build, unsaved(seed, (f"m{seed}",), base_sha256=base.sha256))
    shutil.rmtree(build)
    registry.record_exam(made.id, exam_of(made.id, q1="hello the", q2="on you", q3="a b c"))
    registry.publish(made.id)
    agent.space.mount_head(agent.space.engine)
    return registry.root / made.id


def engine_of(agent: Agent) -> FusingEngine:
    engine = agent.space.engine
    assert isinstance(engine, FusingEngine)
    return engine


def test_what_a_night_published_is_served_from_a_copy_that_answers_as_the_mounted_adapter(
    agent: Agent,
) -> None:
    folder = publish(agent, 1)
    before = agent.ask("hello you", "weights")
    agent._fuse()
    assert engine_of(agent).fused is not None
    after = agent.ask("hello you", "weights")
    assert (after.answer, after.adapter) == (before.answer, folder.name)
    record = json.loads((folder / RECORD).read_text())
    assert record["passed"] and 0 < record["relative_error"] < 0.02 and record["answers"] == 3
    assert record["adapter"] == folder.name


def test_a_new_process_serves_the_copy_at_once(tmp_path: Path, base: BaseWeights) -> None:
    with opened(tmp_path, base) as agent:
        folder = publish(agent, 1)
        agent._fuse()
    with opened(tmp_path, base) as agent:
        assert agent.ask("hello you", "weights").adapter == folder.name
        assert engine_of(agent).fused is not None and engine_of(agent)._base is None


def test_a_torn_or_foreign_copy_is_not_served(tmp_path: Path, base: BaseWeights) -> None:
    with opened(tmp_path, base) as agent:
        folder = publish(agent, 1)
        agent._fuse()
    copy = folder / COPY
    copy.write_bytes(copy.read_bytes()[:-100])
    with opened(tmp_path, base) as agent:
        assert agent.ask("hello you", "weights").adapter == folder.name
        assert engine_of(agent).fused is None and not copy.exists()
        agent._fuse()
        assert engine_of(agent).fused is not None


def test_only_the_served_adapter_has_a_copy_and_rolling_back_serves_the_earlier_one_mounted(
    agent: Agent,
) -> None:
    first = publish(agent, 1)
    agent._fuse()
    second = publish(agent, 2)
    assert not (first / COPY).exists()
    agent._fuse()
    assert (second / COPY).exists() and engine_of(agent).fused is not None
    assert agent.rollback() == first.name
    assert engine_of(agent).fused is None and not (second / COPY).exists()
    assert agent.ask("hello you", "weights").adapter == first.name
    assert agent.rollback("base") is None
    assert agent.ask("hello you", "weights").adapter is None


def test_what_differs_too_much_is_deleted_and_not_tried_again(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = publish(agent, 1)
    monkeypatch.setattr(fusing, "compare", lambda *_: Comparison(0.5, 0.5, 10, 1))
    agent._fuse()
    assert engine_of(agent).fused is None and not (folder / COPY).exists()
    assert json.loads((folder / RECORD).read_text())["passed"] is False
    monkeypatch.undo()
    tried: list[object] = []
    monkeypatch.setattr(fusing, "_written", lambda *_: tried.append(0))
    agent._fuse()
    assert not tried


def test_another_file_than_the_copy_does_not_pass(agent: Agent) -> None:
    folder = publish(agent, 1)
    engine, items = engine_of(agent), (agent.space.registry.exam(folder.name) or {})["items"]
    stack = (agent.space.registry.mount(folder.name),)
    nothing = fusing.compare(engine, stack, engine, agent.spec.persona, [])
    bare = fusing.compare(engine, stack, engine, agent.spec.persona, items)  # the base in the copy's place
    assert not nothing.passed and not bare.passed and bare.relative_error > 0.05


def test_never_is_never(tmp_path: Path, base: BaseWeights) -> None:
    with opened(tmp_path, base, fuse="never") as agent:
        folder = publish(agent, 1)
        agent._fuse()
        assert engine_of(agent).fused is None and not (folder / COPY).exists()


def test_it_stands_still_for_turns_and_ends_when_told_to(agent: Agent) -> None:
    folder = publish(agent, 1)
    way = RightOfWay()
    way.stop()
    with pytest.raises(NightStopped):
        fuse_head(agent.space.engine, agent.space.registry, "x", way, nullcontext)
    assert engine_of(agent).fused is None and not (folder / RECORD).exists()


def test_the_copy_goes_with_the_adapter_that_is_forgotten(agent: Agent) -> None:
    folder = publish(agent, 1)
    agent._fuse()
    publish(agent, 2)
    from dormouse.graphs.rebuild import remove_holders

    assert remove_holders(agent.space.registry, ["m1"]) == [folder.name]
    assert not folder.exists() and not list(agent.home.path.rglob("*.new"))


def test_the_names_of_mounts_are_compared_too(agent: Agent) -> None:
    folder = publish(agent, 1)
    agent._fuse()
    served = engine_of(agent).fused
    assert served is not None and served.mount == Mount(folder.name, folder / "adapter.gguf")


# Every door


def test_the_agents_of_a_server_serve_their_own_copies_as_many_as_there_is_room_for(
    tmp_path: Path, base: BaseWeights
) -> None:
    spec = Spec.model_validate({"model": {"source": str(base.path), **SMALL}})
    with (
        Scopes(spec, tmp_path / "home", owner="owner", command="a test", base=base, max_fused=1) as scopes,
        scopes.using("owner") as one,
        scopes.using("ada") as other,
    ):
        folders = publish(one, 1), publish(other, 2)
        before = [engine_of(agent).logits(IDS) for agent in (one, other)]
        assert apart(before[0], before[1]) > 0.05
        one._fuse()
        other._fuse()
        assert engine_of(one).fused is not None and engine_of(other).fused is None
        for agent, wanted, folder in zip((one, other), before, folders, strict=True):
            assert apart(engine_of(agent).logits(IDS), wanted) < 0.02
            assert agent.ask("hello you", "weights").adapter == folder.name
        assert one.rollback("base") is None and other.rollback(folders[1].name)
        assert engine_of(one).fused is None and engine_of(other).fused is not None


def test_an_apps_model_serves_the_copy_once_it_is_there(tmp_path: Path, base: BaseWeights) -> None:
    with opened(tmp_path, base) as agent:
        weights = Weights(agent.spec.model, agent.home.path)
        assert weights.serving()[1] == ()
        folder = publish(agent, 1)
        mounted = computed(weights, folder.name, fused=False)
        agent._fuse()
        assert apart(computed(weights, folder.name, fused=True), mounted) < 0.02
        agent.rollback("base")
        assert weights.serving()[1] == ()


def computed(weights: Weights, adapter: str, *, fused: bool) -> NDArray[np.float32]:
    """What an app's model computes, with that adapter."""
    engine, mounts = weights.serving()
    assert isinstance(engine, FusingEngine) and (engine.fused is not None) is fused
    answer = engine.complete([Message("user", "hello you")], Sampling(max_tokens=4), adapters=mounts)
    assert answer.adapters == (adapter,)
    return engine.logits(IDS, adapters=mounts)


def apart(got: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """How far, relative to what was wanted."""
    return float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))
