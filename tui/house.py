"""The commands about the machine and the spec: doctor, schema, init."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import HomeOption, JsonOption, Setup, SpecOption, UnusedHomeOption, UnusedSpecOption
from .output import Output, fields

if TYPE_CHECKING:
    from ..memory.doctor import Base, Checkup, Place
    from ..memory.parity import ParityReport


def doctor(
    context: typer.Context,
    quick: Annotated[bool, typer.Option("--quick", help="Do not measure what takes long: parity.")] = False,
    home: HomeOption = None,
    spec: SpecOption = None,
    json: JsonOption = False,
) -> None:
    """Say what this machine can do, and what it cannot.

    Measures once whether torch and llama.cpp agree about the base; later it is read from its record.
    """
    from ..runtime.checkup import check_up

    with Output(json) as out:
        setup = Setup.of(context, home, spec)
        found = check_up(setup.spec(), setup.home, check=not quick)
        out.result(found, lambda: _print_checkup(found))


def schema(home: UnusedHomeOption = None, spec: UnusedSpecOption = None, json: JsonOption = False) -> None:
    """Print the spec's JSON Schema, for editors."""
    from ..runtime.spec import Spec

    with Output(json) as out:
        document = Spec.model_json_schema()
        out.result(document, lambda: print(json_text.dumps(document, indent=2)))


def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("dormouse.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    home: UnusedHomeOption = None,
    spec: UnusedSpecOption = None,
    json: JsonOption = False,
) -> None:
    """Write a spec with every setting and its help."""
    from ..runtime.starter import write_starter

    with Output(json) as out:
        write_starter(file, replace=force)
        out.result({"path": str(file)}, lambda: print(f"Wrote {file}; commands run beside it use it."))


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    for command in (doctor, schema, init):
        app.command()(command)


def _print_checkup(found: Checkup) -> None:
    fields(
        [
            ("python", f"{found.python} on {found.system}"),
            ("processor", found.processor),
            ("threads", f"{found.threads} of {found.physical_cores} physical cores"),
            ("memory", f"{_gib(found.free_memory_bytes)} of {_gib(found.memory_bytes)} GiB free"),
            ("huge pages", "given on request" if found.huge_pages else "not given, so decoding is slower"),
            ("engine", f"{found.engine} on {', '.join(found.engine_devices)}"),
            ("features", " ".join(found.engine_features)),
            ("training", found.training_device),
            ("base", _base_line(found.base)),
            ("parity", _parity_line(found.parity)),
            ("home", _place_line(found.home)),
            ("cache", _place_line(found.cache)),
            *found.backends.items(),
            ("versions", ", ".join(f"{name} {version}" for name, version in found.versions.items())),
        ]
    )
    for problem in found.problems:
        print(f"! {problem}")


def _base_line(base: Base | None) -> str:
    if base is None:
        return "none"
    size = f"{base.parameters / 1e6:.0f}M parameters, {base.quantisation}"
    return f"{base.name} ({base.architecture}, {size}, served as {base.served_as}) {base.path}"


def _parity_line(parity: ParityReport | None) -> str:
    if parity is None:
        return "not measured"
    verdict = "torch and llama.cpp agree" if parity.passed else f"they disagree: {parity.detail}"
    return f"{verdict} (relative logit error {parity.relative_error:.1e}, at most {parity.bound:.0e})"


def _place_line(place: Place) -> str:
    state = "" if place.writable else ", not writable"
    return f"{place.path} ({_gib(place.free_bytes)} GiB free{state})"


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f}"
