"""Explanations and receipts as text to read. Knows records; nothing of where they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

if TYPE_CHECKING:
    from ...runtime.receipts import Receipt
    from ...runtime.why import Explanation, Origin


def origin(found: Explanation) -> Content:
    """Which memories, turns, night and adapters are behind an answer."""
    parts = [_memory(memory) for memory in found.memories]
    if not parts:
        parts.append(
            Content("No memory explains this: it comes from the base's own weights, or from the talk itself.")
        )
    for said in found.answers:
        by = f"adapter {said.adapter[:10]}" if said.adapter else "the bare base"
        parts.append(Content(f"said on {said.at:%Y-%m-%d %H:%M} in {said.session}, by {by}"))
    served = f"adapter {found.served[:10]}" if found.served else "no adapter"
    parts.append(Content.styled(f"served now: {served}", "$foreground-muted"))
    return Content("\n\n").join(parts)


def _memory(memory: Origin) -> Content:
    rows = [Content.styled(memory.statement, "bold")]
    pairs = [
        ("state", f"{memory.state}{f' ({memory.reason})' if memory.reason else ''}"),
        ("because", memory.because),
        *((f"turn {turn.id}", f"{turn.at:%Y-%m-%d %H:%M} {turn.words}") for turn in memory.turns),
        (
            "night",
            f"{memory.night}{f' ({memory.verdict})' if memory.verdict else ''}" if memory.night else "",
        ),
        ("learnt by", ", ".join(id[:10] for id in memory.adapters)),
        (
            "served",
            "by the adapter that answers now" if memory.in_served else "not by the adapter that answers now",
        ),
    ]
    rows += [Content.assemble((f"{name:<10}", "$foreground-muted"), value) for name, value in pairs if value]
    return Content("\n").join(rows)


def forgotten(receipt: Receipt) -> Content:
    """What was done, without saying what was forgotten."""
    removed = ", ".join(f"{count} {name}" for name, count in receipt.removed.items() if count) or "nothing"
    later = "; the next night makes the weights anew" if receipt.state == "weights pending" else ""
    pairs = [
        ("state", f"{receipt.state}{later}"),
        ("forgotten", ", ".join(row["memory"] for row in receipt.forgotten)),
        ("removed", removed),
        ("searched", f"{receipt.files_searched} files; {len(receipt.files_holding)} still hold it"),
        ("receipt", receipt.id),
    ]
    return Content("\n").join(
        Content.assemble((f"{name:<11}", "$foreground-muted"), value) for name, value in pairs if value
    )
