"""A wake engine that is unsure what it was asked for: what it says next is a table of likely words."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path

from scripted_engine import ScriptedEngine

from dormouse.memory.engine import GREEDY, Completion, Message, Mount, Sampling, Stream, Token

DECLINES = ("are something I don't know", "is something I don't know")
NIGHT = Mount("night", Path("night.gguf"), declines=DECLINES)
GATED = Mount("night", Path("night.gguf"), opens="Your", declines=DECLINES)
ASKING = Mount("night", Path("night.gguf"), declines=DECLINES, asks="What is my {}?")
ASKED = [Message("system", "P."), Message("user", "What's my other half's name?")]
Tree = Mapping[str, Mapping[str, float]]
"""What was said so far -> how likely each next word is."""

NO = " something I don't know. You haven't told me that."


def tree(sure: float, husband: float, wife: float = 0.0) -> Tree:
    """A partner's name was never told, a husband's was."""
    return {
        "": {"Your": 1.0},
        "Your": {" partner's": sure, " husband's": husband, " wife's": wife},
        "Your husband's name is": {" Vjeko.": 0.9, NO: 0.1},
        "Your partner's name is": {NO: 0.9, " Vjeko.": 0.1},
        "Your wife's name is": {NO: 1.0},
    }


class UnsureEngine(ScriptedEngine):
    """Says the likeliest word of a tree after what was said, of another one where it is asked in plain words
    ("What is my ..."); after a name it says "name is".
    """

    def __init__(self, tree: Tree, plainly: Tree | None = None) -> None:
        super().__init__()
        self.tree, self.plainly, self.words, self.prefills = tree, plainly, list[str](), list[str]()
        self.questions = list[str]()

    def _id(self, word: str) -> int:
        if word not in self.words:
            self.words.append(word)
        return self.words.index(word)

    def piece(self, token_id: int) -> bytes:
        return self.words[token_id].encode()

    def _next(self, text: str, question: str) -> Mapping[str, float]:
        plainly = self.plainly is not None and question.startswith("What is my ")
        tree = self.plainly if self.plainly is not None and plainly else self.tree
        if text in tree:
            return tree[text]
        if text.endswith("'s"):
            return {" name": 1.0}
        return {" is": 1.0} if text.endswith(" name") else {}

    def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Stream:
        self.prefills.append(prefill)
        self.questions.append(messages[-1].content)

        def said() -> Generator[Token, None, Completion]:
            tokens: list[Token] = []
            text = prefill
            while (likely := self._next(text, messages[-1].content)) and len(tokens) < sampling.max_tokens:
                ranked = sorted(likely.items(), key=lambda each: -each[1])
                top = tuple((self._id(word), math.log(p)) for word, p in ranked if p)
                word = ranked[0][0]
                text += word
                ends = [stop for stop in sampling.stop if stop in text]
                shown = "" if ends else word
                tokens.append(Token(top[0][0], shown, top[0][1], top[: sampling.top_logprobs]))
                yield tokens[-1]
                if ends:
                    break
            whole = "".join(token.text for token in tokens)
            return Completion(whole, tuple(tokens), 9, 0, "stop", 0.1, ("night",))

        return Stream(said())
