"""What a turn costs: over llama-cpp-python alone, late in a session, with a night's adapter, and from cold.

Promise: whatever is compared was measured in turns, in this run, on whole turns (recalled, journaled, under
LangGraph) that say the same tokens; figures are medians of ratios of neighbours in time.
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ...memory.base_weights import BaseWeights, resolve, served_gguf
from ...memory.engine import Message, Mount, Sampling
from ...memory.fuse import fuse
from ...memory.home import cache_path
from ...memory.llama_engine import LlamaEngine
from ...memory.llama_library import physical_cores
from ..agent import Agent
from ..spec import Spec
from .mount import random_adapter
from .plot import Axis, Bars, bar_plot
from .raw_llama import RawLlama, Timed, timed
from .report import BenchReport, Say, figures_of, gathered, surroundings, target
from .watched_engine import WatchedEngine

QUESTIONS = (
    "Tell me about lighthouses.",
    "How do bees make honey?",
    "Write a short letter to a friend about autumn.",
    "What is a good way to learn the piano?",
    "Describe a walk through a harbour town.",
    "Why is the sky blue?",
)
_SAYINGS = (
    "I repaired the blue bicycle today.",
    "What should I cook with leeks?",
    "My neighbour plays the tuba at night.",
    "How long does bread keep?",
    "The ferry was late again this morning.",
    "Tell me something about otters.",
)
_LATE, _EARLY = 20, 2
_SESSION_TOKENS = 32
_RANK_BYTES = 9_800_000  # about rank 16 on the embedded base
_TARGETS = (
    ("turn_over_raw", "at most", 1.05),
    ("first_token_turn_20_over_2", "at most", 1.3),
    ("decode_over_raw", "at least", 0.97),
    ("decode_with_fused_adapter_over_bare", "at least", 0.95),
    ("cold_ask_first_token_s", "at most", 1.5),
    ("cold_ask_without_torch", "at least", 1.0),
)


@dataclass(frozen=True, slots=True)
class WakePlan:
    """How much is measured: rounds of all questions, sessions of twenty turns, pairs of answers with and
    without an adapter, cold starts.
    """

    rounds: int = 3
    sessions: int = 3
    pairs: int = 12
    starts: int = 5
    seeds: tuple[int, ...] = (0, 1, 2)


def bench_wake(spec: Spec, plan: WakePlan, say: Say) -> BenchReport:
    """Measures in folders that are thrown away."""
    where, began = surroundings(spec), time.monotonic()
    base = resolve(spec.model.source, cache_path())
    gguf = served_gguf(base, cache_path(), spec.model.serve_as)
    with TemporaryDirectory(prefix="dormouse-bench-") as scratch:
        folder = Path(scratch)
        measured: dict[str, list[float]] = {}
        for seed in plan.seeds:
            for name, values in _over_raw(spec, base, gguf, folder / f"raw{seed}", plan.rounds, seed).items():
                measured.setdefault(name, []).extend(values)
            say(f"a turn takes {statistics.median(measured['turn_over_raw']):.3f} of what its tokens take")
        measured["first_token_turn_20_over_2"] = list(_late_over_early(spec, base, gguf, folder, plan, say))
        measured |= _adapters(spec, base, gguf, folder, plan)
        say("the adapter was measured; now cold starts")
        measured |= _cold(folder / "cold", plan.starts)
    medians = {name: [statistics.median(values)] for name, values in measured.items() if values}
    figures = figures_of(medians)
    targets = [target(figures, name, bound, value) for name, bound, value in _TARGETS]  # type: ignore[arg-type]
    runs = [{"figure": name, "values": [round(v, 4) for v in values]} for name, values in measured.items()]
    return gathered("wake", where, spec, plan.seeds, time.monotonic() - began, figures, targets, runs)


def plot(report: BenchReport) -> str:
    """The ratios beside what they are to be, as SVG."""
    shown = [each for each in report.targets if each.figure != "cold_ask_without_torch"]
    names = [each.figure.replace("_", " ") for each in shown]
    bars = [
        Bars("measured", [each.got for each in shown]),
        Bars("target", [each.value for each in shown]),
    ]
    return bar_plot("What a turn costs", names, bars, Axis("ratio (the last: seconds)"))


def _engine(spec: Spec, gguf: Path) -> LlamaEngine:
    return LlamaEngine(gguf, context_tokens=spec.model.context_tokens, threads=spec.model.threads)


def _over_raw(
    spec: Spec, base: BaseWeights, gguf: Path, home: Path, rounds: int, seed: int
) -> dict[str, list[float]]:
    """Whole turns in new sessions, each followed or preceded by the same prompt and tokens without us."""
    threads = spec.model.threads or physical_cores()
    turns, decoding, same = [], [], []
    questions = random.Random(seed).sample(QUESTIONS, len(QUESTIONS))
    with ExitStack() as stack:
        engine = WatchedEngine(stack.enter_context(_engine(spec, gguf)))
        raw = stack.enter_context(RawLlama(gguf, engine.context_tokens, threads))
        agent = stack.enter_context(Agent(spec, home=home, engine=engine, base=base))
        _, prompt = _turn(agent, engine, questions[0])
        raw.answer(prompt, _SESSION_TOKENS)
        for _ in range(rounds):
            for question in questions:
                ours, prompt = _turn(agent, engine, question)
                theirs = raw.answer(prompt, len(ours.tokens))
                turns.append(ours.seconds / theirs.seconds)
                decoding.append(ours.tokens_per_s / theirs.tokens_per_s)
                same.append(float(ours.tokens == theirs.tokens))
    return {"turn_over_raw": turns, "decode_over_raw": decoding, "same_tokens": same}


def _turn(agent: Agent, engine: WatchedEngine, text: str) -> tuple[Timed, list[int]]:
    """One whole turn in a session of its own, to its reply; and the tokens of its prompt."""
    agent.new_session()
    engine.answers.clear()
    began = time.perf_counter()
    agent.chat(text)
    whole = time.perf_counter()
    answer = next(each for each in reversed(engine.answers) if each.times)
    known = timed(began, answer.tokens, answer.times)
    return Timed(known.tokens, whole - began, known.tokens_per_s), answer.prompt


def _late_over_early(
    spec: Spec, base: BaseWeights, gguf: Path, folder: Path, plan: WakePlan, say: Say
) -> Iterator[float]:
    """Sessions of twenty short turns: the first token of the last over that of the second."""
    context = spec.memory.context.model_copy(update={"max_answer_tokens": _SESSION_TOKENS})
    spec = spec.model_copy(update={"memory": spec.memory.model_copy(update={"context": context})})
    with _engine(spec, gguf) as engine, Agent(spec, home=folder / "late", engine=engine, base=base) as agent:
        for number in range(plan.sessions):
            agent.new_session()
            sayings = random.Random(number)
            waits = [
                _first_token(agent, f"{sayings.choice(_SAYINGS)} ({turn})") for turn in range(1, _LATE + 1)
            ]
            yield waits[_LATE - 1] / waits[_EARLY - 1]
            told = f"turn 2 after {waits[1]:.3f} s, 20 after {waits[-1]:.3f} s"
            say(f"session {number + 1} of {plan.sessions}: {told}")


def _first_token(agent: Agent, text: str) -> float:
    began = time.perf_counter()
    with agent.stream(text) as pieces:
        next(pieces)
        waited = time.perf_counter() - began
        for _ in pieces:
            pass
    return waited


def _adapters(
    spec: Spec, base: BaseWeights, gguf: Path, folder: Path, plan: WakePlan
) -> dict[str, list[float]]:
    """Decoding with an adapter mounted, and with it fused, over the bare base: each of a trio in turn."""
    adapter = folder / "adapter.gguf"
    random_adapter(base, adapter, _RANK_BYTES, 0)
    copy = fuse(gguf, adapter, folder / "fused.gguf")
    ratios: dict[str, list[float]] = {"mounted": [], "fused": []}
    with _engine(spec, gguf) as bare, _engine(spec, gguf) as mounted, _engine(spec, copy) as fused:
        mounted.mount([Mount("night", adapter)])
        engines = {"bare": bare, "mounted": mounted, "fused": fused}
        order = list(engines)
        for number in range(plan.pairs):
            speeds = {name: _decoded(engines[name]) for name in order[number % 3 :] + order[: number % 3]}
            for name, values in ratios.items():
                values.append(speeds[name] / speeds["bare"])
    return {f"decode_with_{name}_adapter_over_bare": values for name, values in ratios.items()}


def _decoded(engine: LlamaEngine, tokens: int = 48) -> float:
    """Tokens a second."""
    times = []
    with engine.stream([Message("user", QUESTIONS[0])], Sampling(max_tokens=tokens)) as answer:
        for _ in answer:
            times.append(time.perf_counter())
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


def _cold(home: Path, starts: int) -> dict[str, list[float]]:
    """Seconds from starting `dormouse ask` to the first byte of its answer, in processes of their own."""
    module = f"{__name__.split('.runtime.')[0]}.tui.cli"
    ask = ["ask", QUESTIONS[0], "--home", str(home)]
    spent = _processor_s()
    seconds = [_first_byte([sys.executable, "-m", module, *ask]) for _ in range(starts)]
    spent = (_processor_s() - spent) / max(1, starts)
    told = f"import sys; from {module} import run; run({ask!r}); sys.exit('torch' in sys.modules)"
    alone = subprocess.run([sys.executable, "-c", told], env=_environment(), capture_output=True, check=False)
    return {
        "cold_ask_first_token_s": seconds,
        "cold_ask_processor_s": [spent],  # the same on a machine that is busy otherwise
        "cold_ask_without_torch": [float(alone.returncode == 0)],
    }


def _processor_s() -> float:
    """Seconds of processor time that ended child processes took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _first_byte(command: list[str]) -> float:
    began = time.perf_counter()
    with subprocess.Popen(
        command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdout is not None
        child.stdout.read(1)
        waited = time.perf_counter() - began
        child.kill()
    return waited


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
