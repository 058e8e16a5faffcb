"""A Hugging Face hub of one file, on loopback, that can break connections and counts what it sends."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FakeHub:
    """What is served, and how badly; `log` holds (method, path, range) of requests, `sent` counts bytes."""

    content: bytes
    path: str = "/tiny/model/resolve/main/tiny.gguf"
    break_after: list[int] = field(default_factory=list)  # bytes after which each next download breaks
    honours_ranges: bool = True
    gated: bool = False
    status: int | None = None
    etag: str | None = None
    log: list[tuple[str, str, str | None]] = field(default_factory=list)
    sent: int = 0
    url: str = ""

    def downloads(self) -> list[str | None]:
        """The ranges asked for, one per download."""
        return [asked for method, _, asked in self.log if method == "GET"]


@contextmanager
def serve(hub: FakeHub) -> Iterator[FakeHub]:
    """Serves until the block ends; `hub.url` is what HF_ENDPOINT should be."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            asked = self.headers.get("Range")
            hub.log.append((self.command, self.path, asked))
            if hub.gated:
                return self.refuse(403, "GatedRepo")
            if hub.status:
                return self.refuse(hub.status, None)
            if self.path != hub.path:
                return self.refuse(404, "EntryNotFound" if "/tiny/model/" in self.path else "RepoNotFound")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and hub.honours_ranges else 0
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{hub.etag or hashlib.sha256(hub.content).hexdigest()}"')
            self.send_header("X-Repo-Commit", "a" * 40)
            self.send_header("Content-Length", str(len(hub.content) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(hub.content) - 1}/{len(hub.content)}")
            self.end_headers()
            if body:
                self.send_body(hub.content[start:])

        def refuse(self, status: int, code: str | None) -> None:
            self.send_response(status)
            if code:
                self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def send_body(self, content: bytes) -> None:
            limit = hub.break_after.pop(0) if hub.break_after else len(content)
            self.wfile.write(content[:limit])
            hub.sent += min(limit, len(content))
            if limit < len(content):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
