"""The tools of MCP servers, over stdio or streamable HTTP, through the official SDK.

Promise: a server is started when its tools are first asked for, again when it was lost, and stopped by
`close`; whatever goes wrong with it is a ToolFailed, or, when it cannot be reached at all, an UnusableTool.
The SDK is imported only then.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ...graphs.abc import Approval, Tool, ToolFailed
from ..errors import UnusableTool
from .back_off import BackOff

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult, ListToolsResult
    from mcp.types import Tool as Offered

T = TypeVar("T")
_START_S = 30.0
_LONGEST_DESCRIPTION = 400
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "SHELL", "TERM", "SYSTEMROOT")


@dataclass(frozen=True)
class ServerAddress:
    """How a server is reached: started by `command`, or at `url`. `environment` and `headers` go with it."""

    command: tuple[str, ...] = ()
    url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.url or " ".join(self.command)


class McpServer:
    """One server, connected while it is open, and connected anew by the next call after it was lost.

    What lost it failed, and is not made again. A server that stays away is tried less and less often. `clock`
    gives seconds. Raises UnusableTool when it cannot be reached at first, or when the SDK is not installed.
    """

    def __init__(
        self, address: ServerAddress, *, timeout_s: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._address, self._timeout_s = address, timeout_s
        self._lock = threading.Lock()
        self._closed = False
        self._back_off = BackOff(clock)
        self._connection = _Connection(address, timeout_s)

    def tools(
        self, *, prefix: str = "", only: Sequence[str] = (), approval: Approval = "ask"
    ) -> list[McpTool]:
        """The tools it offers, or those of them named in `only`. Raises UnusableTool."""
        found: list[Offered] = []
        cursor: str | None = None
        try:
            while True:
                page = self._asked(partial(_listed, cursor=cursor))
                found += page.tools
                cursor = page.next_cursor
                if not cursor:
                    break
        except ToolFailed as error:
            raise UnusableTool(str(self._address), str(error)) from error
        missing = set(only) - {tool.name for tool in found}
        if missing:
            raise UnusableTool(str(self._address), f"it offers no tool {sorted(missing)[0]!r}")
        return [McpTool(self, tool, prefix, approval) for tool in found if not only or tool.name in only]

    def call(self, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """Raises ToolFailed."""
        return self._asked(lambda client: client.call_tool(name, dict(arguments), self._timeout_s))

    def close(self) -> None:
        """Stop the server. Safe to call twice."""
        self._closed = True
        with self._lock:
            self._connection.close()

    def _asked(self, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        connection = self._connected()
        found = connection.wait(work)
        with self._lock:
            self._back_off.succeeded()
        return found

    def _connected(self) -> _Connection:
        with self._lock:
            if self._closed:
                raise ToolFailed(f"the server {self._address} is closed")
            if not self._connection.lost:
                return self._connection
            if (left := self._back_off.left_s) > 0:
                raise ToolFailed(f"the server {self._address} is gone; it is tried again in {left:.0f} s")
            self._back_off.tried()
            self._connection.close()
            try:
                self._connection = _Connection(self._address, self._timeout_s)
            except UnusableTool as error:
                raise ToolFailed(f"the server {self._address} is gone: {error.reason}") from error
            return self._connection


class _Connection:
    """A connection held by a thread of its own. `lost` once it serves no more."""

    def __init__(self, address: ServerAddress, timeout_s: float) -> None:
        self._address, self._timeout_s = address, timeout_s
        self._ready: concurrent.futures.Future[Client] = concurrent.futures.Future()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._serve, name="dormouse-mcp", daemon=True)
        self._thread.start()
        try:
            self._client = self._ready.result(_START_S)
        except TimeoutError:
            self.close()
            raise UnusableTool(str(address), f"it did not answer within {_START_S:g} s") from None
        except UnusableTool:
            self.close()
            raise

    @property
    def lost(self) -> bool:
        return self._lost or not self._thread.is_alive()

    def wait(self, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """What `work` comes to in the connection's thread. Raises ToolFailed, whatever went wrong there."""
        asked = work(self._client)
        try:
            future = asyncio.run_coroutine_threadsafe(asked, self._loop)
        except RuntimeError:  # its loop has ended
            asked.close()
            raise ToolFailed(f"the server {self._address} is gone") from None
        try:
            return future.result(self._timeout_s + 5)
        except (TimeoutError, concurrent.futures.TimeoutError):
            future.cancel()
            raise ToolFailed(f"it took longer than {self._timeout_s:g} s") from None
        except concurrent.futures.CancelledError:
            self._lost = True
            raise ToolFailed(f"the server {self._address} is gone") from None
        except Exception as error:
            self._lost = self._lost or _loses(error)
            raise ToolFailed(_said(error)) from error

    def close(self) -> None:
        """End the connection, and the server if it was started here. Safe to call twice."""
        self._lost = True
        if self._thread.is_alive():
            with suppress(RuntimeError):  # its loop has just ended
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._session())
        except BaseException as error:  # noqa: BLE001  told to whoever opens the server, if it is still opening
            if not self._ready.done():
                self._ready.set_exception(UnusableTool(str(self._address), _said(error)))
        finally:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _session(self) -> None:
        """Holds the connection open until `close`; opened and left in one task, as the SDK needs it."""
        try:
            from mcp import Client
        except ImportError as error:
            raise UnusableTool(str(self._address), "MCP servers need the `mcp` package") from error
        async with AsyncExitStack() as held:
            target = await self._target(held)
            client = Client(target, read_timeout_seconds=self._timeout_s)
            self._ready.set_result(await held.enter_async_context(client))
            await self._stop.wait()

    async def _target(self, held: AsyncExitStack) -> Any:
        if self._address.url is not None:
            if not self._address.headers:
                return self._address.url
            import httpx2
            from mcp.client.streamable_http import streamable_http_client

            client = httpx2.AsyncClient(headers=dict(self._address.headers), timeout=self._timeout_s)
            await held.enter_async_context(client)
            return streamable_http_client(self._address.url, http_client=client)
        from mcp import StdioServerParameters

        program, *arguments = self._address.command
        # Of this process's environment a server gets what programs need to run, and none of its secrets.
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment |= self._address.environment
        return StdioServerParameters(command=program, args=arguments, env=environment)


