"""The benchmarks as commands: `bench loop` and `bench crash`.

Promise: the figures are printed with the targets they are held to, and the exit code is 1 when one is missed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .options import JsonOption, Setup, SpecOption
from .output import Output, fields, note, table

if TYPE_CHECKING:
    from ..runtime.bench.report import BenchReport

OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="Write the whole report there too, as JSON.", show_default=False
    ),
]

group = typer.Typer(
    help="Measure this build on this machine, against stated targets.",
    add_completion=False,
    rich_markup_mode=None,
)


@group.command()
def loop(
    context: typer.Context,
    personas: Annotated[
        int, typer.Option("--personas", metavar="N", help="How many people to tell about themselves.")
    ] = 4,
    seeds: Annotated[str, typer.Option("--seeds", metavar="A,B,C", help="A night for each of these.")] = "0",
    split: Annotated[
        Literal["test", "dev"],
        typer.Option("--split", help="Whom: those that judge, or those for choosing settings."),
    ] = "test",
    only: Annotated[
        Literal["nights", "mount"] | None,
        typer.Option("--only", help="Only this part of it.", show_default=False),
    ] = None,
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Tell, sleep, ask; twice; and mount an adapter.

    Recall, honesty, old skills, time, compaction, and what mounting costs.
    Each persona has a home of its own.
    """
    from ..runtime.bench.loop import bench_loop
    from ..runtime.bench.personas import personas as chosen

    with Output(json) as output:
        setup, numbers = Setup.of(context, None, spec), _seeds(seeds)
        _make(out)
        people = chosen(split, personas)
        parts: tuple[Literal["nights", "mount"], ...] = (only,) if only else ("nights", "mount")
        report = bench_loop(setup.spec(), people, numbers, note, parts)
        _shown(output, report, out)


@group.command()
def crash(
    context: typer.Context,
    kills: Annotated[int, typer.Option("--kills", metavar="N", min=1, help="How many nights to kill.")] = 20,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the instants.")] = 0,
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Kill nights at random instants, and check what is left.

    The whole process group gets SIGKILL. Then: is a whole examined adapter served, is every turn and
    memory there, does the next `sleep` finish the night?
    """
    from ..runtime.bench.crash import bench_crash

    with Output(json) as output:
        _make(out)
        report = bench_crash(Setup.of(context, None, spec).spec(), kills, seed, note)
        _shown(output, report, out)


@group.command("forget")
def forget_(
    context: typer.Context,
    personas: Annotated[
        int, typer.Option("--personas", metavar="N", min=1, help="How many people to tell about themselves.")
    ] = 4,
    each: Annotated[
        int, typer.Option("--each", metavar="N", min=1, help="How many memories of each to forget.")
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the nights and of the choice.")] = 0,
    split: Annotated[
        Literal["test", "dev"],
        typer.Option("--split", help="Whom: those that judge, or those for choosing settings."),
    ] = "test",
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Forget memories, look for traces of them, and measure what it cost the others.

    In answers from the weights and from the store, and in every file; at once, and after three more nights.
    """
    from ..runtime.bench.forget import bench_forget
    from ..runtime.bench.personas import personas as chosen

    with Output(json) as output:
        _make(out)
        people = sorted(chosen(split), key=lambda person: person.style != "plain")[:personas]
        report = bench_forget(Setup.of(context, None, spec).spec(), people, each, seed, note)
        _shown(output, report, out)


@group.command()
def recall(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="FILE", help="LoCoMo's locomo10.json (CC BY-NC 4.0).", show_default=False
        ),
    ] = None,
    memories: Annotated[
        int,
        typer.Option("--memories", metavar="N", min=0, help="How large the large store is; 0 leaves it out."),
    ] = 1_000_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of what is made up.")] = 0,
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Find what was said: how much of it, how fast, and among a million memories.

    Evidence is looked for in LoCoMo's conversations, each alone; the large store is made up. With --out
    plots too.
    """
    from ..runtime.bench.recall import bench_recall

    with Output(json) as output:
        _make(out)
        report = bench_recall(Setup.of(context, None, spec).spec(), data, memories, seed, note)
        _shown(output, report, out)


@group.command()
def verify(
    context: typer.Context,
    humaneval: Annotated[
        Path | None,
        typer.Option("--humaneval", metavar="FILE", help="HumanEval.jsonl[.gz]; else problems like them."),
    ] = None,
    mbpp: Annotated[
        Path | None,
        typer.Option("--mbpp", metavar="FILE", help="mbpp.jsonl[.gz]; else problems like them."),
    ] = None,
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Judge reference solutions, and empty ones, and time it.

    What one verdict costs is counted in starts of Python.
    """
    from ..runtime.bench.verify import bench_verify

    with Output(json) as output:
        _make(out)
        files = {"humaneval": humaneval, "mbpp": mbpp}
        report = bench_verify(Setup.of(context, None, spec).spec(), files, note)  # type: ignore[arg-type]
        _shown(output, report, out)


