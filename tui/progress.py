"""Progress bars on stderr, drawn only when a person is looking. Knows nothing of what is being done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .output import console, watched

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from ..sleep.records import Progress


def _bars() -> Bars:
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=console(stderr=True),
    )


@contextmanager
def night_bars() -> Iterator[Callable[[Progress], None] | None]:
    """One bar for each stage of a night; None when nobody is looking."""
    if not watched():
        yield None
        return
    with _bars() as bars:
        tasks = {}

        def show(progress: Progress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(progress.stage, total=progress.total, note="")
            task = tasks[progress.stage]
            bars.update(task, completed=progress.done, total=progress.total, note=progress.note)

        yield show


@contextmanager
def counting_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """One bar for things done of all to do; None when nobody is looking."""
    if not watched():
        yield None
        return
    with _bars() as bars:
        task = bars.add_task(what, total=None, note="")

        def show(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total, note=f"{done} of {total}")

        yield show


@contextmanager
def meter_bar() -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar for bytes, drawn once there are any to wait for; None when nobody is looking."""
    if not watched():
        yield None
        return
    from contextlib import ExitStack

    with ExitStack() as drawn:
        bars: list[Bars] = []
        tasks = {}

        def show(what: str, done: int, total: int) -> None:
            if not bars:
                bars.append(drawn.enter_context(_bars()))
            if what not in tasks:
                tasks[what] = bars[0].add_task(what, total=total, note="")
            so_far = f"{done >> 20} of {total >> 20} MiB"
            bars[0].update(tasks[what], completed=done, total=total, note=so_far)
            if done >= total:
                bars[0].stop()
                bars.clear()
                tasks.clear()

        yield show
