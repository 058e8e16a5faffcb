"""The night screen: the night that is slept, stage by stage and step by step, and those that were.

Promise: at the smallest size one part is seen at a time, at the largest all of them; what is shown of a
running night is as it was told, and of another night what the journal holds. The part one has come to has
the keys that scroll. Knows the parts; nothing of how a night is slept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Footer, OptionList, Static, Tab, Tabs

from ..bar import TopBar
from ..calling import ask
from ..messages import Looked, NightMoved
from ..room import Room
from .panes import Exam, History, Verdicts
from .plot import Plot
from .stages import Stages

if TYPE_CHECKING:
    from ....runtime.nights import NightView
    from ..abc import Companion

_PARTS = {"now": "Now", "verdicts": "Verdicts", "exam": "Exam", "history": "History"}
_READ = {"verdicts": "#verdicts", "exam": "Exam", "history": "#nights"}
_DRAWN_EVERY_S = 0.25


class NightScreen(Room):
    """Its nights."""

    DEFAULT_CSS = """
    NightScreen #head { height: 1; padding: 0 1; }
    NightScreen #head Static { width: 1fr; height: 1; }
    NightScreen #head Button { background: $panel; color: $foreground; min-width: 15; }
    NightScreen > Tabs { height: 2; }
    NightScreen #parts { height: 1fr; }
    NightScreen #parts > * { width: 1fr; height: 1fr; }
    NightScreen #now > Horizontal { height: 1fr; }
    NightScreen #now Stages { width: 36; height: 1fr; }
    NightScreen #now #plots { width: 1fr; height: 1fr; }
    NightScreen.-narrow #parts > *, NightScreen.-normal #parts > * { display: none; }
    NightScreen.-now #now, NightScreen.-verdicts Verdicts, NightScreen.-exam Exam,
    NightScreen.-history History { display: block !important; }
    NightScreen.-wide > Tabs { display: none; }
    NightScreen.-wide #parts { layout: grid; grid-size: 2 2; grid-rows: 3fr 2fr; grid-gutter: 1; }
    NightScreen.-wide #parts > * { display: block; background: $surface; }
    NightScreen.-wide #parts > *:focus, NightScreen.-wide #parts > *:focus-within {
        outline-left: heavy $primary;
    }
    """
    AUTO_FOCUS = ""  # else the button that puts it to sleep
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sleep", "Sleep now"),
        Binding("tab,right", "part(1)", "Next part", key_display="tab", priority=True),
        Binding("shift+tab,left", "part(-1)", "Part before", show=False, priority=True),
        Binding("up", "choose(-1)", "Night", key_display="↑↓", priority=True),
        Binding("down", "choose(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", "Scroll", key_display="PgUp PgDn", priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
        Binding("r", "reload", "Reload", show=False),
        Binding("escape", "app.switch_mode('chat')", "Back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.past: list[NightView] = []
        self._stage: str | None = None
        self.add_class("-now")

    def compose(self) -> ComposeResult:
        yield TopBar("night")
        with Horizontal(id="head"):
            yield Static(id="outcome", markup=False)
            yield Button("Sleep now (s)", id="sleep", compact=True)
        yield Tabs(*(Tab(name, id=part) for part, name in _PARTS.items()))
        with Vertical(id="parts"):
            with Vertical(id="now"), Horizontal():
                yield Stages()
                with Vertical(id="plots"):
                    yield Plot("Loss", "nats", style="$primary", digits=2, id="loss")
                    yield Plot("Speed", "tokens/s", style="$secondary", id="speed")
            yield Verdicts()
            yield Exam()
            yield History()
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.watch(self.app, "agent", self._opened)
        self.set_interval(_DRAWN_EVERY_S, self._draw)
        self._draw()

    def _opened(self, agent: Companion | None) -> None:
        if agent is not None:
            self.action_reload()

    def on_screen_resume(self) -> None:
        self.action_reload()

    def on_looked(self, _: Looked) -> None:
        self._draw()

    def on_night_moved(self, _: NightMoved) -> None:
        """A stage that ends leaves something in the journal: verdicts, an exam, the night itself."""
        current = self.dormouse.night.current
        before, self._stage = self._stage, current.name if current else None
        if self._stage is None or self._stage != before:
            self.action_reload()

    def action_reload(self) -> None:
        """Fetch the nights anew."""
        agent = self.agent
        if agent is not None:
            ask(self, agent.nights, self._loaded, group="nights")

    def _loaded(self, nights: list[NightView]) -> None:
        self.past = nights
        self.query_one(History).show(nights)
        self._show_past()

    @property
    def chosen(self) -> NightView | None:
        """The past night the history stands at."""
        option = self.query_one("#nights", OptionList).highlighted_option
        return next((night for night in self.past if option is not None and night.id == option.id), None)

    @property
    def _live(self) -> bool:
        """Whether the night looked at is the one told of: that is always the latest."""
        chosen = self.chosen
        return bool(self.dormouse.night.stages) and (chosen is None or chosen is self.past[-1])

    def _show_past(self) -> None:
        night = self.chosen
        self.query_one(Verdicts).show(night)
        self.query_one(Exam).show(night)
        self._draw()

    def _draw(self) -> None:
        """The part that moves."""
        log, live, chosen = self.dormouse.night, self._live, self.chosen
        stages = self.query_one(Stages)
        if live:
            stages.live(log)
        else:
            stages.past(chosen.seconds if chosen else {})
        without = "nothing yet" if live or chosen is None else "not kept"
        self.query_one("#loss", Plot).show(log.losses if live else (), without=without)
        self.query_one("#speed", Plot).show(log.speeds if live else (), without=without)
        self.query_one("#outcome", Static).update(self._headline())

    def _headline(self) -> Content:
        log, outlook = self.dormouse.night, self.dormouse.outlook
        daemon = outlook.daemon if outlook else None
        if log.running:
            held = ", ".join((daemon or {}).get("held", ()))
            still = f" It stands still for {held}." if held else ""
            return Content(f"It sleeps; turns are answered meanwhile.{still}")
        if self.dormouse.night_asked:
            return Content("It falls asleep ...")
        if log.outcome:
            return Content(log.outcome)
        waiting = outlook.status.to_sleep_on if outlook else 0
        why = f" Daemon: {daemon['why']}." if daemon and daemon.get("why") else ""
        return Content(f"Awake, with {waiting} turn{'' if waiting == 1 else 's'} to sleep on.{why}")

    @property
    def _read(self) -> Widget | None:
        """What is read in the part one has come to, where it may be longer than is seen."""
        read = _READ.get(self.query_one(Tabs).active)
        return self.query_one(read) if read else None

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        event.stop()
        for part in _PARTS:
            self.set_class(event.tab.id == part, f"-{part}")
        self.set_focus(self._read)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_list.id == "nights":
            self._show_past()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_sleep()

    def action_sleep(self) -> None:
        self.dormouse.sleep()
        self._draw()

    def action_part(self, step: int) -> None:
        """The next part, where one is shown at a time."""
        tabs = self.query_one(Tabs)
        if step > 0:
            tabs.action_next_tab()
        else:
            tabs.action_previous_tab()

    def action_page(self, step: int) -> None:
        """A page on, or back, in this part."""
        if (read := self._read) is not None:
            (read.action_page_up if step < 0 else read.action_page_down)()

    def action_choose(self, step: int) -> None:
        """Another night of the history, whichever part is seen."""
        nights = self.query_one("#nights", OptionList)
        if step < 0:
            nights.action_cursor_up()
        else:
            nights.action_cursor_down()
