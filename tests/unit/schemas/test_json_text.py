import pytest

from schemas.json_text import Number, Unreadable, contains_nul, read_json, write_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("123456789012345", 123456789012345),
        ('{"a": [1, "b", true, null]}', {"a": [1, "b", True, None]}),
        ('"\\ud83e\\ude7a"', "\N{STETHOSCOPE}"),
        ('"שלום"', "שלום"),
        ('"\\\\ud800"', "\\ud800"),
        ("\ufeff[]", []),
    ],
)
def test_it_reads_json(text, value):
    assert read_json(text.encode()) == value


@pytest.mark.parametrize(
    "text", ["1.50", "123456789012345.123456789", "-1", "-0", "1e400", "1E2", "1234567890123456", "9" * 5000]
)
def test_a_number_that_is_not_plain_keeps_its_own_text(text):
    number = read_json(text.encode())

    assert type(number) is Number
    assert number == text


def test_a_plain_number_is_an_integer():
    assert type(read_json(b"15")) is int


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"{'a': 1}", "line 1, column 2"),
        (b'{"a": 1', "not JSON"),
        (b"[1,]", "not JSON"),
        (b"[] []", "not JSON"),
        (b"NaN", "NaN is not a JSON value"),
        (b"[Infinity]", "Infinity is not a JSON value"),
        (b"[-Infinity]", "-Infinity is not a JSON value"),
        (b"1_000", "not JSON"),
        (b"01", "not JSON"),
        (b"+1", "not JSON"),
        (b".5", "not JSON"),
        (b'{"a": 1.250,5}', "not JSON"),
        (b'"a\nb"', "not JSON"),
        (b'{"a": 1, "b": 2, "a": 1}', "'a' stands twice"),
        (b'[{"x": {"a": 1, "a": 2}}]', "'a' stands twice"),
        (b'{"a": 1, "\\u0061": 1}', "'a' stands twice"),
        (b'"\\ud83d"', "lone surrogate"),
        (b'{"\\uDE00": 1}', "lone surrogate"),
        (b'["\\ude7a\\ud83e"]', "lone surrogate"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deep"),
    ],
)
def test_what_cannot_be_read_says_why(body, why):
    with pytest.raises(Unreadable, match=why):
        read_json(body)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":[1,1.50,-0,1e400,"1.50",true,false,null,{}],"שלום":"🩺"}',
        "[[],{}]",
        '"\\u0000\\n\\""',
        "12345678901234567890",
    ],
)
def test_what_was_read_is_written_as_it_was(text):
    assert write_json(read_json(text.encode())) == text


@pytest.mark.parametrize("value", ["a\0b", {"a\0": 1}, {"a": [{"b": ["\0"]}]}, [["\0"]]])
def test_a_nul_is_found_wherever_it_is(value):
    assert contains_nul(value)


@pytest.mark.parametrize("value", ["a", "\\u0000", {"a": [1, None, True, "\N{STETHOSCOPE}"]}, 0, []])
def test_there_is_no_nul(value):
    assert not contains_nul(value)
