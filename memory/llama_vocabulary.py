"""Text to token ids and back, by the vocabulary inside a GGUF.

Promise: ids are llama.cpp's own, and plain text never becomes a control token. Knows nothing of contexts or
chat.
"""

from __future__ import annotations

import ctypes
from typing import Any

from .errors import EngineError
from .llama_library import llama

_LONG, _REMEMBERED = 400, 8  # characters; texts of at least so many
_SENTENCEPIECE = 1  # enum llama_vocab_type: LLAMA_VOCAB_TYPE_SPM
_UNKNOWN_OR_CONTROL = 1 << 0 | 1 << 3  # enum llama_token_attr: what llama.cpp parses only when asked to


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
        # A turn counts the tokens of its conversation more than once before it is answered.
        self._conversations: dict[tuple[str, bool], tuple[int, ...]] = {}
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
        attr = self._library.llama_vocab_get_attr
        return [self.text(t) for t in range(self.size) if attr(self._handle, t) & _UNKNOWN_OR_CONTROL]

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
        """Ids of `text` as llama.cpp splits a text of its own, without BOS."""
        if len(text) < _LONG:
            return self._split(text, special)
        known = self._conversations.get((text, special))
        if known is None:
            known = self._conversations[text, special] = tuple(self._split(text, special))
            if len(self._conversations) > _REMEMBERED:
                del self._conversations[next(iter(self._conversations))]
        return list(known)

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
