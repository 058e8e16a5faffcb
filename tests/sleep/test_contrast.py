"""Contrast: where the value begins, what begins other memories' values, and never its own."""

from __future__ import annotations

from night_parts import a_memory
from scripted_engine import ScriptedEngine

from dormouse.sleep.contrast import MOST_WRONG, contrasted
from dormouse.sleep.packing import Example
from dormouse.sleep.questions import answer_opening, told_answer, untold_answer

DOG, CAT, JOB = (
    a_memory("dog", "name", "Zorbal"),
    a_memory("cat", "name", "Miso", turn=2),
    a_memory("user", "job", "Zither maker", turn=3),
)


class Worded(ScriptedEngine):
    """A token for every word."""

    def tokenize(self, text: str, special: bool = True) -> list[int]:
        return [sum(word.encode()) for word in text.split()]


def example(answer: str, memory: str = "") -> Example:
    ids = tuple(Worded().tokenize(answer.rstrip(".")))
    return Example((1, 2, *ids, 9), 2, "new", memory=memory)


def token(word: str) -> int:
    return sum(word.encode())


def test_other_values_are_wrong_where_the_value_begins() -> None:
    found = contrasted(
        example(told_answer("dog", "name", "Zorbal"), DOG.id), "dog", "name", [DOG, CAT, JOB], Worded()
    )
    assert found.wrong_at == len(answer_opening("dog", "name").split()) == 4
    assert found.wrong == (token("Miso"), token("Zither"))  # the same attribute first


def test_every_value_is_wrong_for_what_was_never_told() -> None:
    found = contrasted(example(untold_answer("horse", "name")), "horse", "name", [DOG, CAT, JOB], Worded())
    assert set(found.wrong) == {token("Zorbal"), token("Miso"), token("Zither")}


def test_what_the_answer_goes_on_with_is_never_wrong() -> None:
    twin = a_memory("cat", "name", "Zorbal", turn=9)
    answer = example(told_answer("dog", "name", "Zorbal Junior"), DOG.id)
    assert contrasted(answer, "dog", "name", [DOG, twin], Worded()).wrong == ()


def test_an_answer_that_opens_otherwise_is_left_alone() -> None:
    answer = example("It is Zorbal.", DOG.id)
    assert contrasted(answer, "dog", "name", [DOG, CAT], Worded()) == answer


def test_only_so_many_are_wrong_and_always_the_same() -> None:
    many = [a_memory("user", f"thing {n}", f"v{chr(97 + n % 26)}{n}", turn=n) for n in range(1, 60)]
    answer = example(untold_answer("horse", "name"))
    found = contrasted(answer, "horse", "name", many, Worded())
    assert len(found.wrong) == MOST_WRONG
    assert found == contrasted(answer, "horse", "name", many, Worded())
