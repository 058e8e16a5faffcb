"""The episodic store of a home: what was said, found again. One folder a scope, and no way from one to
another.

Promise: the journal is the truth. What the index lacks is taken from there before a question is answered
(its words
at once, its vectors behind the answer), and what the journal forgot is forgotten here. Knows nothing of
prompts.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from ..errors import DormouseError
from ..settings import StoreSettings
from .embedder import Embedder
from .meaning import Meaning
from .ranking import Weights, fused, ordered
from .records import By, Episode, Hit, Scope, StoreState
from .shelf import Shelf
from .vectors import Floats
from .when import time_named
from .words import Frequencies, telling

_BY_WORDS = 150  # episodes that the words, and the vectors, may put forward
_BY_MEANING = 200
_READ = 1000  # episodes taken from the journal at once
_EMBEDDED = 16  # texts embedded between two looks at whether to stop
_BREATH_S = 0.002  # between two of those, so that whoever answers a turn comes first
_CLOSING_S = 1.0  # that closing may spend on vectors still to be made
_REMEMBERED = 16  # questions whose vectors are kept
_SEEN = "seen"

Meter = Callable[[int, int], None]
"""Told episodes done, and episodes in all."""


class Source(Protocol):
    """Where episodes come from and can be had again: the journal."""

    def after(self, id: int, limit: int) -> Sequence[Episode]:
        """Episodes with greater ids, in order of their ids."""

    def count(self, upto: int) -> int:
        """How many there are up to that id."""

    def ids(self, upto: int) -> Collection[int]:
        """Their ids."""


class ScopedStore:
    """The episodes of one scope. Safe to use from several threads.

    With a `source` it follows that; without one, `add` is the only way in. Raises StoreError and what the
    embedder raises.
    """

    def __init__(
        self,
        folder: Path,
        scope: Scope,
        embedder: Embedder,
        settings: StoreSettings,
        source: Source | None = None,
    ) -> None:
        self.scope, self.folder = scope, folder
        self._embedder, self._source, self._settings = embedder, source, settings
        self._shelf = Shelf(folder / "index.db", scope, embedder.id, embedder.dimensions)
        self._meaning = Meaning(self._shelf, folder, settings, embedder.dimensions)
        self._frequencies = Frequencies()
        self._asked: OrderedDict[str, Floats] = OrderedDict()
        self._indexing = threading.Lock()
        self._worker: threading.Thread | None = None
        self._closing = threading.Event()
        self._checked = False

    def recall(
        self,
        text: str,
        k: int,
        *,
        now: datetime | None = None,
        leave_out: Collection[int] = (),
        weights: Weights | None = None,
    ) -> list[Hit]:
        """The `k` episodes that answer `text` best, the best first; none of `leave_out`.

        `now` is the asker's time (aware), by which "yesterday" is understood.
        """
        if k < 1 or not text.strip():
            return []
        self.follow()
        if not self._shelf.count():
            return []
        speakers = {name for name in self._shelf.speakers() if _names(text, name)}
        without = {part for name in speakers for part in name.split()}
        query = self._query(telling(text, without))
        with ThreadPoolExecutor(1) as beside:  # SQLite and llama.cpp each let other threads go on
            by_words = beside.submit(self._shelf.match, query, _BY_WORDS)
            vector = self._vector(text)
            words = by_words.result()
        ids, cosines = self._meaning.nearest(vector, _BY_MEANING)
        meaning = {int(id): float(cosine) for id, cosine in zip(ids, cosines, strict=True)}
        scores = fused(
            words,
            meaning,
            self._shelf.places(list(words.keys() | meaning.keys())),
            named=sorted(speakers),
            span=time_named(text, now or datetime.now().astimezone()),
            weights=weights,
        )
        best = [id for id in ordered(scores) if id not in leave_out][:k]
        found = self._shelf.episodes(best)
        self.nudge()
        return [Hit(found[id], scores[id], _by(id, words, meaning)) for id in best if id in found]

    def add(self, episodes: Sequence[Episode]) -> None:
        """Take in episodes: their words at once, their vectors soon. An id that is there already is left
        alone.
        """
        with self._shelf.writing():
            self._shelf.add(episodes)
        self.nudge()

    def take_in(self, episodes: Sequence[Episode], vectors: Floats | None = None) -> None:
        """As `add`, with their vectors at once: those given, else the embedder's."""
        ids = [episode.id for episode in episodes]
        if vectors is None:
            vectors = self._embedder.embed([_told(episode) for episode in episodes])
        with self._indexing:
            with self._shelf.writing():
                self._shelf.add(episodes)
                self._shelf.put_vectors(ids, vectors)
            self._meaning.added(ids, vectors)
        if self._meaning.full():
            self._meaning.settle()

    def follow(self) -> int:
        """Take in the words of what the source has that is not here yet; how many episodes that was."""
        if self._source is None:
            return 0
        if not self._checked:
            self._reconcile()
        taken = 0
        with self._indexing:
            while episodes := self._source.after(self._seen, _READ):
                with self._shelf.writing():
                    self._shelf.add(episodes)
                    self._shelf.set_meta(_SEEN, str(episodes[-1].id))
                taken += len(episodes)
        if taken > _READ:
            self._frequencies.forget()
        return taken

    def catch_up(self, meter: Meter | None = None) -> None:
        """Take in everything, vectors too, and put them where they are found fastest."""
        self.follow()
        total = self._shelf.count_pending()
        while left := self._embed_some():
            if meter:
                meter(total - left, total)
        self._meaning.settle()
        if meter:
            meter(total, total)

    def nudge(self) -> None:
        """See to it that what is waiting gets its vectors, behind the caller's back."""
        with self._indexing:
            idle = self._worker is None or not self._worker.is_alive()
            wanted = self._shelf.count_pending() or self._meaning.unsettled()
            if idle and wanted and not self._closing.is_set():
                self._worker = threading.Thread(target=self._work, name="dormouse-index", daemon=True)
                self._worker.start()

    def forget(self, ids: Collection[int]) -> int:
        """Delete episodes with their words and vectors, so that no byte of them is left; how many there were.

        The files are rewritten, which takes seconds where there are many episodes. Forget them in the
        journal first: what is still there is taken in again.
        """
        with self._shelf.writing():
            gone = self._shelf.remove(ids)
        self._asked.clear()
        if gone:
            self._frequencies.forget()
            self._meaning.forget()
            self._shelf.compact()
        return gone

    def refresh(self) -> int:
        """Look at every episode again: what the source has rewritten or dropped is forgotten as by `forget`,
        and taken in as it is now. Returns how many were forgotten.
        """
        if self._source is None:
            return 0
        self.follow()
        changed, last = set(self._shelf.ids()), 0
        while episodes := self._source.after(last, _READ):
            held = self._shelf.episodes([episode.id for episode in episodes])
            changed -= {each.id for each in episodes if each.id in held and held[each.id].text == each.text}
            last = episodes[-1].id
        gone = self.forget(changed)
        if gone:
            with self._shelf.writing():
                self._shelf.set_meta(_SEEN, "0")
            self.follow()
        return gone

    def reindex(self, meter: Meter | None = None) -> None:
        """Make every word and vector anew from the source. Raises StoreError midway only to be begun
        again.
        """
        if self._source is not None:
            with self._shelf.writing():
                self._shelf.clear()
                self._shelf.set_meta(_SEEN, "0")
        else:
            with self._shelf.writing():
                self._shelf.drop_vectors()
        self._meaning.forget()
        self._frequencies.forget()
        self.catch_up(meter)
        self._shelf.compact()

    def compact(self) -> tuple[int, int]:
        """Merge what grew in pieces and give room back; bytes before and after."""
        before = self.bytes()
        self.catch_up()
        self._meaning.forget()
        self._shelf.compact()
        self.catch_up()
        return before, self.bytes()

    def state(self) -> StoreState:
        """What it holds."""
        return StoreState(
            self.scope,
            self._shelf.count(),
            self._shelf.count_pending(),
            self._meaning.in_index(),
            self._embedder.id,
            self.bytes(),
            tuple(self._meaning.warnings),
        )

    def tokens_of(self, text: str) -> int:
        """How many tokens a text is, as the embedder counts them."""
        return len(self._embedder.tokenize(text))

    def copy_to(self, path: Path) -> None:
        """Write its SQLite file, whole and consistent, to `path`."""
        self._shelf.copy_to(path)

    def bytes(self) -> int:
        """Bytes it takes on the disk."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def close(self) -> None:
        """Finish what takes a moment and let go. Safe to call twice."""
        worker = self._worker
        if worker is not None and not self._closing.is_set():
            worker.join(_CLOSING_S)
        self._closing.set()
        if worker is not None:
            worker.join()
        self._meaning.close()
        self._shelf.close()

    @property
    def _seen(self) -> int:
        return int(self._shelf.meta(_SEEN) or 0)

    def _reconcile(self) -> None:
        """Forget what the journal has forgotten while nobody told this store, and take in what it lacks."""
        assert self._source is not None
        self._checked = True
        seen = self._seen
        if self._source.count(seen) == self._shelf.count():
            return
        there = set(self._source.ids(seen))
        here = set(self._shelf.ids())
        if gone := here - there:
            self.forget(gone)
        if there - here:
            with self._shelf.writing():
                self._shelf.set_meta(_SEEN, "0")

    def _query(self, words: list[str]) -> str:
        with self._shelf.reading() as db:
            return self._frequencies.affordable(db, words, self._shelf.count())

    def _vector(self, text: str) -> Floats:
        kept = self._asked.get(text)
        if kept is None:
            kept = self._embedder.embed([text])[0]
            self._asked[text] = kept
            while len(self._asked) > _REMEMBERED:
                self._asked.popitem(last=False)
        return kept

    def _embed_some(self) -> int:
        """Make the vectors of a few episodes; how many still lack one."""
        with self._indexing:
            waiting = self._shelf.pending(_EMBEDDED)
            if not waiting:
                return 0
            vectors = self._embedder.embed([_told(episode) for episode in waiting])
            ids = [episode.id for episode in waiting]
            with self._shelf.writing():
                self._shelf.put_vectors(ids, vectors)
            self._meaning.added(ids, vectors)
        return self._shelf.count_pending()

    def _work(self) -> None:
        # A turn goes on without vectors; whoever asks for them next (`catch_up`, `state`) meets the error
        # itself.
        with suppress(DormouseError):
            while not self._closing.is_set() and self._embed_some():
                self._closing.wait(_BREATH_S)
            if not self._closing.is_set() and self._meaning.unsettled():
                self._meaning.settle()


class EpisodicStore:
    """Every scope's store under one folder. A context manager; `embedder` is opened when it is first
    needed.
    """

    def __init__(
        self, root: Path, embedder: Callable[[], Embedder], settings: StoreSettings | None = None
    ) -> None:
        self.root = root
        self._open_embedder, self._settings = embedder, settings or StoreSettings()
        self._embedder: Embedder | None = None
        self._open: dict[Scope, ScopedStore] = {}
        self._lock = threading.Lock()

    def of(self, scope: Scope, source: Source | None = None) -> ScopedStore:
        """The store of one scope, opened once. It has no method that takes another scope."""
        with self._lock:
            if scope not in self._open:
                if self._embedder is None:
                    self._embedder = self._open_embedder()
                folder = self.root / scope.key
                self._open[scope] = ScopedStore(folder, scope, self._embedder, self._settings, source)
            return self._open[scope]

    def keep_only(self, scope: Scope) -> None:
        """Remove the folders of every other scope."""
        with self._lock:
            for folder in self.root.iterdir() if self.root.is_dir() else ():
                if folder.name != scope.key:
                    shutil.rmtree(folder, ignore_errors=True)

    def erase(self, scope: Scope) -> None:
        """Remove everything of one scope."""
        with self._lock:
            if opened := self._open.pop(scope, None):
                opened.close()
            shutil.rmtree(self.root / scope.key, ignore_errors=True)

    def close(self) -> None:
        """Close every scope's store and the embedder. Safe to call twice."""
        with self._lock:
            for opened in self._open.values():
                opened.close()
            self._open.clear()
            if self._embedder is not None:
                self._embedder.close()
                self._embedder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _told(episode: Episode) -> str:
    """What is embedded: who spoke is part of what was meant."""
    return f"{episode.speaker}: {episode.text}" if episode.speaker else episode.text


def _names(text: str, speaker: str) -> bool:
    first = speaker.split()[0] if speaker.split() else speaker
    return bool(first) and re.search(rf"\b{re.escape(first)}\b", text, re.IGNORECASE) is not None


def _by(id: int, words: dict[int, float], meaning: dict[int, float]) -> By:
    if id in words:
        return "both" if id in meaning else "words"
    return "meaning" if id in meaning else "nearby"
