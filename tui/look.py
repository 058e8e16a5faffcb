"""The commands that look at a home, and the one that moves HEAD back: memories, log, show, diff, rollback,
status.

Promise: all but rollback work while another process owns the home, and write nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .options import HomeOption, JsonOption, Setup, SpecOption
from .output import Output, fields, notes, table

if TYPE_CHECKING:
    from ..memory.records import MemoryState
    from ..runtime.records import AdapterView, MemoryView, Status

StateOption = Annotated[
    Literal["admitted", "consolidated", "superseded", "rejected", "forgotten"] | None,
    typer.Option("--state", help="Only those in this state.", show_default=False),
]


def memories(
    context: typer.Context,
    state: StateOption = None,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """List what was learnt, and the turns it rests on."""
    from ..runtime.views import memory_views

    with Output(json) as out, Setup.of(context, home, spec).workspace(read_only=True) as space:
        views = memory_views(space, state)
        rows = [(v.id, v.statement, v.state, ", ".join(map(str, v.turns))) for v in views]
        out.result(
            {"memories": views},
            lambda: table(["id", "memory", "state", "turns"], rows) if rows else print(_none_in(state)),
        )


def log(
    context: typer.Context,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """List every adapter that was served, and when; and every nap."""
    with Output(json) as out, Setup.of(context, home, spec).workspace(read_only=True) as space:
        entries, naps = space.shelf.log(), space.journal.naps()
        moves = [(entry.at, str(entry.action), entry.adapter or "base", entry.note) for entry in entries]
        moves += [
            (nap.ended_at, f"nap {nap.state}", nap.adapter or "none", "; ".join(nap.report["reasons"]))
            for nap in naps
        ]
        rows = [(f"{at:%Y-%m-%d %H:%M:%S}", *what) for at, *what in sorted(moves, reverse=True)]
        out.result(
            {"log": entries, "naps": naps},
            lambda: table(["at (UTC)", "action", "adapter", ""], rows) if rows else print("No nights yet."),
        )


def show(
    context: typer.Context,
    id: Annotated[
        str | None,
        typer.Argument(help="An adapter or a memory, by its id or the start of it; else the adapter served."),
    ] = None,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Show one adapter or one memory.

    An adapter with its memories and its exam; a memory with the words it rests on.
    """
    from ..runtime.records import AdapterView
    from ..runtime.views import show as view

    with Output(json) as out, Setup.of(context, home, spec).workspace(read_only=True) as space:
        shown = view(space, id)
        out.result(
            shown, lambda: _print_adapter(shown) if isinstance(shown, AdapterView) else _print_memory(shown)
        )


