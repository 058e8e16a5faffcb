"""The demo's one table: recall, honesty and old skills in three rows, and the seconds each stage took.

Knows the result's record; nothing of how it came about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .output import console

if TYPE_CHECKING:
    from rich.table import Table

    from ..runtime.demo import DemoResult


def print_demo(result: DemoResult) -> None:
    """Print the table, a few answers before and after, and in a sentence whether the night helped."""
    out = console()
    out.print(_drawn(result))
    for quote in result.quotes:
        out.print(f"{quote.question}", style="bold", markup=False)
        out.print(f"  before: {_short(quote.before)}", markup=False)
        out.print(f"  after:  {_short(quote.after)}", markup=False)
    out.print(_verdict(result), markup=False)


def _drawn(result: DemoResult) -> Table:
    from rich.table import Table

    told = f"{result.facts} facts told to {result.base} in {result.turns} turns of talk"
    table = Table(title=told, title_justify="left")
    table.add_column("")
    for heading in ("recall", "honesty", "old skills", "seconds"):
        table.add_column(heading, justify="right")
    for row in result.rows:
        shares = [f"{passed} of {asked}" for passed, asked in (row.recall, row.honesty, row.skills)]
        table.add_row(row.name, *shares, f"{row.seconds:.1f}")
    table.add_section()
    stages = {name: spent for name, spent in result.seconds.items() if not name.startswith("ask ")}
    for name, spent in stages.items():
        table.add_row(name, "", "", "", f"{spent:.1f}")
    table.add_section()
    table.add_row("all of it", "", "", "", f"{sum(result.seconds.values()):.1f}")
    return table


def _verdict(result: DemoResult) -> str:
    if result.helped:
        return (
            f"The night helped: adapter {result.adapter} answers with an empty context "
            f"(trained at {result.train_tokens_per_s:.0f} tokens/s)."
        )
    reasons = f": {'; '.join(result.reasons)}" if result.reasons else ""
    return f"The night did not help ({result.night}{reasons})."


def _short(answer: str, most: int = 100) -> str:
    flat = " ".join(answer.split())
    return flat if len(flat) <= most else f"{flat[:most].rstrip()}..."
