"""Text to token ids and back, by the vocabulary inside a GGUF.

Promise: ids are llama.cpp's own, and plain text never becomes a control token. Knows nothing of contexts or
chat.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from .errors import EngineError
from .llama_library import llama

_LONG, _REMEMBERED = 400, 1024  # characters of a conversation; parts of conversations
_SENTENCEPIECE = 1  # enum llama_vocab_type: LLAMA_VOCAB_TYPE_SPM
_UNKNOWN_OR_CONTROL = 1 << 0 | 1 << 3  # enum llama_token_attr: what llama.cpp parses only when asked to
_DEFINED = 1 << 4  # and what it always parses
_STRIPS = 1 << 7 | 1 << 8  # the spaces beside it


class Vocabulary:
    """`handle` is a `llama_vocab` pointer; the model that owns it must outlive this object. One thread at a
    time.
    """

    def __init__(self, handle: Any) -> None:
        self._library = llama()
        self._handle = handle
        self.size: int = self._library.llama_vocab_n_tokens(handle)
        self._glued = self._library.llama_vocab_type(handle) == _SENTENCEPIECE
        self._pieces: dict[int, bytes] = {}
        self._parts: dict[str, tuple[int, ...]] = {}
        self._buffer = ctypes.create_string_buffer(1024)
        self.adds_bos: bool = self._library.llama_vocab_get_add_bos(handle)
        self.bos: int = self._library.llama_vocab_bos(handle)

    def ends(self, token: int) -> bool:
        """Whether an answer ends with this token."""
        return bool(self._library.llama_vocab_is_eog(self._handle, token))

    def text(self, token: int) -> str:
        """The vocabulary's own spelling of a token; empty for an id it lacks (such as -1 for "none")."""
        if not 0 <= token < self.size:
            return ""
        return (self._library.llama_vocab_get_text(self._handle, token) or b"").decode(
            "utf-8", errors="replace"
        )

    def specials(self) -> list[str]:
        """Texts of all control tokens."""
        return [text for text, attributes in self._marks.items() if attributes & _UNKNOWN_OR_CONTROL]

    @cached_property
    def _marks(self) -> dict[str, int]:
        """Texts of all tokens that are found before a text is split into words, with their attributes."""
        attr = self._library.llama_vocab_get_attr
        known = ((t, attr(self._handle, t)) for t in range(self.size))
        return {self.text(t): found for t, found in known if found & (_UNKNOWN_OR_CONTROL | _DEFINED)}

    @cached_property
    def _end(self) -> str:
        """What ends each message of a conversation, if what comes after it is split as if it stood alone."""
        end = self.text(self.eos)
        others = [mark for mark in self._marks if mark and mark != end]
        apart = not any(_overlap(end, mark) for mark in others)
        alone = not self._glued and not self._marks.get(end, _STRIPS) & _STRIPS
        return end if apart and alone else ""

    @property
    def eos(self) -> int:
        """Id of the end-of-sequence token, -1 when there is none."""
        return int(self._library.llama_vocab_eos(self._handle))

    def tokenize(self, text: str, special: bool) -> list[int]:
        """Ids of `text` as a continuation: no BOS, and no space put before it."""
        ids = self.tokenize_start(text, special)
        if not self._glued or not text:
            return ids
        # SentencePiece puts a space before each text; after a line feed of its own it does not.
        newline = self.tokenize_start("\n", False)
        after = self.tokenize_start("\n" + text, special)
        return after[len(newline) :] if after[: len(newline)] == newline else ids

    def tokenize_start(self, text: str, special: bool) -> list[int]:
        """Ids of `text` as llama.cpp splits a text of its own, without BOS.

        A conversation is counted and read anew with each turn, so what its messages were split into is kept.
        """
        if len(text) < _LONG or not special or not self._end:
            return self._split(text, special)
        ids: list[int] = []
        for part in _after_each(self._end, text):
            known = self._parts.get(part)
            if known is None:
                known = self._parts[part] = tuple(self._split(part, special))
                if len(self._parts) > _REMEMBERED:
                    del self._parts[next(iter(self._parts))]
            ids += known
        return ids

    def _split(self, text: str, special: bool) -> list[int]:
        raw = text.encode("utf-8", errors="replace")
        room = len(raw) + 16
        for _ in range(2):
            ids = (ctypes.c_int32 * room)()
            got = self._library.llama_tokenize(self._handle, raw, len(raw), ids, room, False, special)
            if got >= 0:
                return list(ids[:got])
            room = -got
        raise EngineError(f"llama.cpp could not split a text of {len(raw)} bytes into tokens")

    def piece(self, token: int) -> bytes:
        """The bytes a token adds to an answer; none for control tokens."""
        known = self._pieces.get(token)
        if known is None:
            room = len(self._buffer)
            got = self._library.llama_token_to_piece(self._handle, token, self._buffer, room, 0, False)
            if got < 0:
                self._buffer = ctypes.create_string_buffer(-got)
                got = self._library.llama_token_to_piece(self._handle, token, self._buffer, -got, 0, False)
            known = self._pieces[token] = self._buffer.raw[: max(got, 0)]
        return known


def _after_each(end: str, text: str) -> Iterator[str]:
    """`text` in parts, each but the last one with `end` at its end."""
    *ended, last = text.split(end)
    yield from (part + end for part in ended)
    if last:
        yield last


def _overlap(end: str, mark: str) -> bool:
    """Whether the two can share characters of a text."""
    sharing = range(1, min(len(end), len(mark)))
    return end in mark or mark in end or any(end[-n:] == mark[:n] or mark[-n:] == end[:n] for n in sharing)
