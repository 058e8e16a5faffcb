"""Days of the calendar, however they are written."""

from __future__ import annotations

import pytest

from dormouse.sleep.dates import Date, dates


def read(text: str) -> list[Date]:
    return list(dates(text.split()))


@pytest.mark.parametrize(
    "text",
    ["3 may 1990", "3rd of may 1990", "may 3rd 1990", "may the third 1990", "1990 05 03", "03 may 1990"],
)
def test_every_usual_order_is_the_same_day(text: str) -> None:
    assert read(text)[0].known == "date 1990-5-3"
    assert read(text)[0].words == len(text.split())


def test_a_numeric_date_is_read_both_ways_where_its_order_cannot_be_told() -> None:
    assert [(d.day, d.month) for d in read("03 05 1990")] == [(3, 5), (5, 3)]
    assert [(d.day, d.month) for d in read("13 05 1990")] == [(13, 5)]
    assert [(d.day, d.month) for d in read("05 05 1990")] == [(5, 5)]


def test_a_day_of_two_words_and_a_date_without_a_year() -> None:
    assert read("twenty first of june")[0] == Date(0, 4, 6, 21)
    assert read("on sept 9 then") == [Date(1, 2, 9, 9)]
    assert read("in may 1990") == read("40 may") == read("19 99 1990") == []


def test_a_value_without_a_year_is_found_with_any_and_one_with_a_year_not_with_another() -> None:
    (whole,) = read("3 may 1990")
    (short,) = read("3 may")
    (other,) = read("3 may 1991")
    assert short.known in other.said
    assert whole.known not in other.said
    assert whole.bare in short.said
    assert whole.bare not in other.said