class McpTool(Tool):
    """One tool of a server; what it says of itself is shown to the model, so servers are chosen with care."""

    def __init__(self, server: McpServer, offered: Offered, prefix: str, approval: Approval) -> None:
        self._server, self._offered = server, offered.name
        self.name = f"{prefix}{offered.name}"
        words = " ".join((offered.description or offered.title or f"calls {offered.name}").split())
        self.description = words[:_LONGEST_DESCRIPTION]
        self.parameters = offered.input_schema
        self.returns = offered.output_schema
        self.approval = approval

    def call(self, arguments: Mapping[str, Any]) -> str:
        result = self._server.call(self._offered, arguments)
        text = _text_of(result)
        if result.is_error:
            raise ToolFailed(text or "the server says that it failed")
        return text

    def close(self) -> None:
        self._server.close()


def _text_of(result: CallToolResult) -> str:
    if result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    parts = []
    for block in result.content:
        text = getattr(block, "text", None)
        parts.append(text if isinstance(text, str) else f"[{block.type}]")
    return "\n".join(parts)


def _listed(client: Client, cursor: str | None) -> Coroutine[Any, Any, ListToolsResult]:
    return client.list_tools(cursor=cursor)


def _loses(error: Exception) -> bool:
    """Whether an error says that the connection is lost, rather than that the server refused something."""
    from mcp import MCPError
    from mcp_types import CONNECTION_CLOSED

    if not isinstance(error, MCPError):
        return True
    return error.error.code == CONNECTION_CLOSED or "Session terminated" in error.error.message


def _said(error: BaseException) -> str:
    """The innermost sentence of an error, which task groups wrap."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    if isinstance(error, UnusableTool):
        return error.reason
    said = " ".join(str(error).split()).rstrip(".")
    return said or type(error).__name__
