import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import UserError
from services.importing.event_files import EventText, Found, UnreadableText, read_events

EVENT = '{"id": "a", "data": {"quantity": 1.10, "e": 1E400, "n": 123456789012345678901234567890}}'


def found(path: Path, content: str | bytes) -> list[Found]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_events(str(path)))


def texts(items: list[Found]) -> list[str]:
    return [item.text for item in items if isinstance(item, EventText)]


@pytest.mark.parametrize(
    "content",
    [
        EVENT,
        f"\ufeff{EVENT}\n",
        f"[{EVENT}]",
        f" [ \n {EVENT} , {EVENT}\n]\n",
        f"{EVENT}\n\n{EVENT}",
        f"\n\n{EVENT}\r\n{EVENT}\r\n",
        f"[{EVENT},{EVENT}]\n{EVENT}\n",
    ],
)
def test_every_event_goes_out_as_it_was_written(tmp_path: Path, content: str) -> None:
    assert texts(found(tmp_path / "a.json", content)) == [EVENT] * content.count(EVENT)


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab,]}", max_size=2), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.lists(VALUES, max_size=4), st.sampled_from([",", " , ", "\n,\t"]))
def test_the_elements_of_an_array_are_its_text(values: list[object], separator: str) -> None:
    elements = [json.dumps(value, ensure_ascii=False) for value in values]
    with pytest.MonkeyPatch.context() as patch:
        body = f"[{separator.join(elements)}]".encode()
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))

        assert texts(list(read_events("-"))) == elements


def test_a_pretty_printed_document_is_one_event(tmp_path: Path) -> None:
    pretty = json.dumps({"id": "a", "data": {"x": "1"}}, indent=2)

    assert texts(found(tmp_path / "a.json", pretty)) == [pretty]


def test_a_line_that_is_not_json_stops_no_other(tmp_path: Path) -> None:
    items = found(tmp_path / "a.ndjson", f'not json\n{EVENT}\n{{"id": 1, "id": 2}}\n{EVENT}')

    assert [item.place.rpartition("/")[2] for item in items] == [f"a.ndjson line {n}" for n in (1, 2, 3, 4)]
    assert len(texts(items)) == 2
    refused = [item for item in items if isinstance(item, UnreadableText)]
    assert "not JSON" in refused[0].problem.problem
    assert "stands twice" in refused[1].problem.problem


@pytest.mark.parametrize("content", ["{", f"[{EVENT}", b"\xff", '"\\ud800"', "[" * 100_000, "NaN"])
def test_a_file_that_is_not_json_is_one_refusal(tmp_path: Path, content: str | bytes) -> None:
    (item,) = found(tmp_path / "a.json", content)

    assert isinstance(item, UnreadableText)


def test_an_element_says_where_it_was(tmp_path: Path) -> None:
    items = found(tmp_path / "a.json", f"[{EVENT},\n{EVENT}]")

    assert items[1].place == f"{tmp_path / 'a.json'} [1]"


def test_nothing_is_found_in_an_empty_file(tmp_path: Path) -> None:
    assert found(tmp_path / "a.json", "\n \n") == []


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match=r"cannot read nowhere\.json"):
        list(read_events("nowhere.json"))
