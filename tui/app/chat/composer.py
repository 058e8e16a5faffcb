"""The prompt with the list of commands over it, while a command is being typed.

Promise: the list is steered from the prompt, by keys, or by the mouse; it never takes the focus. Knows the
commands' names.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, TextArea
from textual.widgets.option_list import Option

from ..messages import CommandGiven
from .commands import BY_NAME, Command, matching
from .prompt import Prompt


class Composer(Vertical):
    """At the bottom of the chat."""

    DEFAULT_CSS = """
    Composer { height: auto; padding: 0 1; }
    Composer > #completions {
        height: auto; max-height: 8; border: none; padding: 0 1; display: none; background: $panel;
    }
    Composer.-completing > #completions { display: block; }
    """

    def compose(self) -> ComposeResult:
        yield _Completions(id="completions", compact=True)
        yield Prompt()

    @property
    def prompt(self) -> Prompt:
        return self.query_one(Prompt)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        found = matching(event.text_area.text)
        shown = self.query_one("#completions", OptionList)
        self.prompt.completing = bool(found)
        self.set_class(bool(found), "-completing")
        if found:
            shown.set_options(Option(_line(command), id=command.name) for command in found)
            shown.highlighted = 0

    def on_prompt_steered(self, event: Prompt.Steered) -> None:
        shown = self.query_one("#completions", OptionList)
        if event.key == "up":
            shown.action_cursor_up()
        elif event.key == "down":
            shown.action_cursor_down()
        else:
            self._take_fitting(shown, run=event.key == "take")

    def _take_fitting(self, shown: OptionList, *, run: bool) -> None:
        """The one the list stands at, if it fits what is typed by now: it comes a moment after the keys."""
        option = shown.highlighted_option
        fitting = [command.name for command in matching(self.prompt.text)]
        if fitting:
            chosen = option.id if option is not None and option.id in fitting else fitting[0]
            self._take(BY_NAME[chosen or ""], run=run)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(BY_NAME[event.option.id or ""], run=True)
        self.prompt.focus()

    def _take(self, command: Command, *, run: bool) -> None:
        """Give the command; one that needs words is completed, to be gone on with."""
        if run and (not command.takes or command.takes.endswith("?")):
            self.prompt.put("")
            self.post_message(CommandGiven(command.name))
        else:
            self.prompt.put(f"/{command.name} " if command.takes else f"/{command.name}")


class _Completions(OptionList, can_focus=False):
    pass


def _line(command: Command) -> Content:
    takes = f" {command.takes.rstrip('?')}" if command.takes else ""
    name = f"/{command.name}"
    return Content.assemble(
        (name, "bold"),
        (takes, "italic"),
        " " * max(2, 18 - len(name + takes)),
        (command.help, "$foreground-muted"),
    )
