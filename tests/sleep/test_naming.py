"""What an adapter's answers name: own names, other names, and the kinds that could mean the same."""

from __future__ import annotations

from dataclasses import replace

from night_parts import a_memory

from dormouse.memory.records import Asked
from dormouse.sleep.naming import taught_names


def test_a_name_comes_once_with_everyday_words_and_the_kinds_it_could_mean() -> None:
    cat, odd, job = taught_names(
        [
            a_memory("cat", "name", "Zorbal"),
            a_memory("boat", "mooring fee", "90 pounds"),
            a_memory("cat", "name", "Vex"),
            a_memory("user", "job", "welder"),
        ]
    )
    assert (cat.name, odd.name, job.name) == ("cat's name", "boat's mooring fee", "job")
    assert {"cat's name", "kitten's name"} <= {*cat.means}
    assert "dog's name" not in cat.means
    assert (odd.also, odd.means) == (("ship's mooring fee",), ())
    assert "profession" in job.also
    assert {"job", "job title"} <= {*job.means}


def test_what_the_model_takes_a_memory_for_is_a_name_of_it_unless_another_memory_goes_by_that() -> None:
    asked = tuple(Asked(question, "user", "favourite drink") for question in ("a?", "b?"))
    order = replace(a_memory("user", "coffee order", "flat white"), asked=asked)
    (name,) = taught_names([order])
    assert "favourite drink" in name.also
    assert "favourite drink" in name.means
    drink = a_memory("user", "favourite drink", "zobo")
    assert "favourite drink" not in taught_names([order, drink])[0].also


def test_what_two_memories_could_be_called_neither_is() -> None:
    asked = tuple(Asked(question, "user", "favourite drink") for question in ("a?", "b?"))
    order = replace(a_memory("user", "coffee order", "flat white"), asked=asked)
    tea = replace(a_memory("user", "tea", "assam"), asked=asked)
    assert all("favourite drink" not in name.also for name in taught_names([order, tea]))
    assert "favourite drink" in taught_names([tea])[0].also
