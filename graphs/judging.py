"""What the declared verifiers say of a call, or of an answer, while awake: journaled beside it.

Promise: none changes what was said, and none breaks a turn: one that breaks leaves the verdict that it could
not judge, and one that cannot read such a claim leaves none. Knows nothing of which verifiers there are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import get_args

from ..memory.journal import Journal
from ..memory.records import Judgement
from ..verifiers.abc import Claim, Outcome, Step, Verdict, Verifier
from ..verifiers.errors import UnusableCheck, VerifierError
from .events import Judged

Tell = Callable[[Judged], None]


def _unheard(judged: Judged) -> None:
    pass


def judge_answer(
    verifiers: Sequence[Verifier],
    journal: Journal,
    turn_id: int | None,
    claim: Claim,
    tell: Tell = _unheard,
) -> None:
    """Judge the answer of a turn that has ended: its text, what it answers, and the steps it came by."""
    _kept(journal, turn_id, None, _verdicts(verifiers, claim), tell)


def judge_call(
    verifiers: Sequence[Verifier],
    journal: Journal,
    call_id: int | None,
    step: Step,
    tell: Tell = _unheard,
) -> None:
    """Judge a call that was made, by what it was called with and what it gave back."""
    if not verifiers:
        return
    claim = Claim(
        text=step.result, source=json.dumps(dict(step.arguments), ensure_ascii=False), steps=(step,)
    )
    turn_id = None if call_id is None else journal.tool_call(call_id).turn_id
    _kept(journal, turn_id, call_id, _verdicts(verifiers, claim), tell)


def _verdicts(verifiers: Sequence[Verifier], claim: Claim) -> list[tuple[str, Verdict]]:
    judged = ((verifier.name, _verdict(verifier, claim)) for verifier in verifiers)
    return [(name, verdict) for name, verdict in judged if verdict is not None]


def _verdict(verifier: Verifier, claim: Claim) -> Verdict | None:
    """None from one that cannot read such a claim, and so says nothing about it."""
    began = time.perf_counter()
    try:
        verdict = verifier.judge(claim)
        if not isinstance(verdict, Verdict) or verdict.outcome not in get_args(Outcome):
            raise TypeError(f"it gave {verdict!r:.80} for a verdict")
    except UnusableCheck:
        return None
    except Exception as error:  # noqa: BLE001 (a package of the user's may raise anything)
        broke = f"The verifier {verifier.name} broke: {type(error).__name__}: {error}"
        why = str(error) if isinstance(error, VerifierError) else broke
        return Verdict("unsure", " ".join(why.split()), time.perf_counter() - began)
    return verdict


def _kept(
    journal: Journal,
    turn_id: int | None,
    call_id: int | None,
    verdicts: Sequence[tuple[str, Verdict]],
    tell: Tell,
) -> None:
    for name, verdict in verdicts:
        tell(Judged(call_id, name, verdict.outcome, verdict.evidence))
    if turn_id is not None:
        journal.add_judgements(
            [
                Judgement(turn_id, call_id, name, verdict.outcome, verdict.evidence, verdict.seconds)
                for name, verdict in verdicts
            ]
        )
