from services.provisioning.differences import differences

BEFORE = {"title": "A", "panels": [{"title": "One", "id": 1}, {"title": "Two"}], "theirs": 1}
AFTER = {"title": "B", "panels": [{"title": "One", "id": 2}], "new": None}


def _lines(before: object, after: object, *, only_named: bool = False) -> list[str]:
    return [str(found) for found in differences(before, after, only_named=only_named)]


def test_every_field_that_differs_is_named_with_both_values() -> None:
    assert _lines(BEFORE, AFTER) == [
        'title: "A" -> "B"',
        "panels[0].id: 1 -> 2",
        'panels[1]: "Two" -> nothing',
        "new: nothing -> null",
        "theirs: 1 -> nothing",
    ]


def test_fields_that_are_not_named_may_be_as_they_are() -> None:
    assert _lines({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 2}}, only_named=True) == []
    assert _lines({"b": [1, 2]}, {"b": [1]}, only_named=True) == ["b[1]: 2 -> nothing"]


def test_an_empty_field_that_grafana_added_is_no_difference() -> None:
    assert _lines({"title": "A", "links": [], "gnetId": None, "live": False}, {"title": "A"}) == []


def test_equal_values_of_other_types_differ() -> None:
    assert _lines({"id": "1"}, {"id": 1}) == ['id: "1" -> 1']


def test_long_texts_are_shown_where_they_part() -> None:
    (line,) = _lines({"sql": "x" * 100 + "old" + "y" * 100}, {"sql": "x" * 100 + "new" + "y" * 100})

    assert "old" in line
    assert "new" in line
    assert len(line) < 160
