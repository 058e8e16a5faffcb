"""A line plot in braille: two by four points a cell, told by shape alone.

Promise: any number of values is drawn over the whole width, with the least and the most beside it. Knows
numbers; nothing of what they mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from textual.content import Content
from textual.widget import Widget

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_EMPTY = 0x2800
_LABEL = 7


def braille(values: Sequence[float], width: int, height: int, low: float, high: float) -> list[str]:
    """`height` rows of `width` cells; `low` is at the bottom and `high` at the top."""
    cells = [[0] * width for _ in range(height)]
    columns, rows = 2 * width, 4 * height
    span = (high - low) or 1.0
    points = [round((rows - 1) * (1 - (value - low) / span)) for value in _spread(values, columns)]
    before = points[0] if points else 0
    for x, y in enumerate(points):
        step = 1 if y >= before else -1
        for filled in range(before, y + step, step) if x else [y]:
            cells[filled // 4][x // 2] |= _BITS[filled % 4][x % 2]
        before = y
    return ["".join(chr(_EMPTY + bits) if bits else " " for bits in row) for row in cells]


def _spread(values: Sequence[float], columns: int) -> list[float]:
    """One value for each column: means where there are more values, lines between where there are fewer."""
    count = len(values)
    if count == 0:
        return []
    if count > columns:
        edges = [count * column // columns for column in range(columns + 1)]
        return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    spread = []
    for column in range(columns):
        place = column * (count - 1) / max(1, columns - 1)
        left = min(int(place), count - 1)
        right = min(left + 1, count - 1)
        spread.append(values[left] + (place - left) * (values[right] - values[left]))
    return spread


class Plot(Widget):
    """A plot with its title, its last value, and the least and the most."""

    DEFAULT_CSS = "Plot { height: 1fr; min-height: 4; padding: 0 1; }"

    def __init__(self, title: str, unit: str, *, style: str, digits: int = 0, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title, self._unit, self._style, self._digits = title, unit, style, digits
        self._values: Sequence[float] = ()
        self._bounds: tuple[float, float] | None = None
        self._without = ""

    def show(
        self,
        values: Sequence[float],
        bounds: tuple[float, float] | None = None,
        without: str = "nothing yet",
    ) -> None:
        """Draw these; `bounds` are the least and the most where they are known, `without` is said of none."""
        self._values, self._bounds, self._without = list(values), bounds, without
        self.refresh()

    def render(self) -> Content:
        width, height = self.content_size.width - _LABEL, self.content_size.height - 1
        if not self._values or width < 4 or height < 1:
            return Content.assemble((self._title, "bold"), (f"  {self._without}", "$foreground-muted"))
        low, high = self._bounds or (min(self._values), max(self._values))
        last = f"{self._values[-1]:.{self._digits}f} {self._unit}".rstrip()
        lines = [Content.assemble((self._title, "bold"), "  ", (last, self._style))]
        for number, row in enumerate(braille(self._values, width, height, low, high)):
            label = high if number == 0 else low if number == height - 1 else None
            text = f"{label:>{_LABEL - 1}.{self._digits}f} " if label is not None else " " * _LABEL
            lines.append(Content.assemble((text, "$foreground-muted"), (row, self._style)))
        return Content("\n").join(lines)
