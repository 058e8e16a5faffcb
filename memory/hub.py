"""Brings one GGUF file from a Hugging Face hub, by `hf://owner/repo/file.gguf`, once.

Promise: what arrived before a connection broke, or the process ended, is not fetched again; a file is in its
place only when it is whole; a file that is there is used without asking the network. `HF_ENDPOINT` and
`HF_TOKEN` are respected. Knows nothing of what the file holds.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlsplit

from .durable import sha256_of, storage_error, sync_folder
from .errors import CACHE, BadSource, BaseWeightsError
from .gguf_file import Meter

SCHEME = "hf://"
_TIMEOUT_S = 30.0
_PARTIAL_CONTENT = 206
_PATTERN = re.compile(r"hf://([\w.-]+)/([\w.-]+?)(?:@([\w./-]+?))?/([^@]+\.gguf)")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file on the hub: `repo` is owner/name, `revision` a branch, tag or commit."""

    repo: str
    revision: str
    name: str

    @property
    def source(self) -> str:
        at = "" if self.revision == "main" else f"@{self.revision}"
        return f"{SCHEME}{self.repo}{at}/{self.name}"


def parse(source: str) -> HubFile:
    """`hf://owner/repo/file.gguf`, with folders before the file and `@revision` after the repo if wanted."""
    match = _PATTERN.fullmatch(source)
    if match is None or ".." in source:
        raise BadSource(source, "it is not of the form hf://owner/repo/file.gguf")
    owner, name, revision, file = match.groups()
    return HubFile(f"{owner}/{name}", revision or "main", file)


def downloaded(file: HubFile, cache: Path) -> Path:
    """Where `file` stands, or will stand, under `cache`."""
    return cache / "hub" / file.repo.replace("/", "--") / quote(file.revision, safe="") / file.name


def download(file: HubFile, cache: Path, meter: Meter | None = None) -> Path:
    """The file's path; fetched if it is not there, going on where an earlier attempt ended.

    Raises BadSource when the hub has no such file or does not give it, BaseWeightsError when the connection
    fails, DiskFull when it does not fit.
    """
    import httpx2

    target = downloaded(file, cache)
    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return _fetch(file, target, meter)
    except (httpx2.HTTPError, ValueError) as cause:
        raise _hub_error(file, cause) from cause
    except OSError as cause:
        # huggingface_hub reports a size that does not match as an OSError without a number.
        raise (
            storage_error(target.parent, cause, CACHE) if cause.errno else _hub_error(file, cause)
        ) from cause


def _fetch(file: HubFile, target: Path, meter: Meter | None) -> Path:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    url = hf_hub_url(file.repo, file.name, revision=file.revision, endpoint=endpoint)
    facts = get_hf_file_metadata(url, endpoint=endpoint, retry_on_errors=True)
    version = hashlib.sha256((facts.etag or "").encode()).hexdigest()[:16]
    part = target.with_name(f"{target.name}.{version}.part")
    for stale in target.parent.glob(f"{target.name}.*.part"):
        if stale != part:
            stale.unlink(missing_ok=True)
    with part.open("ab") as sink:
        _append_rest(file, facts.location, _headers(url, facts.location), sink, facts.size, meter)
        sink.flush()
        os.fsync(sink.fileno())
    if facts.etag and re.fullmatch(r"[0-9a-f]{64}", facts.etag) and sha256_of(part) != facts.etag:
        part.unlink()  # the etag of a large file is its SHA-256
        raise BaseWeightsError(file.source, "what arrived does not match its checksum; try again")
    os.replace(part, target)
    sync_folder(target.parent)
    return target


def _headers(url: str, location: str) -> dict[str, str]:
    """The token goes to the hub itself, never to the storage it may send us to."""
    from huggingface_hub import get_token

    token = get_token()
    same_host = urlsplit(url).netloc == urlsplit(location).netloc
    return {"authorization": f"Bearer {token}"} if token and same_host else {}


def _append_rest(
    file: HubFile, url: str, headers: dict[str, str], sink: BinaryIO, size: int | None, meter: Meter | None
) -> None:
    """Appends what `sink` lacks, and goes on after a broken connection as long as each try brings bytes.

    huggingface_hub's own download starts over in a new process, and loses up to 10 MB at each break.
    """
    import httpx2

    while size is None or sink.tell() < size:
        had = sink.tell()
        try:
            for chunk in _stream(url, headers, sink):
                sink.write(chunk)
                if meter:
                    meter(f"downloading {file.name}", sink.tell(), size or sink.tell())
            if size is None:
                return
        except httpx2.TransportError:
            if sink.tell() == had:
                raise
    if sink.tell() > (size or 0):
        sink.truncate(0)
        raise BaseWeightsError(file.source, "more arrived than the hub announced; try again")


def _stream(url: str, headers: dict[str, str], sink: BinaryIO) -> Iterator[bytes]:
    """The bytes from where `sink` ends; one that cannot be continued is emptied first."""
    from huggingface_hub.utils import hf_raise_for_status, http_stream_backoff

    had = sink.tell()
    asked = {**headers, "Accept-Encoding": "identity"} | ({"Range": f"bytes={had}-"} if had else {})
    # Its own retries would start over; the caller goes on instead.
    with http_stream_backoff(
        "GET", url, headers=asked, timeout=_TIMEOUT_S, retry_on_exceptions=()
    ) as response:
        hf_raise_for_status(response)
        if had and response.status_code != _PARTIAL_CONTENT:
            sink.truncate(0)
        yield from response.iter_raw()  # as they arrive: whole chunks would be lost at a break


def _hub_error(file: HubFile, cause: Exception) -> BaseWeightsError:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(cause, GatedRepoError):
        return BadSource(file.source, "the hub gives it only to those who were granted access; set HF_TOKEN")
    if isinstance(cause, RemoteEntryNotFoundError):
        return BadSource(file.source, f"the repository {file.repo} has no file {file.name}")
    if isinstance(cause, RevisionNotFoundError):
        return BadSource(file.source, f"the repository {file.repo} has no revision {file.revision}")
    if isinstance(cause, RepositoryNotFoundError):
        return BadSource(file.source, f"there is no repository {file.repo}, or it is private; set HF_TOKEN")
    if isinstance(cause, HfHubHTTPError):
        return BaseWeightsError(
            file.source, f"the hub answered {cause.response.status_code}; try again later"
        )
    first_line = (str(cause) or type(cause).__name__).split("\n")[0].rstrip(".")
    return BaseWeightsError(
        file.source, f"the download broke off ({first_line}); try again, it goes on where it stopped"
    )
