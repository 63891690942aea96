from services.intake.binary_mode import read_attributes


def read(**headers: bytes) -> tuple[dict[str, object], list[str]]:
    event, problems = read_attributes(
        [(f"ce-{name}".encode(), value) for name, value in headers.items()] + [(b"host", b"door")]
    )
    return event, [problem.field for problem in problems]


def test_attributes_are_percent_decoded() -> None:
    assert read(id=b"caf%C3%A9%20%F0%9F%98%80", source=b"/a%25b") == ({"id": "café 😀", "source": "/a%b"}, [])


def test_a_quoted_string_is_unquoted_first() -> None:
    assert read(id=rb'"a \"quoted\" \\ id"') == ({"id": r"a " '"quoted"' r" \ id"}, [])


def test_utf8_that_was_not_encoded_is_read() -> None:
    assert read(id="café".encode()) == ({"id": "café"}, [])


def test_revision_and_retracted_are_typed_where_they_can_be() -> None:
    assert read(revision=b"12", retracted=b"true") == ({"revision": 12, "retracted": True}, [])
    assert read(revision=b"-1", retracted=b"false") == ({"revision": -1, "retracted": False}, [])
    assert read(revision=b"1.0", retracted=b"True") == ({"revision": "1.0", "retracted": "True"}, [])


def test_what_cannot_be_decoded_is_named() -> None:
    assert read(id=b"100%", source=b"%FF", team=b"\xe9t\xe9") == ({}, ["id", "source", "team"])


def test_a_header_that_stands_twice_is_named() -> None:
    _, problems = read_attributes([(b"ce-id", b"a"), (b"ce-id", b"b")])

    assert [problem.field for problem in problems] == ["id"]


def test_data_is_never_a_header() -> None:
    assert read(data=b"{}", id=b"1") == ({"id": "1"}, [])
