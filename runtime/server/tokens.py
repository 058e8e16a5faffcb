"""Bearer tokens: who may use the server, and as which user.

Promise: a token is shown once, when it is made; what is on the disk is its SHA-256, which suffices since a
token holds 256 random bits. One that is revoked is refused from the next request on. Knows nothing of HTTP.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...memory.durable import storage_faults, write_atomic
from ...memory.errors import BadInput
from ..errors import TokensDamaged

_VERSION = 1
_USER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PREFIX = "dm_"


class TokenRecord(BaseModel):
    """One token: `user` is whose scope it opens, `sha256` the hash of what was shown once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(description="Names the token; not secret.")
    user: str = Field(description="Whose scope it opens.")
    note: str = Field(default="", description="What it is for, in the owner's words.")
    created_at: datetime = Field(description="When it was made.")
    sha256: str = Field(min_length=64, max_length=64, description="The hash of the token.")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    tokens: tuple[TokenRecord, ...] = ()


class Tokens:
    """The tokens of one home, in `<home>/tokens.json`. Other processes may change them meanwhile.

    Raises TokensDamaged when the file cannot be read for what it is.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / "tokens.json"
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._known: tuple[TokenRecord, ...] = ()

    def add(self, user: str, note: str = "") -> tuple[str, TokenRecord]:
        """Make a token for `user`; returns the secret, which is shown this once, and its record."""
        user = checked_user(user)
        secret = _PREFIX + secrets.token_urlsafe(32)
        record = TokenRecord(
            id=f"t{secrets.token_hex(4)}",
            user=user,
            note=note[:200],
            created_at=datetime.now(UTC),
            sha256=_hash(secret),
        )
        self._write((*self.all(), record))
        return secret, record

    def all(self) -> tuple[TokenRecord, ...]:
        """Every token, the oldest first."""
        with self._lock:
            try:
                stat = self._path.stat()
            except FileNotFoundError:
                self._seen, self._known = None, ()
                return ()
            seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if seen != self._seen:
                self._known, self._seen = self._read(), seen
            return self._known

    def revoke(self, id: str) -> TokenRecord:
        """Refuse a token from now on, by its id or the start of it. Raises BadInput."""
        known = self.all()
        found = [record for record in known if id and record.id.startswith(id)]
        if len(found) != 1:
            raise BadInput(f"Exactly one token's id must begin with {id!r}, and {len(found)} do.")
        self._write(tuple(record for record in known if record != found[0]))
        return found[0]

    def user_of(self, secret: str) -> str | None:
        """Whose token this is; None when it is nobody's."""
        wanted = _hash(secret)
        # Compared as hashes of 256 random bits: how long that takes tells nothing about the token.
        return next((record.user for record in self.all() if record.sha256 == wanted), None)

    def _read(self) -> tuple[TokenRecord, ...]:
        try:
            file = _File.model_validate_json(self._path.read_bytes())
        except (ValidationError, OSError) as error:
            raise TokensDamaged(self._path, "it is not a list of tokens") from error
        if file.version != _VERSION:
            raise TokensDamaged(
                self._path, f"its version is {file.version}, and this Dormouse knows {_VERSION}"
            )
        return file.tokens

    def _write(self, tokens: tuple[TokenRecord, ...]) -> None:
        file = _File(version=_VERSION, tokens=tokens).model_dump(mode="json")
        with storage_faults(self._path.parent):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(self._path, (json.dumps(file, indent=2) + "\n").encode())
            self._path.chmod(0o600)


def checked_user(user: str) -> str:
    """The name of a user, fit to be a folder's. Raises BadInput."""
    if not _USER.fullmatch(user) or ".." in user or user.endswith("."):
        raise BadInput(
            "A user's name must be 1 to 64 small letters, digits, dots, dashes or underscores, and begin "
            f"with a letter or digit, and it is {user[:80]!r}."
        )
    return user


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
