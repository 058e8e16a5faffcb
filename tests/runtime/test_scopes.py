"""Scopes: many users' agents over one engine, opened and closed as they come and go."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hashed_embedder import HashedEmbedder
from scripted_engine import BASE, ScriptedEngine

from dormouse.runtime.scopes import Scopes
from dormouse.runtime.spec import Spec


@pytest.mark.parametrize("what", ["engine", "embedder"])
def test_an_agent_that_is_closed_may_have_a_nap_that_still_asks_for_what_all_share(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared: dict[str, Any] = {"engine": ScriptedEngine(), "base": BASE, "embedder": HashedEmbedder()}
    with Scopes(Spec(), tmp_path, owner="owner", command="a test", max_open=1, **shared) as scopes:
        still_waiting: list[bool] = []
        with scopes.using("ann") as ann:
            closing = ann.close

            def close() -> None:
                nap = Thread(target=getattr(scopes, what), daemon=True)
                nap.start()
                nap.join(10)
                still_waiting.append(nap.is_alive())
                closing()

            monkeypatch.setattr(ann, "close", close)
        assert still_waiting == [False]
