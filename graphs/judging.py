"""What the declared verifiers say of a call, or of an answer, while awake: journaled beside it.

Promise: a verifier that cannot judge leaves no verdict, and none changes what was said. Knows nothing of
which verifiers there are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..memory.journal import Journal
from ..memory.records import Judgement
from ..verifiers.abc import Claim, Step, Verdict, Verifier
from ..verifiers.errors import VerifierError
from .events import Judged
from .running import Run


def judge_answer(
    verifiers: Sequence[Verifier],
    journal: Journal,
    run: Run,
    turn_id: int | None,
    calls: Sequence[Mapping[str, Any]],
) -> None:
    """Judge the answer of a turn that has ended."""
    if not verifiers or run.completion is None:
        return
    claim = Claim(text=run.completion.text, source=run.turn.text)
    _kept(journal, run, turn_id, None, _verdicts(verifiers, claim))


def judge_call(
    verifiers: Sequence[Verifier], journal: Journal, run: Run, call: Mapping[str, Any], result: str
) -> None:
    """Judge a call that was made, by what it was called with and what it gave back."""
    if not verifiers or call["broken"] or (call["asked"] and not call["approved"]):
        return
    step = Step(call["name"], call["arguments"], result)
    claim = Claim(text=result, source=json.dumps(call["arguments"], ensure_ascii=False), steps=(step,))
    turn_id = None if call["id"] is None else journal.tool_call(call["id"]).turn_id
    _kept(journal, run, turn_id, call["id"], _verdicts(verifiers, claim))


def _verdicts(verifiers: Sequence[Verifier], claim: Claim) -> list[tuple[str, Verdict]]:
    found = []
    for verifier in verifiers:
        try:
            verdict = verifier.judge(claim)
        except VerifierError:
            continue  # it cannot read such a claim, and says nothing about it
        if verdict.outcome != "unsure":
            found.append((verifier.name, verdict))
    return found


def _kept(
    journal: Journal,
    run: Run,
    turn_id: int | None,
    call_id: int | None,
    verdicts: Sequence[tuple[str, Verdict]],
) -> None:
    for name, verdict in verdicts:
        run.tell(Judged(call_id, name, verdict.outcome, verdict.evidence))
    if turn_id is not None:
        journal.add_judgements(
            [
                Judgement(turn_id, call_id, name, verdict.outcome, verdict.evidence, verdict.seconds)
                for name, verdict in verdicts
            ]
        )
