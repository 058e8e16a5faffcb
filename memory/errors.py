"""Every error the memory room raises; each builds its own one-sentence message from its arguments.

DormouseError                      exit code 1, root of every error a user may see
├── BadInput (ValueError)          exit code 2, the user can mend what was given
│   ├── UnknownRecord              no such session, turn, memory, night
│   └── BadEmbedder                the embedder named is missing, or cannot embed
├── BaseWeightsError               tier 3: a GGUF that cannot be found, read or used
│   ├── BadSource                  exit code 2: what was named is missing, or not whole base weights
│   └── ParityError                torch and llama.cpp disagree about it
├── EngineError                    llama.cpp refused or failed
│   ├── EngineClosed
│   ├── BadSchema                  a JSON Schema that a model's words cannot be held to
│   └── ContextOverflow            the prompt does not fit the context
├── AdapterError                   tier 2: an adapter that may not be served
│   ├── DamagedAdapter             files missing, or not what the manifest says
│   ├── ForeignAdapter             made for another base
│   ├── UnknownAdapter             no adapter, or several, by that name
│   └── NoExamOnRecord             no passing exam made for it
├── JournalError                   tier 1: the journal cannot be read or written
│   ├── JournalTooNew              written by a later Dormouse
│   ├── JournalDamaged             not a journal, or a broken one
│   └── JournalBusy                another process holds the write lock
├── StoreError                     tier 1: the index cannot be read or written
│   ├── IndexBroken                an index of vectors fails, and can be made anew
│   └── StoreTooNew                written by a later Dormouse
└── HomeError                      the folder all of it lives in, or another that is written to
    ├── HomeLocked                 another process owns it
    ├── HomeNotWritable            read-only, or owned by another user
    └── DiskFull                   no room left for a write

Knows nothing of how an error is shown: callers print `str(error)` and exit with `error.exit_code`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar


class DormouseError(Exception):
    """Root of the tree. `str(error)` is one sentence a user can act on."""

    exit_code: ClassVar[int] = 1

    def __reduce__(self) -> tuple[Any, ...]:
        # Subclasses take other arguments than the sentence they keep, so the default (call the class with
        # `args`) would fail when an error crosses from a child process.
        return _revive, (type(self), self.args), self.__dict__


def _revive(kind: type[DormouseError], args: tuple[object, ...]) -> DormouseError:
    return kind.__new__(kind, *args)


class BadInput(DormouseError, ValueError):
    """Something the user gave is wrong; the sentence says what and what would be right."""

    exit_code: ClassVar[int] = 2


class UnknownRecord(BadInput):
    """No record of that kind has that id, or several begin with it."""

    def __init__(self, kind: str, given: object, matches: int = 0) -> None:
        self.kind, self.given, self.matches = kind, given, matches
        several = f"{matches} {kind} ids begin with {given!r}; give more of it."
        super().__init__(several if matches else f"No {kind} has the id {given!r}.")


class BadEmbedder(BadInput):
    """What `memory.store.embedder` names cannot embed. `reason` is a clause without a final stop."""

    def __init__(self, source: str | Path, reason: str) -> None:
        self.source, self.reason = str(source), reason
        super().__init__(f"The embedder {source} cannot be used: {reason}.")


class BaseWeightsError(DormouseError):
    """The base weights cannot be found, read or used. `reason` is a clause without a final stop."""

    def __init__(self, source: str | Path, reason: str) -> None:
        self.source, self.reason = str(source), reason
        super().__init__(f"The base weights {self.source} cannot be used: {reason}.")


class BadSource(BaseWeightsError, BadInput):
    """What `model:` names is missing, not a GGUF, cut short, or something else than a whole model."""


class ParityError(BaseWeightsError):
    """torch's logits and llama.cpp's differ by more than `bound` (relative), first in `culprit`."""

    def __init__(
        self, source: str | Path, architecture: str, error: float, bound: float, culprit: str
    ) -> None:
        self.architecture, self.error, self.bound, self.culprit = architecture, error, bound, culprit
        super().__init__(
            source,
            f"torch and llama.cpp disagree about this {architecture!r} model by "
            f"{error:.2g} (at most {bound:.2g} is allowed), first in {culprit}; it can be served, but not "
            "put to sleep",
        )


class EngineError(DormouseError):
    """llama.cpp refused or failed. `reason` is a clause without a final stop."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The wake engine failed: {reason}.")


class EngineClosed(EngineError):
    """The engine was used after `close()`."""

    def __init__(self) -> None:
        super().__init__("it has been closed")


class BadSchema(EngineError):
    """A JSON Schema is none, allows nothing, or says what no words can be held to. `cause` is a clause."""

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(f"the JSON schema cannot be made into a grammar ({cause})")


class ContextOverflow(EngineError):
    """`needed` tokens do not fit the `limit` tokens of the context."""

    def __init__(self, needed: int, limit: int) -> None:
        self.needed, self.limit = needed, limit
        super().__init__(f"the prompt and the answer need {needed} tokens, and the context holds {limit}")


