"""What is drawn of a turn without reading Markdown, which takes long to load: the user's words, and signs.

Promise: words are shown as they were said, never read as markup of the terminal's. Knows how they look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

if TYPE_CHECKING:
    from ....graphs.events import Judged
    from ....runtime.records import VerdictView

SIGNS = {"passed": ("✓", "$text-success"), "failed": ("✗", "$text-error"), "unsure": ("?", "$text-warning")}


def verdict_line(verdict: Judged | VerdictView) -> Content:
    """A verifier's word, with a sign that needs no colour."""
    sign, style = SIGNS.get(verdict.outcome, ("?", "$text-warning"))
    words = f" {verdict.verifier}: {verdict.outcome}"
    return Content.assemble(
        (sign, style), words, (f" ({verdict.evidence})" if verdict.evidence else "", "$foreground-muted")
    )


class UserTurn(Static):
    """What the user said."""

    DEFAULT_CSS = """
    UserTurn {
        height: auto; margin: 1 1 0 1; padding: 0 1; background: $surface;
        border-left: outer $primary;
    }
    UserTurn:ansi { text-style: bold; }
    """

    def __init__(self, text: str) -> None:
        super().__init__(Content(text), markup=False)
        self.text = text


class Remark(Static):
    """A line of the application's own, between turns."""

    DEFAULT_CSS = "Remark { height: auto; margin: 1 2 0 2; color: $foreground-muted; text-style: italic; }"
