"""The HTTP surface, asked whatever its own OpenAPI document allows and much that it does not.

DORMOUSE_FUZZ says how many requests of each operation are tried, of each of the two kinds.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hashed_embedder import HashedEmbedder
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from served import serving

from dormouse.runtime.server.nights import Sleepers, Sleeping
from dormouse.runtime.server.settings import ServeSettings

EXAMPLES = int(os.environ.get("DORMOUSE_FUZZ", "6"))
LIMITS = ServeSettings(requests_per_minute=1_000_000, max_body_bytes=65_536)
TRYING = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_nothing_it_is_asked_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slept(self: Sleepers, user: str, night: Sleeping) -> None:
        night.state = "nothing-new"  # a night of noise would train on nothing for minutes

    monkeypatch.setattr(Sleepers, "_sleep", slept)
    tried: dict[str, int] = {}
    with serving(tmp_path, settings=LIMITS, embedder=HashedEmbedder()) as server:
        document = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        for found in document.get_all_operations():
            operation = cast("Any", found).ok()
            for mode in GenerationMode:
                try:
                    _try(operation, mode, tried)
                except Unsatisfiable:  # no request of that kind exists: nothing in it can be wrong
                    continue
    assert len(tried) >= 20 and tried["POST /v1/chat/completions"] >= EXAMPLES


def _try(operation: Any, mode: GenerationMode, tried: dict[str, int]) -> None:
    @TRYING
    @given(operation.as_strategy(generation_mode=mode))
    def asked(case: Any) -> None:
        answered = case.call(timeout=120)
        tried[operation.label] = tried.get(operation.label, 0) + 1
        case.validate_response(answered, checks=[not_a_server_error])
        assert "Traceback" not in answered.text and 'File "' not in answered.text
        if answered.status_code >= 400 and "json" in answered.headers.get("content-type", [""])[0]:
            assert set(answered.json()) == {"error"}

    asked()
