"""An answer as it stands in the conversation, and as it comes.

Promise: words are shown as they were said, never read as markup of the terminal's. Knows how a turn looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Markdown, Static

from .words import verdict_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ....graphs.events import Judged
    from ....runtime.records import Reply, TurnView, VerdictView


class Said(Markdown):
    """The words of an answer."""

    DEFAULT_CSS = """
    Said { padding: 0 1; background: transparent; }
    Said > MarkdownBlock:last-child { margin-bottom: 0; }
    Said MarkdownH1 { content-align: left middle; background: transparent; padding: 0; text-style: bold; }
    Said MarkdownFence { background: $surface; margin: 0 0 1 0; }
    Said MarkdownFence > Label { padding: 0 1; }
    """


class AnswerTurn(Vertical):
    """An answer: its words, what judged them, and where they come from."""

    DEFAULT_CSS = """
    AnswerTurn { height: auto; margin: 1 1 0 1; }
    AnswerTurn > .about { height: auto; color: $foreground-muted; padding: 0 1; }
    AnswerTurn > .about.-empty { display: none; }
    """

    def __init__(self, text: str = "", *, about: Content | None = None) -> None:
        super().__init__()
        self.text = text
        self._about = about or Content("")
        self._verdicts: list[Content] = []

    def compose(self) -> ComposeResult:
        yield Said(self.text, open_links=False)
        yield Static(self._about, classes="about" if self._about else "about -empty")

    async def append(self, words: str) -> None:
        """More of it."""
        self.text += words
        await self.query_one(Said).append(words)

    def waiting(self, words: str) -> None:
        """What it is doing, until there is something to read."""
        self._show(Content(words))

    def judged(self, verdict: Judged) -> None:
        """A verifier has spoken."""
        self._verdicts.append(verdict_line(verdict))
        self._show(Content("\n").join(self._verdicts))

    def ended(self, reply: Reply | None, failure: str | None) -> None:
        """It is over; says what there is to say about it."""
        line = about_reply(reply) if reply is not None else Content.styled(f"! {failure}", "$text-error")
        self._show(Content("\n").join([*self._verdicts, line]))

    def _show(self, about: Content) -> None:
        line = self.query_one(".about", Static)
        line.update(about)
        line.set_class(not about, "-empty")


def about_reply(reply: Reply) -> Content:
    """Where a reply comes from, in one line."""
    count = len(reply.sources)
    parts = [
        "■ stopped" if reply.interrupted else "",
        f"adapter {reply.adapter[:8]}" if reply.adapter else "bare base",
        f"{count} earlier turn{'s' if count > 1 else ''} recalled" if count else "",
        f"{reply.tokens} tokens",
        f"{reply.ms / 1000:.1f} s",
    ]
    return Content(" · ".join(part for part in parts if part))


def about_turn(turn: TurnView, verdicts: Sequence[VerdictView]) -> Content:
    """The same of a turn that the journal holds."""
    parts = [
        "■ stopped" if turn.state == "interrupted" else "",
        f"adapter {turn.adapter[:8]}" if turn.adapter else "bare base",
        f"{turn.tokens} tokens" if turn.tokens else "",
    ]
    line = Content(" · ".join(part for part in parts if part))
    return Content("\n").join([*map(verdict_line, verdicts), line])
