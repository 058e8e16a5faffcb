"""The commands by which other programs reach an agent: serve, token, mcp."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import HomeOption, JsonOption, Setup, SpecOption, keep_files_private
from .output import Output, note, table

if TYPE_CHECKING:
    from ..runtime.server.tokens import Tokens

tokens = typer.Typer(help="Who may use the server.", add_completion=False, rich_markup_mode=None)


def serve(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option("--host", help="The address; else the spec's.", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="The port; else the spec's. 0 takes a free one."),
    ] = None,
    home: HomeOption = None,
    spec: SpecOption = None,
) -> None:
    """Serve the agent over HTTP, as OpenAI's clients expect it, until it is stopped."""
    from ..runtime.server.serving import serve as run

    setup = Setup.of(context, home, spec)
    settings = setup.spec().serve
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update=given)
    keep_files_private()
    run(setup.spec(), setup.home, settings, command=setup.command, ready=_ready)


@tokens.command("add")
def token_add(
    context: typer.Context,
    user: Annotated[str, typer.Argument(help="Whose memories it opens; `owner` is this home itself.")],
    note_: Annotated[str, typer.Option("--note", help="What it is for.")] = "",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a token for USER, and show it this once."""
    with Output(json) as out:
        secret, record = _tokens(context, home).add(user, note_)
        shown = {"token": secret, "id": record.id, "user": record.user}
        out.result(shown, lambda: print(secret))
        note(f"Token {record.id} of {record.user}. It is not shown again; only its hash is kept.")


@tokens.command("list")
def token_list(context: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """List the tokens: their ids, users and notes."""
    with Output(json) as out:
        known = _tokens(context, home).all()
        rows = [(t.id, t.user, t.note, f"{t.created_at:%Y-%m-%d %H:%M}") for t in known]
        shown = {"tokens": [t.model_dump(mode="json", exclude={"sha256"}) for t in known]}
        out.result(
            shown,
            lambda: table(["id", "user", "note", "made (UTC)"], rows) if rows else print("No tokens yet."),
        )


@tokens.command("revoke")
def token_revoke(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="The token's id, or the start of it.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Refuse a token from now on, in a running server too."""
    with Output(json) as out:
        gone = _tokens(context, home).revoke(id)
        out.result({"id": gone.id, "user": gone.user}, lambda: print(f"Revoked {gone.id} of {gone.user}."))


def mcp(
    context: typer.Context,
    http: Annotated[
        bool, typer.Option("--http", help="Streamable HTTP instead of stdin and stdout.")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port, with --http.")] = 8378,
    trusted: Annotated[
        bool,
        typer.Option("--trusted", help="Nights may train on what assistants remember here."),
    ] = False,
    home: HomeOption = None,
    spec: SpecOption = None,
) -> None:
    """Be an MCP server of this home's memory, for other assistants: remember, recall, forget, why."""
    from ..runtime.apps.mcp_server import memory_server

    with Setup.of(context, home, spec).agent() as agent:
        server = memory_server(agent, trusted=trusted)
        if http:
            note(f"Serving MCP on http://127.0.0.1:{port}/mcp (this machine only). Ctrl-C stops it.")
            server.run("streamable-http", host="127.0.0.1", port=port)
        else:
            server.run("stdio")


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command()(mcp)
    app.command()(serve)
    app.add_typer(tokens, name="token")


def _tokens(context: typer.Context, home: Path | None) -> Tokens:
    from ..memory.home import default_home
    from ..runtime.server.tokens import Tokens

    setup = Setup.of(context, home, None)
    return Tokens((setup.home or default_home()).expanduser())


def _ready(address: str, needs_token: bool) -> None:
    who = "a token is needed" if needs_token else "open to this machine's own programs"
    note(f"Serving on {address}/v1 ({who}). Ctrl-C stops it.")
