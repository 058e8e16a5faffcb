"""The benchmarks' plots: whole SVG, same data, same bytes, nothing invented for what is missing."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from dormouse.runtime.bench.plot import Axis, Bars, Series, bar_plot, line_plot, write_plot

_SVG = "{http://www.w3.org/2000/svg}"


def _elements(svg: str, kind: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter(_SVG + kind))


def _texts(svg: str) -> list[str]:
    return [element.text or "" for element in _elements(svg, "text")]


def test_a_line_plot_has_its_title_axes_legend_and_a_mark_for_each_point() -> None:
    series = [Series("old & new", [(1, 0.5), (2, 0.75), (3, 1.0)]), Series("base", [(1, 0.1), (3, 0.1)])]
    svg = line_plot("Recall < 1", series, Axis("night"), Axis("recall", 0.0, 1.0))
    assert {"Recall < 1", "night", "recall", "old & new", "base"} <= set(_texts(svg))
    assert len(_elements(svg, "circle")) == 5
    assert svg == line_plot("Recall < 1", series, Axis("night"), Axis("recall", 0.0, 1.0))


def test_greater_figures_stand_higher_and_further_right() -> None:
    svg = line_plot("t", [Series("a", [(1, 0.2), (2, 0.8)])], Axis("x"), Axis("y"))
    first, second = _elements(svg, "circle")
    assert float(first.attrib["cx"]) < float(second.attrib["cx"])
    assert float(first.attrib["cy"]) > float(second.attrib["cy"])


def test_what_was_not_measured_breaks_the_line_and_is_no_point() -> None:
    svg = line_plot(
        "t", [Series("a", [(1, 1.0), (2, None), (3, float("nan")), (4, 2.0)])], Axis("x"), Axis("y")
    )
    assert len(_elements(svg, "circle")) == 2
    assert not [path for path in _elements(svg, "path") if path.attrib.get("stroke-width") == "2"]


def test_points_alone_carry_their_names() -> None:
    series = Series("settings", [(0.1, 0.9), (0.2, 0.8)], joined=False, names=("alpha 1", "alpha 2"))
    svg = line_plot("t", [series], Axis("x"), Axis("y"))
    assert {"alpha 1", "alpha 2"} <= set(_texts(svg))


def test_bars_stand_on_zero_with_their_range_over_them() -> None:
    bars = [Bars("weights", [0.5, 1.0], [(0.4, 0.6), None]), Bars("prompt", [0.25, None])]
    svg = bar_plot("Recall", ["plain", "natural"], bars, Axis("share", high=1.0))
    drawn = [rect for rect in _elements(svg, "rect") if rect.find(f"{_SVG}title") is not None]
    heights = [float(rect.attrib["height"]) for rect in drawn]
    assert len(drawn) == 3
    assert abs(heights[0] * 2 - heights[2]) < 0.2 or abs(heights[0] * 2 - max(heights)) < 0.2
    assert {"plain", "natural", "weights", "prompt"} <= set(_texts(svg))


def test_nothing_at_all_still_gives_axes_and_one_value_alone_a_length() -> None:
    assert "x" in _texts(line_plot("t", [], Axis("x"), Axis("y")))
    assert len(_elements(line_plot("t", [Series("a", [(3, 0.0)])], Axis("x"), Axis("y")), "circle")) == 1
    assert "a" in _texts(bar_plot("t", ["a"], [], Axis("y")))


def test_a_plot_is_written_whole(tmp_path: Path) -> None:
    svg = bar_plot("t", ["a"], [Bars("b", [1.0])], Axis("y"))
    assert write_plot(svg, tmp_path / "t.svg").read_text() == svg