@group.command("yield")
def giving_way(
    context: typer.Context,
    turns: Annotated[int, typer.Option("--turns", metavar="N", min=1, help="Turns during training.")] = 20,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the instants.")] = 0,
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Take turns while a night trains.

    How soon each is answered, how soon training halts, and whether the night ends as an undisturbed one.
    """
    from ..runtime.bench.giving_way import bench_yield

    with Output(json) as output:
        _make(out)
        report = bench_yield(Setup.of(context, None, spec).spec(), turns, seed, note)
        _shown(output, report, out)


@group.command()
def tools(
    context: typer.Context,
    schemas: Annotated[int, typer.Option("--schemas", metavar="N", min=0, help="Random schemas.")] = 200,
    samples: Annotated[int, typer.Option("--samples", metavar="N", min=0, help="Calls of each.")] = 10,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of schemas and calls.")] = 0,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Tokens a call may have.")] = 160,
    schema_file: Annotated[
        Path | None, typer.Option("--schema-file", help="Schemas of your own: JSON, a list or one a line.")
    ] = None,
    known: Annotated[
        list[Path] | None,
        typer.Option("--known", help="Questions with functions, as BFCL has them; may be given again."),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--answers", help="Folder of their answers, by the same file names.")
    ] = None,
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Sample tool calls under many schemas, and check each; and, for questions whose call is known, count how
    often it comes, with the words held to the schemas and without.
    """
    from ..runtime.bench.tools import ToolsPlan, bench_tools

    with Output(json) as output:
        _make(out)
        plan = ToolsPlan(schemas, samples, seed, tokens, schema_file, tuple(known or ()), answers)
        _shown(output, bench_tools(Setup.of(context, None, spec).spec(), plan, note), out)


@group.command()
def traces(
    context: typer.Context,
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", min=1, help="Rounds of five turns.")] = 4,
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """What journaling token ids and log-probabilities costs a turn, as a ratio."""
    from ..runtime.bench.traces import bench_traces

    with Output(json) as output:
        _make(out)
        _shown(output, bench_traces(Setup.of(context, None, spec).spec(), rounds, note), out)


@group.command()
def nights(
    context: typer.Context,
    nights: Annotated[int, typer.Option("--nights", metavar="N", min=1, help="How many nights.")] = 30,
    facts: Annotated[int, typer.Option("--facts", metavar="N", min=1, help="Facts told before each.")] = 6,
    seeds: Annotated[str, typer.Option("--seeds", metavar="A,B,C", help="A life for each of these.")] = "0",
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="DIR",
            help="Keep each life there; stopped, the same command goes on from it.",
            show_default=False,
        ),
    ] = None,
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Sleep many nights in a row, and see what is left of each.

    All facts told so far are asked for after every night; so is what was never told, and general questions.
    Thirty nights take two hours and more: with --keep they can be stopped at any time.
    """
    from ..runtime.bench.nights import bench_nights

    with Output(json) as output:
        setup, numbers = Setup.of(context, None, spec), _seeds(seeds)
        _make(out)
        report = bench_nights(setup.spec(), nights, facts, numbers, note, keep=keep)
        _shown(output, report, out)


@group.command()
def memory(
    context: typer.Context,
    personas: Annotated[
        int, typer.Option("--personas", metavar="N", min=1, help="How many people to tell about themselves.")
    ] = 3,
    seeds: Annotated[str, typer.Option("--seeds", metavar="A,B,C", help="A night for each of these.")] = "0",
    split: Annotated[
        Literal["test", "dev"],
        typer.Option("--split", help="Whom: those that judge, or those for choosing settings."),
    ] = "test",
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Ask the same with all told in the prompt, with retrieval, with the weights, with both, and bare.

    Recall, honesty, told values given for what was never told, old skills, tokens and seconds of an answer.
    """
    from ..runtime.bench.memory import bench_memory
    from ..runtime.bench.personas import personas as chosen

    with Output(json) as output:
        setup, numbers = Setup.of(context, None, spec), _seeds(seeds)
        _make(out)
        _shown(output, bench_memory(setup.spec(), chosen(split, personas), numbers, note), out)


@group.command()
def frontier(
    context: typer.Context,
    vary: Annotated[
        str,
        typer.Option("--vary", metavar="A,B,C", help="Settings to change, one at a time."),
    ] = "negatives,neighbours,anchors,phrasings,rank,alpha,beta",
    personas: Annotated[
        int, typer.Option("--personas", metavar="N", min=1, help="How many people to tell about themselves.")
    ] = 2,
    seeds: Annotated[str, typer.Option("--seeds", metavar="A,B,C", help="Nights for each of these.")] = "0",
    split: Annotated[
        Literal["test", "dev"],
        typer.Option("--split", help="Whom: those for choosing settings, or those that judge."),
    ] = "dev",
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Change one setting of the night at a time, and see what it buys and costs.

    Two nights for each value and person; hours for all of them.
    """
    from ..runtime.bench.frontier import bench_frontier
    from ..runtime.bench.personas import personas as chosen

    with Output(json) as output:
        setup, numbers = Setup.of(context, None, spec), _seeds(seeds)
        knobs = [part.strip() for part in vary.split(",")]
        _make(out)
        _shown(output, bench_frontier(setup.spec(), knobs, chosen(split, personas), numbers, note), out)


@group.command()
def wake(
    context: typer.Context,
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", min=1, help="Rounds of six turns.")] = 3,
    sessions: Annotated[
        int, typer.Option("--sessions", metavar="N", min=1, help="Sessions of twenty turns.")
    ] = 3,
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="A,B,C", help="Orders of the questions.")
    ] = "0,1,2",
    out: OutOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """What a turn costs over llama-cpp-python by itself, late in a session, with an adapter, and from cold.

    Whole turns and bare answers of the same tokens, one after the other; with --out a plot too.
    """
    from ..runtime.bench.plot import write_plot
    from ..runtime.bench.wake import WakePlan, bench_wake, plot

    with Output(json) as output:
        _make(out)
        plan = WakePlan(rounds=rounds, sessions=sessions, seeds=_seeds(seeds))
        report = bench_wake(Setup.of(context, None, spec).spec(), plan, note)
        if out is not None:
            write_plot(plot(report), out / "wake.svg")
        _shown(output, report, out)


def register(app: typer.Typer) -> None:
    """Add the benchmarks' commands."""
    from . import bench_daemon, bench_nap

    bench_nap.register(group)
    bench_daemon.register(group)
    app.add_typer(group, name="bench")


def _seeds(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise typer.BadParameter(
            f"must be whole numbers such as 0,1,2, and it is {text!r}", param_hint="--seeds"
        )
    return tuple(dict.fromkeys(int(part) for part in parts))


def _make(folder: Path | None) -> None:
    from ..runtime.bench.report import make_folder

    if folder is not None:
        make_folder(folder)


def _shown(output: Output, report: BenchReport, folder: Path | None) -> None:
    """Print the report, write it if asked to, and leave with 1 when a target is missed."""
    from ..runtime.bench.report import write_report

    if folder is not None:
        note(f"The report is in {write_report(report, folder)}.")
    output.result(report.as_json(), lambda: _print(report))
    if not report.passed:
        raise typer.Exit(1)


def _print(report: BenchReport) -> None:
    machine = report.machine
    gib = machine["memory_bytes"] / (1 << 30)
    load = ", ".join(map(str, machine["load_average"] or ()))
    fields(
        [
            (
                "benchmark",
                f"{report.bench}, seeds {', '.join(map(str, report.seeds))}, {report.seconds:.0f} s",
            ),
            (
                "machine",
                f"{machine['processor']}, {machine['physical_cores']} cores, {gib:.0f} GiB",
            ),
            ("load", f"{load} when it began"),
            ("base", f"{report.base['name']} ({report.base['quantisation']})" if report.base else None),
            ("versions", ", ".join(f"{name} {version}" for name, version in report.versions.items())),
        ]
    )
    rows = [
        (name.replace("_", " "), f"{s.mean:.4g}", f"{s.low:.4g}", f"{s.high:.4g}", s.n)
        for name, s in report.figures.items()
    ]
    table(["figure", "mean or median", "least", "most", "of"], rows)
    targets = [
        (
            each.figure.replace("_", " "),
            f"{each.bound} {each.value:g}",
            "not measured" if each.got is None else f"{each.got:.4g}",
            "met" if each.met else "missed",
        )
        for each in report.targets
    ]
    table(["target", "is to be", "is", ""], targets)
