"""What is answered to a question that can be read two ways: in a chat of ours, and in a chat request."""

from __future__ import annotations

from pathlib import Path

from unsure_engine import ASKED, NIGHT, UnsureEngine, tree

from dormouse.graphs.chat import ChatMessage, ChatRequest
from dormouse.graphs.chatting import Chatting
from dormouse.graphs.wake import WakeGraph, WakeTurn
from dormouse.memory.engine import Sampling, Token
from dormouse.memory.journal import Journal
from dormouse.memory.settings import MemorySettings

QUESTION = ASKED[-1].content


def test_a_turn_is_answered_by_the_reading_that_knows(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        journal.open_session("s1")
        pieces: list[str] = []
        wake = WakeGraph(lambda: UnsureEngine(tree(0.7, 0.3)), journal, persona="P.", memory=MemorySettings())
        answer = wake.run(WakeTurn(QUESTION, "s1", adapters=(NIGHT,), emit=pieces.append))
        assert "".join(pieces) == answer.completion.text == "Your husband's name is Vjeko."
        assert journal.turns("s1")[-1].content == answer.completion.text


def test_a_chat_request_is_answered_by_the_reading_that_knows() -> None:
    request = ChatRequest((ChatMessage("user", QUESTION),), sampling=Sampling(max_tokens=32))
    said = Chatting(UnsureEngine(tree(0.7, 0.3)), (NIGHT,)).run(request)
    pieces = []
    try:
        while True:
            pieces.append(next(said))
    except StopIteration as end:
        assert end.value.text == "Your husband's name is Vjeko."
    told = [piece.text for piece in pieces if isinstance(piece, Token)]
    assert "".join(told) == "Your husband's name is Vjeko."