def diff(
    context: typer.Context,
    a: Annotated[str, typer.Argument(help="The earlier adapter's id, or the start of it.")],
    b: Annotated[str, typer.Argument(help="The later adapter's.")],
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Show what changed from adapter A to adapter B.

    That is memories, and answers to exam questions both were asked.
    """
    with Output(json) as out, Setup.of(context, home, spec).workspace(read_only=True) as space:
        changes = space.shelf.diff(a, b)

        def text() -> None:
            for sign, key in (("+", "memories_added"), ("-", "memories_removed")):
                for memory in changes[key]:
                    print(f"{sign} {memory['statement']}")
            for change in changes["exam_changed"]:
                print(
                    f"? {change['question']} {change['before']['answer']!r} -> {change['after']['answer']!r}"
                )
            if not any(changes.values()):
                print("Nothing changed.")

        out.result(changes, text)


def rollback(
    context: typer.Context,
    to: Annotated[
        str | None, typer.Argument(help="The adapter to go back to, or `base`; else the one before.")
    ] = None,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Serve an earlier adapter again; the next night learns again what that one does not hold."""
    with Output(json) as out, Setup.of(context, home, spec).agent() as agent:
        before = {memory.id for memory in agent.memories("consolidated")}
        adapter = agent.rollback(to)
        lost = before - {memory.id for memory in agent.memories("consolidated")}
        notes(agent.warnings)
        out.result({"adapter": adapter}, lambda: print(_served_now(adapter, len(lost))))


def _served_now(adapter: str | None, lost: int) -> str:
    again = f"; the next night learns again what it does not hold (memories: {lost})" if lost else ""
    return f"Serving {adapter or 'the bare base'}{again}."


def status(
    context: typer.Context,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Say what the agent holds, what it serves, and whether it would sleep now."""
    from ..runtime.daemon.outside import daemon_view
    from ..runtime.views import status as view

    with Output(json) as out, Setup.of(context, home, spec).workspace(read_only=True) as space:
        held = view(space)
        seen = daemon_view(space, context.command_path)
        notes(held.warnings)

        def text() -> None:
            _print_status(held)
            _print_daemon(seen)

        out.result({**asdict(held), "daemon": seen}, text)


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    for command in (memories, log, show, diff, rollback, status):
        app.command()(command)


def _none_in(state: MemoryState | None) -> str:
    if state is None:
        return "No memories yet."
    if state == "rejected":
        return "What a night rejects becomes no memory; `dormouse night` says what it rejected, and why."
    return f"No memory is {state}."


def _print_status(held: Status) -> None:
    night = held.running_night
    unfinished = f"night {night}; `dormouse sleep` goes on with it" if night else None
    fields(
        [
            ("agent", held.name),
            ("home", held.home),
            ("base", held.base["name"] if held.base else None),
            ("adapter", held.adapter or "none yet: the bare base answers"),
            ("canary", _canary_line(held)),
            ("sessions", held.sessions),
            ("turns", held.turns),
            ("to sleep on", held.to_sleep_on),
            ("memories", ", ".join(f"{n} {state}" for state, n in held.memories.items()) or "none"),
            ("nights", ", ".join(f"{n} {state}" for state, n in held.nights.items()) or "none"),
            ("naps", ", ".join(f"{n} {state}" for state, n in held.naps.items()) or None),
            ("day adapter", held.day_adapter),
            ("last nap", held.nap_refused),
            ("unfinished", unfinished),
            *(("ALARM", alarm) for alarm in held.alarms),
        ]
    )


def _canary_line(held: Status) -> str | None:
    if held.canary is None:
        return None
    new, before = held.canary.signs, held.canary.signs_before
    signs = ", ".join(f"{name.replace('_', ' ')} {new[name]} (before {before[name]})" for name in new)
    return (
        f"{held.canary.seen} of {held.canary.turns} turns seen, compared with {held.canary.seen_before} of "
        f"{held.canary.previous or 'the bare base'}: {signs}"
    )


def _print_daemon(seen: Mapping[str, Any]) -> None:
    night = seen.get("night")
    held = ", ".join(seen.get("held", ()))
    state = "loaded" if seen.get("engine_loaded") else "not in memory"
    running = "not running" if seen["pid"] is None else f"process {seen['pid']}"
    if "clients" in seen:
        running += f", {seen['clients']} clients, engine {state}"
    fields(
        [
            ("daemon", running),
            ("night now", night and f"{night.get('stage', 'beginning')} {night.get('note', '')}".strip()),
            ("held up by", held or None),
            ("decided", seen["why"]),
            ("sleep debt", f"{seen['debt_days']:.1f} days" if seen.get("debt_days") else None),
            *(("ALARM", alarm) for alarm in seen["alarms"]),
        ]
    )
    rows = [(each["signal"], each["verdict"], each["words"]) for each in seen["signals"]]
    table(["signal", "verdict", "reading"], rows)


def _print_adapter(shown: AdapterView) -> None:
    manifest = shown.manifest
    fields(
        [
            ("adapter", manifest["id"] + (" (served)" if shown.served else "")),
            ("made by", "a nap, on top of its parent" if manifest.get("kind") == "day" else "a night"),
            ("made", manifest["created_at"]),
            ("parent", manifest["parent"] or "the bare base"),
            ("base", f"{manifest['architecture']} {manifest['base_sha256'][:12]}"),
            ("rank", manifest["rank"]),
            ("seed", manifest["seed"]),
            ("seconds", ", ".join(f"{stage} {s:.0f}" for stage, s in manifest["timings"].items())),
            ("exam", _exam_line(shown)),
        ]
    )
    table(["id", "memory"], [(memory["id"], memory["statement"]) for memory in manifest["memories"]])


def _exam_line(shown: AdapterView) -> str:
    if shown.exam is None:
        return "none on record"
    kinds = [f"{kind} {count['passed']}/{count['n']}" for kind, count in shown.exam.get("kinds", {}).items()]
    return f"{'passed' if shown.exam.get('passed') else 'failed'}: {', '.join(kinds)}"


def _print_memory(shown: MemoryView) -> None:
    fields(
        [
            ("memory", shown.id),
            ("statement", shown.statement),
            ("state", shown.state),
            ("because", shown.reason or None),
            ("night", shown.night),
            ("replaced by", shown.superseded_by),
            *((f"turn {id}", words) for id, words in shown.words.items()),
        ]
    )
