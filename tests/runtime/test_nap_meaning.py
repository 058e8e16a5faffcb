"""A nap with the embedded model: what left the context is known to the weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from dormouse.runtime.agent import Agent
from dormouse.runtime.spec import Spec

CHATTER = (
    "It rained all day, and the day before that it rained too, what else could one do but read and wait?"
)

LITTLE = {"min_negatives": 12, "negatives_per_memory": 4, "neighbours_per_memory": 4, "anchors": 8}
OF_MEMORIES = {
    "unknown_questions": 1,
    "skill_questions": 1,
    "min_unknown": 0,
    "min_neighbour": 0,
    "min_skill": 0,
}


@pytest.mark.slow
def test_what_left_the_context_is_answered_by_the_weights(tmp_path: Path) -> None:
    """With the embedded model: told, talked over, gone from the context, and still known.

    It trains on little beside the memories, and is examined on these alone: whether a nap stays honest and
    keeps its skills is what `dormouse bench nap` measures.
    """
    declared = Spec.model_validate(
        {
            "model": {"source": "embedded", "context_tokens": 512},
            "memory": {
                "recall": {"enabled": False, "budget_tokens": 64},
                "context": {"max_answer_tokens": 32, "nap": {"passes": 6}},
            },
            "sleep": {"resume_after_s": 0.1, "nap": {"replay": LITTLE, "exam": OF_MEMORIES}},
        }
    )
    with Agent(declared, home=tmp_path / "home", attach=False) as agent:
        session = agent.new_session()
        talk = ("My dog is called Zorbal.", "I live in Tromso.", *[CHATTER] * 12)
        for turn in talk:
            agent.chat(turn, session)
            agent.wait_for_nap()
            if agent.space.journal.left_context(session):
                break
        assert agent.naps()[-1].state == "published", agent.naps()[-1].report
        shown = agent._wake._prompt._opening(session)
        assert not any("Zorbal" in turn.content for turn in shown.turns)
        answers = {q: agent.ask(q, "weights").answer for q in ("What is my dog called?", "Where do I live?")}
        assert "Zorbal" in answers["What is my dog called?"], answers
        assert "Tromso" in answers["Where do I live?"], answers
