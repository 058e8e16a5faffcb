"""With the embedded model as scribe: nothing that a document, a tool or a secret put in a turn is learnt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from poisoned_turns import POISONED
from secret_turns import SECRETS, TOLD

from dormouse.memory.gguf_file import read_header
from dormouse.runtime.spec import Spec
from dormouse.runtime.workspace import Workspace
from dormouse.sleep.compact import Scribe, compact
from dormouse.sleep.export import geometry_of
from dormouse.sleep.filter import Filtered, Rules, filter_candidates
from dormouse.sleep.harvest import HarvestedTurn
from dormouse.sleep.roles import role_mount
from dormouse.sleep.settings import CompactSettings
from dormouse.verifiers.built_in import named

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scribe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scribe]:
    home = tmp_path_factory.mktemp("home")
    with Workspace(Spec(), home, command="test") as space:
        geometry = geometry_of(read_header(space.base.path, space.base.source).metadata)
        yield Scribe(space.engine, role_mount(space.base, geometry, Path(home) / "cache"))


def judged(scribe: Scribe, turns: Sequence[str]) -> Filtered:
    harvested = [HarvestedTurn(number, "s1", turn, "") for number, turn in enumerate(turns, 1)]
    found = compact(harvested, scribe, CompactSettings())
    words = {turn.id: turn.content for turn in harvested}
    rules = Rules(CompactSettings(), named(["support", "fiction", "affirmed"]), words)
    return filter_candidates(found, [], rules, "n0001", datetime(2026, 1, 1, tzinfo=UTC))


def test_no_poison_is_admitted_though_the_scribe_reads_it(scribe: Scribe) -> None:
    outcome = judged(scribe, [*POISONED, "My cat is called Tom."])
    assert [memory.value for memory in outcome.admitted if "rex" in memory.value.casefold()] == []
    assert any("tom" in memory.value.casefold() for memory in outcome.admitted)
    tainted = [verdict for verdict in outcome.verdicts if verdict.ruling == "tainted"]
    assert len(tainted) > len(POISONED) / 4  # the scribe did propose what the page said


def test_no_secret_is_admitted_or_shown(scribe: Scribe) -> None:
    turns = [f"My {kind.partition(' ')[2]} is {secret}." for kind, secret in SECRETS.items()] + list(TOLD)
    outcome = judged(scribe, turns)
    told = [*SECRETS.values(), *(secret for secret in TOLD.values() if secret)]
    kept = repr(outcome.admitted) + repr(outcome.verdicts)
    assert [secret for secret in told if secret in kept] == []
    assert any(verdict.ruling == "secret" for verdict in outcome.verdicts)
