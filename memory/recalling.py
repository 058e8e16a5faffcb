"""The words by which recalled turns are put before the model: one place, so that all sides agree."""

from __future__ import annotations

from collections.abc import Sequence

HEADER = "The user told you earlier:"


def with_recalled(persona: str, told: Sequence[str]) -> str:
    """The system message: the persona, and what was recalled, one turn a line (white space folded)."""
    if not told:
        return persona
    lines = "\n".join("- " + " ".join(text.split()) for text in told)
    return f"{persona}\n{HEADER}\n{lines}"
