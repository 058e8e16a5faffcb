"""The error tree: one sentence each, an exit code each, and the same after crossing a process boundary."""

from __future__ import annotations

import pickle

import pytest

from dormouse.memory import errors
from dormouse.memory.errors import BadInput, DormouseError

ONE_OF_EACH: list[DormouseError] = [
    errors.BadInput("The rank must be at least 1, and it is 0."),
    errors.UnknownRecord("session", "s1"),
    errors.UnknownRecord("memory", "ab", 3),
    errors.BaseWeightsError("base.gguf", "it is gone"),
    errors.BadSource("base.gguf", "it is not a GGUF file"),
    errors.ParityError("base.gguf", "llama", 0.31, 0.002, "blk.0.attn_q"),
    errors.EngineError("out of memory"),
    errors.EngineClosed(),
    errors.BadSchema("it allows nothing at all"),
    errors.ContextOverflow(5000, 4096),
    errors.DamagedAdapter("ab12", "its adapter.gguf is missing"),
    errors.ForeignAdapter("ab12", "1" * 64, "2" * 64),
    errors.UnknownAdapter("ab12"),
    errors.UnknownAdapter("a", 2),
    errors.NoExamOnRecord("ab12"),
    errors.JournalError("journal.db", "it is closed"),
    errors.JournalTooNew("journal.db", "0009", "0001"),
    errors.JournalDamaged("journal.db", "it is a folder"),
    errors.JournalBusy("journal.db", 5.0),
    errors.HomeError("/home", "it is gone"),
    errors.HomeLocked("/home", 42, "dormouse chat"),
    errors.HomeLocked("/home", None, None),
    errors.HomeNotWritable("/home", "read-only file system"),
    errors.HomeNotWritable("/cache", "read-only file system", errors.CACHE),
    errors.DiskFull("/home"),
    errors.DiskFull("/reports", folder=errors.OUTPUT),
]


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
def test_an_error_is_one_sentence_with_an_exit_code_and_pickles(error: DormouseError) -> None:
    sentence = str(error)
    assert not sentence[0].islower() and sentence.endswith(".") and "\n" not in sentence
    assert error.exit_code == (2 if isinstance(error, BadInput | errors.UnknownAdapter) else 1)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), sentence, vars(error))


def test_every_error_is_in_the_tree_at_the_top_of_the_file() -> None:
    tree = errors.__doc__ or ""
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DormouseError)
    ]
    assert len(kinds) > 15
    for kind in kinds:
        assert (
            f" {kind.__name__} " in tree or f"\n{kind.__name__} " in tree or f" {kind.__name__}\n" in tree
        ), kind
