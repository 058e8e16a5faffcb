"""The night as a LangGraph graph with a durable checkpointer: killed anywhere, the next call finishes it.

Promise: a stage that ended is not done again; a night without news changes nothing and says so. The stages
themselves stand in `graphs/stages.py`.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ..memory.durable import storage_faults
from ..memory.errors import DormouseError
from ..memory.records import Night
from ..memory.sqlite_store import journal_error
from ..sleep.errors import NightFailed, NightStopped
from ..sleep.records import NightReport, Progress
from . import stages
from .night import NightContext, NightState, Report, Stage, memory_as_json
from .rebuild import as_held

__all__ = ["STAGES", "NightContext", "run_night"]

_Run = Callable[[Stage, NightState], NightState]

STAGES: dict[str, _Run] = {
    "harvest": stages.run_harvest,
    "compact": stages.run_compact,
    "filter": stages.run_filter,
    "replay": stages.run_replay,
    "consolidate": stages.run_consolidate,
    "export": stages.run_export,
    "exam": stages.run_exam,
    "publish": stages.run_publish,
    "reload": stages.run_reload,
    "close": stages.run_close,
}


def _node(name: str, run: _Run, context: NightContext, report: Report) -> Callable[[NightState], NightState]:
    """A stage as a graph node: announces itself, is timed, and its failure names it."""

    def node(state: NightState) -> NightState:
        context.way.wait()
        started = time.monotonic()
        report(Progress(name, 0, 1))
        try:
            with storage_faults(context.home.path):
                found = run(Stage(context, name, report), state)
        except NightStopped:
            raise
        except DormouseError as error:
            raise NightFailed(name, str(error)) from error
        spent = round(time.monotonic() - started, 3)
        report(Progress(name, 1, 1))
        return {**found, "seconds": {**state.get("seconds", {}), name: spent}}

    return node


def _after_filter(state: NightState) -> Literal["replay", "close"]:
    return "replay" if state["memories"] or state.get("unlearn") else "close"


def _after_exam(state: NightState) -> Literal["publish", "close"]:
    return "publish" if state["status"] == "published" else "close"


def _graph(context: NightContext, report: Report, saver: Any) -> Any:
    from langgraph.graph import END, START, StateGraph

    graph: Any = StateGraph(NightState)  # its own types do not take a stage as a plain function
    for name, run in STAGES.items():
        graph.add_node(name, _node(name, run, context, report))
    graph.add_edge(START, "harvest")
    graph.add_edge("harvest", "compact")
    graph.add_edge("compact", "filter")
    graph.add_conditional_edges("filter", _after_filter)
    graph.add_edge("replay", "consolidate")
    graph.add_edge("consolidate", "export")
    graph.add_edge("export", "exam")
    graph.add_conditional_edges("exam", _after_exam)
    graph.add_edge("publish", "reload")
    graph.add_edge("reload", "close")
    graph.add_edge("close", END)
    return graph.compile(checkpointer=saver)


def run_night(context: NightContext, progress: Report | None = None) -> NightReport:
    """Runs a night to its end, or finishes the one that was cut short under the same base and settings.

    Raises NightFailed, which names the stage, and NightStopped; the night can then be finished by calling
    again.
    """
    report = progress or (lambda _: None)
    night = context.journal.running_night() or _begin(context)
    context = replace(context, seed=night.seed)
    with _checkpoints(context.home.checkpoints_path) as saver:
        _forget_others(saver, night.id)
        graph = _graph(context, report, saver)
        config = {"configurable": {"thread_id": night.id}}
        basis = _basis(context)
        kept = graph.get_state(config)
        begun = bool(kept.next) and kept.values.get("basis") == basis
        if not begun:
            saver.delete_thread(night.id)
        with storage_faults(context.home.path):
            (context.home.nights_path / night.id).mkdir(parents=True, exist_ok=True)
        start = None if begun else {"night": night.id, "basis": basis}
        state: NightState = graph.invoke(start, config, durability="sync")
        saver.delete_thread(night.id)
    return _report(context, night, state)


def _begin(context: NightContext) -> Night:
    # Each night has a seed of its own, or one that was rejected would be the same again, and be rejected.
    return context.journal.begin_night(context.seed + len(context.journal.nights()))


def _basis(context: NightContext) -> str:
    """What a night's stages must agree on: one cut short under another base or spec begins again."""
    # When to sleep, how much it may cost, and naps change nothing that a night learns.
    settings = context.settings.model_dump_json(exclude={"when", "budget", "resume_after_s", "nap"})
    parts = [context.base.sha256, context.persona, settings]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


@contextmanager
def _checkpoints(path: Path) -> Iterator[Any]:
    from langgraph.checkpoint.sqlite import SqliteSaver

    try:
        with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA secure_delete=ON")  # what was said does not linger in free pages
            saver = SqliteSaver(connection)
            saver.setup()
            yield saver
    except sqlite3.Error as error:
        raise journal_error(path, error) from error


def _forget_others(saver: Any, night: str) -> None:
    """Drops what a crash left of a night that had already ended: checkpoints hold what the user said."""
    for (thread,) in saver.conn.execute("SELECT DISTINCT thread_id FROM checkpoints").fetchall():
        if thread != night:
            saver.delete_thread(thread)


def _report(context: NightContext, night: Night, state: NightState) -> NightReport:
    training = state.get("training") or {}
    learnt = set(state.get("memories", []))
    memories = as_held(context.journal.memories(), context.registry.head())
    status: Any = state["status"]
    return NightReport(
        status=status,
        adapter=state.get("adapter"),
        memories=[memory_as_json(m) for m in memories if m.id in learnt],
        rejected=state.get("rejected", []),
        exam=state.get("exam"),
        seconds=state.get("seconds", {}),
        train_tokens_per_s=round(training["tokens"] / training["seconds"], 1) if training else 0.0,
        night=night.id,
        reasons=state.get("reasons", []),
    )
