"""Plots of what a benchmark measured, as SVG text: lines over numbers, points, and bars in groups.

Promise: the same data give the same bytes; what was not measured (None, NaN) is left out, never drawn as
zero. Colours are told apart by colour-blind readers too. Knows nothing of benchmarks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ...memory.durable import storage_faults, write_atomic
from ...memory.errors import OUTPUT

WIDTH, HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 44, 56
_LEGEND_LINE, _LETTER = 18, 6.6  # pixels: a line of the legend, a letter of it
# Okabe and Ito's colours, in the order in which neighbours differ most.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")


@dataclass(frozen=True, slots=True)
class Axis:
    """What stands beside an axis, with its unit; its ends are those of the data where they are None."""

    label: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One line: (x, y) in order; a y of None breaks it. `joined=False` draws points alone, `names` beside
    them.
    """

    name: str
    points: Sequence[tuple[float, float | None]]
    joined: bool = True
    names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Bars:
    """One bar in each group, in the order of the groups; `ranges` are the ends of a thin line over each."""

    name: str
    values: Sequence[float | None]
    ranges: Sequence[tuple[float, float] | None] = ()


@dataclass(frozen=True, slots=True)
class _Scale:
    """From a figure to a pixel."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        return self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin)


def line_plot(title: str, series: Sequence[Series], x: Axis, y: Axis) -> str:
    """Lines and points over two axes of numbers; returns a whole SVG document."""
    points = [(a, b) for each in series for a, b in each.points if _known(b)]
    bottom = HEIGHT - _BOTTOM - _legend_height([each.name for each in series])
    across = _scale(x, [a for a, _ in points], _LEFT, WIDTH - _RIGHT)
    up = _scale(y, [b for _, b in points if b is not None], bottom, _TOP)
    parts = [*_frame(title, x.label, y, up, bottom), *_ticks_across(across, bottom)]
    for number, each in enumerate(series):
        parts += _drawn(each, _COLOURS[number % len(_COLOURS)], across, up)
    return _document(title, [*parts, *_legend([each.name for each in series], bottom)])


def bar_plot(title: str, groups: Sequence[str], bars: Sequence[Bars], y: Axis) -> str:
    """Bars side by side in each group, upwards from zero or from `y.low`; returns a whole SVG document."""
    bottom = HEIGHT - _BOTTOM - _legend_height([each.name for each in bars])
    values = [value for each in bars for value in each.values if value is not None and _known(value)]
    values += [end for each in bars for ends in each.ranges if ends for end in ends]
    up = _scale(y, [0.0, *values] if y.low is None else values, bottom, _TOP)
    width = (WIDTH - _LEFT - _RIGHT) / max(1, len(groups))
    parts = _frame(title, "", y, up, bottom)
    for place, group in enumerate(groups):
        middle = _LEFT + (place + 0.5) * width
        parts.append(_text(middle, bottom + 18, group, "middle"))
        thick = width * 0.8 / max(1, len(bars))
        for number, each in enumerate(bars):
            left = middle - width * 0.4 + number * thick
            parts += _bar(each, place, left, thick, up, _COLOURS[number % len(_COLOURS)])
    return _document(title, [*parts, *_legend([each.name for each in bars], bottom)])


def write_plot(svg: str, path: Path) -> Path:
    """Writes the plot, whole or not at all. Raises HomeError when the disk refuses."""
    with storage_faults(path.parent, OUTPUT):
        write_atomic(path, svg.encode())
    return path


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _scale(axis: Axis, values: Sequence[float], begin: float, end: float) -> _Scale:
    low = min(values, default=0.0) if axis.low is None else axis.low
    high = max(values, default=1.0) if axis.high is None else axis.high
    if high <= low:  # one value alone still needs a length
        high = low + (abs(low) or 1.0)
    step = _step(low, high)
    low = math.floor(low / step + 1e-9) * step if axis.low is None else low
    high = math.ceil(high / step - 1e-9) * step if axis.high is None else high
    return _Scale(low, high, begin, end)


def _step(low: float, high: float) -> float:
    """A round distance between ticks, 1, 2 or 5 times a power of ten, that gives about six of them."""
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def _tick_values(scale: _Scale) -> list[float]:
    step = _step(scale.low, scale.high)
    first = math.ceil(scale.low / step - 1e-9)
    last = math.floor(scale.high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _frame(title: str, under: str, y: Axis, up: _Scale, bottom: float) -> list[str]:
    """Title, labels of the axes, and the ticks upwards with a pale line each."""
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    half = (bottom + _TOP) / 2
    parts = [
        (
            f'<text x="{middle:.1f}" y="24" text-anchor="middle" font-size="15" font-weight="bold">'
            f"{escape(title)}</text>"
        ),
        _text(middle, bottom + 38, under, "middle"),
        (
            f'<text x="16" y="{half:.1f}" text-anchor="middle" transform="rotate(-90 16 {half:.1f})">'
            f"{escape(y.label)}</text>"
        ),
    ]
    for value in _tick_values(up):
        at = up(value)
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{WIDTH - _RIGHT}" stroke="#dddddd"/>')
        parts.append(_text(_LEFT - 6, at + 4, f"{value:g}", "end"))
    return [*parts, f'<path d="M{_LEFT} {_TOP}V{bottom}H{WIDTH - _RIGHT}" fill="none" stroke="#333333"/>']


def _ticks_across(across: _Scale, bottom: float) -> list[str]:
    parts = []
    for value in _tick_values(across):
        at = across(value)
        parts.append(f'<path d="M{at:.1f} {bottom}v5" stroke="#333333"/>')
        parts.append(_text(at, bottom + 18, f"{value:g}", "middle"))
    return parts


def _drawn(series: Series, colour: str, across: _Scale, up: _Scale) -> list[str]:
    """The line, in pieces where something is missing, and its points with their names."""
    parts, piece = [], ""
    names = dict(enumerate(series.names))
    for number, (x, y) in enumerate(series.points):
        if y is None or not _known(y):
            piece = ""
            continue
        a, b = across(x), up(y)
        if series.joined and piece:
            parts.append(f'<path d="{piece}L{a:.1f} {b:.1f}" stroke="{colour}" stroke-width="2"/>')
        piece = f"M{a:.1f} {b:.1f}"
        parts.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>')
        if names.get(number):
            parts.append(_text(a + 6, b - 6, names[number], "start"))
    return parts


def _bar(bars: Bars, place: int, left: float, thick: float, up: _Scale, colour: str) -> list[str]:
    value = bars.values[place] if place < len(bars.values) else None
    if value is None or not _known(value):
        return []
    zero, at = up(max(up.low, min(up.high, 0.0))), up(value)
    top, height = min(zero, at), abs(zero - at)
    middle = left + thick / 2
    parts = [
        (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{thick * 0.92:.1f}" height="{height:.1f}" '
            f'fill="{colour}"><title>{escape(bars.name)}: {value:g}</title></rect>'
        )
    ]
    ends = bars.ranges[place] if place < len(bars.ranges) else None
    if ends:
        parts.append(f'<path d="M{middle:.1f} {up(ends[0]):.1f}V{up(ends[1]):.1f}" stroke="#333333"/>')
    return parts


def _rows(names: Sequence[str]) -> list[list[tuple[int, str, float]]]:
    """The legend in lines: (number, name, distance from the left)."""
    rows: list[list[tuple[int, str, float]]] = [[]]
    at = 0.0
    for number, name in enumerate(names):
        length = 28 + _LETTER * len(name)
        if rows[-1] and at + length > WIDTH - _LEFT - _RIGHT:
            rows.append([])
            at = 0.0
        rows[-1].append((number, name, at))
        at += length
    return rows


def _legend_height(names: Sequence[str]) -> int:
    return _LEGEND_LINE * len(_rows(names))


def _legend(names: Sequence[str], bottom: float) -> list[str]:
    parts = []
    for line, row in enumerate(_rows(names)):
        y = bottom + 58 + line * _LEGEND_LINE
        for number, name, at in row:
            colour = _COLOURS[number % len(_COLOURS)]
            parts.append(
                f'<rect x="{_LEFT + at:.1f}" y="{y - 9:.1f}" width="10" height="10" fill="{colour}"/>'
            )
            parts.append(_text(_LEFT + at + 15, y, name, "start"))
    return parts


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _document(title: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" fill="#222222" role="img" '
        f'aria-label="{escape(title)}">'
    )
    return "\n".join([head, f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>', *parts, "</svg>\n"])
