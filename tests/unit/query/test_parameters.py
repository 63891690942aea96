"""Reading parameters: strictly, and everything that is wrong at once."""

from datetime import UTC, date, datetime

import pytest

from schemas.problems import Problem
from services.query.parameters import InvalidParameters, Parameter, Reader

PARAMETERS = (
    Parameter("day", "a day", required=True),
    Parameter("moment", "a moment"),
    Parameter("names", "names"),
)


def reader(**values):
    return Reader(list(values.items()), PARAMETERS)


def test_what_is_there_is_read():
    found = reader(day="2026-03-29", moment="2026-03-29T02:30:00.25+02:00", names="b, a,b")

    assert found.date("day") == date(2026, 3, 29)
    assert found.moment("moment") == datetime(2026, 3, 29, 0, 30, 0, 250_000, UTC)
    assert found.some_of("names", ("a", "b", "c")) == ["b", "a"]
    found.check()


def test_what_is_not_there_is_nothing():
    found = reader(day="2026-03-29")

    assert found.moment("moment") is None
    assert found.some_of("names", ("a",)) == []
    assert found.one_of("names", ("a",)) is None
    assert found.whole("limit", 1, 10, 5) == 5
    found.check()


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ([], Problem("day", "is missing", "a day")),
        ([("day", "")], Problem("day", "is empty", hint="or leave it out")),
        ([("day", "a\0b")], Problem("day", "holds a NUL character", hint="or leave it out")),
        (
            [("day", "2026-01-01"), ("day", "2026-01-02")],
            Problem("day", "is given twice", hint="several values go with commas: by=team,site"),
        ),
        (
            [("day", "2026-01-01"), ("mommnt", "x")],
            Problem("mommnt", "'mommnt' is not known", "day, moment, names", "did you mean moment?"),
        ),
    ],
)
def test_wrong_names_and_values(pairs, problem):
    assert Reader(pairs, PARAMETERS).problems == [problem]


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("2026-02-29", "2026-02-29 is not a day that exists", None),
        ("2026-2-9", "'2026-2-9' is not a date", None),
        ("9-2-2026", "'9-2-2026' is not a date", "write 2026-02-09"),
        ("20260209", "'20260209' is not a date", None),
        ("٢٠٢٦-٠٢-٠٩", "'٢٠٢٦-٠٢-٠٩' is not a date", None),
        ("2026-02-09T00:00:00Z", "'2026-02-09T00:00:00Z' is not a date", None),
    ],
)
def test_dates(text, problem, hint):
    found = reader(day=text)

    assert found.date("day") is None
    assert found.problems == [Problem("day", problem, "a local date, like 2026-03-01", hint)]


@pytest.mark.parametrize("text", ["0", "11", "-1", "1.0", "1e1", "١", "9" * 30, " 5"])
def test_whole_numbers(text):
    found = Reader([("limit", text)], [Parameter("limit", "rows")])

    assert found.whole("limit", 1, 10, 5) == 5
    assert [problem.allowed for problem in found.problems] == ["a whole number from 1 to 10"]


def test_an_empty_part_of_a_list_is_refused():
    found = reader(day="2026-01-01", names="a,,b")

    assert found.some_of("names", ("a", "b")) == []
    assert [problem.problem for problem in found.problems] == ["'' is not known"]


def test_all_problems_are_raised_together():
    found = reader(moment="now", names="x")
    found.moment("moment")
    found.one_of("names", ("a",))

    with pytest.raises(InvalidParameters) as raised:
        found.check()

    assert [problem.field for problem in raised.value.problems] == ["day", "moment", "names"]
