"""A night asked for over HTTP: a whole one, over a tiny random model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hashed_embedder import HashedEmbedder
from served import serving
from tiny_models import write_tiny_llama
from tiny_night import FREE, SETTINGS, script_the_night

from dormouse.memory.base_weights import resolve
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.runtime.spec import Spec
from dormouse.sleep import consolidate, worker


@pytest.fixture
def trained_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Trains in this process, which spares a child's imports."""
    import torch

    threads = torch.get_num_threads()

    def train(folder: Path, report: object = None, way: object = None) -> Any:
        worker.main(folder)
        return consolidate.finished(folder)

    monkeypatch.setattr(consolidate, "consolidate", train)
    yield
    torch.set_num_threads(threads)


def slept(client: httpx.Client) -> dict[str, Any]:
    """The night that was begun, once it has ended."""
    deadline = time.monotonic() + 300
    while (night := client.get("/v1/sleep").json())["state"] == "running":
        assert time.monotonic() < deadline, night
        time.sleep(0.1)
    told: dict[str, Any] = night
    return told


def test_a_night_is_begun_over_http_watched_to_its_end_and_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained_here: None
) -> None:
    monkeypatch.setenv("DORMOUSE_CACHE", str(tmp_path / "cache"))
    script_the_night(monkeypatch.setattr)
    gguf = write_tiny_llama(tmp_path / "base.gguf", seed=3)
    base = resolve(str(gguf), tmp_path / "cache")
    spec = Spec.model_validate(
        {
            "persona": "You are Pim.",
            "memory": {"fuse": "never"},
            "sleep": SETTINGS.model_dump(),
            "exam": FREE.model_dump(),
        }
    )
    with (
        LlamaEngine(gguf, context_tokens=1024, threads=1) as engine,
        serving(tmp_path / "home", engine, spec=spec, base=base, embedder=HashedEmbedder()) as server,
        httpx.Client(base_url=server.url, timeout=120) as client,
    ):
        assert client.get("/v1/sleep").status_code == 404
        client.post("/v1/memories", json={"text": "Old Vex chewed the sofa again.", "session": "s"})
        assert client.post("/v1/sleep").status_code == 202
        night = slept(client)
        assert (night["state"], night["error"]) == ("published", None), night
        assert [memory["value"] for memory in night["report"]["memories"]] == ["Vex"]
        (memory,) = client.get("/v1/memories", params={"state": "consolidated"}).json()["data"]
        assert memory["value"] == "Vex"
        (told,) = client.get("/v1/nights").json()["data"]
        assert told["adapter"] == night["report"]["adapter"]
        adapter = night["report"]["adapter"]
        assert client.get(f"/v1/adapters/{adapter}").json()["exam"]["passed"] is True
        body = {"messages": [{"role": "user", "content": "Hello."}], "max_tokens": 2}
        said = client.post("/v1/chat/completions", json=body).json()
        assert said["dormouse"]["adapter"] in (adapter, None)  # its gate may let the base speak
        assert [mount.name for mount in server.scopes.owner.space.engine.mounted] == [adapter]
