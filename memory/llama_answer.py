"""One answer being written: logits in, tokens with their printable text out.

Promise: what one answer chooses depends on its own sampling, grammar and tokens alone, whoever computes the
logits. Knows the vocabulary; nothing of contexts or adapters.
"""

from __future__ import annotations

from .answer_text import AnswerText
from .engine import Completion, Finish, Sampling, Token
from .llama_sampling import Chooser, Grammar, Logits
from .llama_vocabulary import Vocabulary


class Answer:
    """The tokens so far. `finish` says how it ended, or would if it ended now."""

    def __init__(self, sampling: Sampling, grammar: Grammar | None, vocabulary: Vocabulary) -> None:
        self._chooser = Chooser(sampling, grammar)
        self._text = AnswerText(sampling.stop)
        self._left = sampling.max_tokens
        self._vocabulary, self._grammar = vocabulary, grammar
        self.tokens: list[Token] = []
        self.finish: Finish = "cancelled"
        self.over = False

    def take(self, logits: Logits) -> Token:
        """Chooses the next token; afterwards `over` says whether it was the last."""
        chosen, logprob, top = self._chooser.choose(logits)
        ended = self._vocabulary.ends(chosen)
        shown = "" if ended else self._text.push(self._vocabulary.piece(chosen))
        self._left -= 1
        stopped = ended or self._text.stopped
        self.finish = "stop" if stopped else "length"
        self.over = stopped or not self._left
        if self.over:
            shown += self._text.flush()
        token = Token(chosen, shown, logprob, top)
        self.tokens.append(token)
        return token

    def cancel(self) -> None:
        """It ends here, unfinished."""
        if not self.over:
            self.finish, self.over = "cancelled", True

    def completion(
        self, prompt_tokens: int, reused_tokens: int, seconds: float, adapters: tuple[str, ...]
    ) -> Completion:
        text = "".join(token.text for token in self.tokens)
        return Completion(
            text, tuple(self.tokens), prompt_tokens, reused_tokens, self.finish, seconds, adapters
        )

    def close(self) -> None:
        """Frees its grammar."""
        if self._grammar is not None:
            self._grammar.close()