class AdapterError(DormouseError):
    """An adapter may not be served. `reason` is a clause without a final stop."""

    def __init__(self, adapter: str, reason: str) -> None:
        self.adapter, self.reason = adapter, reason
        super().__init__(f"Adapter {adapter} is refused: {reason}.")


class DamagedAdapter(AdapterError):
    """Files of the adapter are missing, or are not what its manifest says."""


class ForeignAdapter(AdapterError):
    """The adapter was made for other base weights than the ones in use (both SHA-256, hex)."""

    def __init__(self, adapter: str, made_for: str, in_use: str) -> None:
        self.made_for, self.in_use = made_for, in_use
        super().__init__(
            adapter, f"it was made for the base {made_for[:12]}, and the base in use is {in_use[:12]}"
        )


class UnknownAdapter(AdapterError):
    """No adapter has that id, or several begin with it."""

    exit_code: ClassVar[int] = 2

    def __init__(self, given: str, matches: int = 0) -> None:
        self.matches = matches
        many = f"{matches} ids begin like that, give more of it"
        super().__init__(repr(given), many if matches else "the registry has no adapter by that id")


class NoExamOnRecord(AdapterError):
    """No passing exam was recorded for this adapter by the engine that serves it."""

    def __init__(self, adapter: str, reason: str = "no exam is on record") -> None:
        super().__init__(adapter, f"{reason}, and nothing is published without a passing exam")


class JournalError(DormouseError):
    """The journal cannot be read or written. `reason` is a clause without a final stop."""

    def __init__(self, path: str | Path, reason: str) -> None:
        self.path, self.reason = Path(path), reason
        super().__init__(f"The journal {path} cannot be used: {reason}.")


class JournalTooNew(JournalError):
    """The journal was written by a later Dormouse than this one."""

    def __init__(self, path: str | Path, found: str, known: str) -> None:
        self.found, self.known = found, known
        super().__init__(
            path,
            f"its schema {found} is newer than {known}, the newest known here; upgrade Dormouse",
        )


class JournalDamaged(JournalError):
    """The file is not a journal, or SQLite finds it broken."""


class JournalBusy(JournalError):
    """Another process held the write lock for longer than `waited_s` seconds."""

    def __init__(self, path: str | Path, waited_s: float) -> None:
        self.waited_s = waited_s
        super().__init__(path, f"another process has been writing to it for over {waited_s:g} s")


class StoreError(DormouseError):
    """The episodic store cannot be read or written. `reason` is a clause without a final stop."""

    def __init__(self, path: str | Path, reason: str) -> None:
        self.path, self.reason = Path(path), reason
        super().__init__(f"The episodic store {path} cannot be used: {reason}.")


class IndexBroken(StoreError):
    """An index of the store's vectors fails; it can be made anew from what the store holds."""


class StoreTooNew(StoreError):
    """The store was written by a later Dormouse than this one."""

    def __init__(self, path: str | Path, found: int, known: int) -> None:
        self.found, self.known = found, known
        super().__init__(
            path, f"its version {found} is newer than {known}, the newest known here; upgrade Dormouse"
        )


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder that is written to is called, and how another one is given, as an imperative clause."""

    name: str
    other: str


HOME = Folder("home folder", "give another folder with --home")
CACHE = Folder("cache folder", "name another folder with DORMOUSE_CACHE")
OUTPUT = Folder("folder", "write to another one")
FIXED = Folder("folder", "make it writable and try again")


class HomeError(DormouseError):
    """A folder cannot be used; `folder` says which of them. `reason` is a clause without a final stop."""

    def __init__(self, path: str | Path, reason: str, folder: Folder = HOME) -> None:
        self.path, self.reason, self.folder = Path(path), reason, folder
        super().__init__(f"The {folder.name} {path} cannot be used: {reason}.")


class HomeLocked(HomeError):
    """Another process owns the home; `pid` and `command` are that owner's, as it wrote them."""

    def __init__(self, path: str | Path, pid: int | None, command: str | None) -> None:
        self.pid, self.command = pid, command
        owner = f"process {pid} ({command}) is using it" if pid else "another process is using it"
        super().__init__(path, f"{owner}; wait for it to end, or give another folder with --home")


class HomeNotWritable(HomeError):
    """The folder, or something in it, is read-only or belongs to another user."""

    def __init__(self, path: str | Path, reason: str, folder: Folder = HOME) -> None:
        super().__init__(path, f"it is not writable ({reason}); {folder.other}", folder)


class DiskFull(HomeError):
    """A write found no room; what was there before is unchanged."""

    def __init__(self, path: str | Path, cause: str = "the disk is full", folder: Folder = HOME) -> None:
        super().__init__(
            path, f"{cause}, nothing already kept was lost; free some space and try again", folder
        )
