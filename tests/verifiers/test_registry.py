"""Verifiers by name: Dormouse's own, and those of other packages."""

from __future__ import annotations

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from dormouse.verifiers import registry
from dormouse.verifiers.abc import Claim, Verdict, Verifier
from dormouse.verifiers.errors import UnknownVerifier

ROOT = Path(__file__).parent.parent.parent


class Loud(Verifier):
    """What another package might bring."""

    name = "loud"

    def judge(self, claim: Claim) -> Verdict:
        return Verdict("passed" if claim.text.isupper() else "failed", "it shouts or it does not")


def test_every_built_in_is_an_entry_point_and_every_entry_point_built_in() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = {name: f"dormouse.verifiers.{name}:{kind}" for name, kind in registry.BUILT_IN.items()}
    assert project["entry-points"][registry.GROUP] == listed


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_built_in_is_found_under_its_own_name(name: str) -> None:
    assert registry.kind(name).name == name


def test_another_package_adds_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("loud", f"{__name__}:Loud", registry.GROUP),
        EntryPoint("tests", f"{__name__}:Loud", registry.GROUP),
    ]
    monkeypatch.setattr(EntryPoint, "load", lambda self: Loud)
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    registry._others.cache_clear()
    try:
        assert registry.kind("loud") is Loud and "loud" in registry.names()
        assert registry.kind("tests") is not Loud, "a name of ours stays ours"
    finally:
        registry._others.cache_clear()


def test_an_unknown_name_is_a_sentence() -> None:
    with pytest.raises(UnknownVerifier, match="There is no verifier 'oracle'; there are abstention, "):
        registry.kind("oracle")
