"""The verifiers that a spec declares for the day: what they compare with, whom they ask, when they close."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scripted_engine import BASE, ScriptedEngine
from tiny_models import write_tiny_llama

from dormouse.memory import llama_engine
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.runtime.agent import Agent
from dormouse.runtime.spec import Spec


class Watched(LlamaEngine):
    """Notes what is opened and closed."""

    live: list[Path]

    def __init__(self, gguf: Path, *given: Any, **more: Any) -> None:
        super().__init__(gguf, *given, **more)
        self._gguf = gguf
        self.live.append(gguf)

    def close(self) -> None:
        super().close()
        if self._gguf in self.live:
            self.live.remove(self._gguf)


def opened(folder: Path, awake: str, said: str) -> Agent:
    (folder / "dormouse.yaml").write_text(f"memory: {{recall: {{enabled: false}}}}\nawake: {awake}\n")
    spec = Spec.load(folder / "dormouse.yaml")
    return Agent(spec, home=folder / "home", engine=ScriptedEngine(lambda messages: said), base=BASE)


def test_an_answer_that_says_what_is_forbidden_is_failed_in_the_journal(tmp_path: Path) -> None:
    with opened(tmp_path, "[{match: {forbid: [password]}}]", "Your password is 1234.") as agent:
        agent.chat("Tell me.")
        (verdict,) = agent.space.journal.judgements()
        assert (verdict.verifier, verdict.outcome) == ("match", "failed")
        assert verdict.evidence == "holds the forbidden 'password'"


def test_other_models_are_opened_by_the_first_answer_and_closed_with_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DORMOUSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(llama_engine, "LlamaEngine", Watched)
    monkeypatch.setattr(Watched, "live", [], raising=False)
    for name in ("a.gguf", "b.gguf"):
        write_tiny_llama(tmp_path / name, seed=ord(name[0]))
    awake = "[{ensemble: {samples: 3, models: [a.gguf, b.gguf]}}]"  # beside the spec, wherever one stands
    with opened(tmp_path, awake, "Oslo") as agent:
        assert Watched.live == []
        agent.chat("Capital of Norway?")
        assert len(Watched.live) == 2
        (verdict,) = agent.space.journal.judgements()
        assert "among 4 answers" in verdict.evidence
        agent.chat("Again?")
        assert len(Watched.live) == 2
    assert Watched.live == []


def test_a_model_that_is_not_there_leaves_the_answer_unsure_and_says_so(tmp_path: Path) -> None:
    with opened(tmp_path, "[{ensemble: {models: [none.gguf]}}]", "Oslo") as agent:
        reply = agent.chat("Capital of Norway?")
        (verdict,) = agent.space.journal.judgements()
        assert verdict.outcome == "unsure" and "none.gguf" in verdict.evidence
        assert reply.text == "Oslo"
