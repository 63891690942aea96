import pytest

from schemas.json_text import Number
from schemas.problems import Refusal, excerpt
from schemas.rules import (
    BOOLEAN,
    SLUG_TEXT,
    WHOLE_AMOUNT,
    check_atc,
    check_uri_reference,
    one_of,
    text,
    whole,
)


def refusal(read, value):
    with pytest.raises(Refusal) as caught:
        read(value)
    return caught.value


@pytest.mark.parametrize("value", ["a", "x" * 5, "\N{STETHOSCOPE}" * 5, "שלום", " a\t"])
def test_a_text_comes_back_unchanged(value):
    assert text(5).read(value) == value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "is empty"),
        ("x" * 6, "is 6 characters long"),
        ("a\0", "NUL"),
        (5, "5 is not a text"),
        (Number("1.0"), "1.0 is not a text"),
        (True, "not a text"),
        (["a"], "an array is not a text"),
    ],
)
def test_what_is_no_text(value, problem):
    assert problem in refusal(text(5).read, value).problem


def test_a_text_passes_every_check():
    rule = text(200, check_uri_reference)

    assert "URI reference" in refusal(rule.read, "a b").problem


@pytest.mark.parametrize(
    "value",
    [
        "/scale/3",
        "scale",
        "urn:meter:8716867000001",
        "https://lumc.nl/afval?x=1&y=2#deel",
        "//host/path",
        "a%20b",
        "?q",
        "#f",
        "mailto:x",
        "./a:b",
    ],
)
def test_uri_references(value):
    check_uri_reference(value)


@pytest.mark.parametrize(
    "value",
    ["a b", "1:2", ":x", "a%2", "a%zz", "caf\u00e9", "\N{STETHOSCOPE}", "<x>", "a\\b", "x#y#z", "a\n"],
)
def test_what_is_no_uri_reference(value):
    refused = refusal(check_uri_reference, value)

    assert "not a URI reference" in refused.problem
    assert "RFC 3986" in refused.allowed


@pytest.mark.parametrize("value", ["N", "N02", "N02B", "N02BE", "N02BE01"])
def test_atc_codes_of_every_level(value):
    check_atc(value)


@pytest.mark.parametrize("value", ["n02be01", "N2", "N02BE1", "N02BE011", "02BE01", "N02BE01 "])
def test_what_is_no_atc_code(value):
    assert "not an ATC code" in refusal(check_atc, value).problem


def test_one_of_names_what_is_near():
    rule = one_of(["paper", "residual"])

    assert rule.read("paper") == "paper"
    refused = refusal(rule.read, "papier")
    assert refused.allowed == "paper, residual"
    assert refused.hint == "did you mean paper?"
    assert refusal(rule.read, "xyz").hint is None


@pytest.mark.parametrize("value", [1, Number("1.0"), True, None, [], {}])
def test_one_of_wants_a_text(value):
    refused = refusal(one_of(["1.0", "1"]).read, value)

    assert "is not a text" in refused.problem
    assert refused.allowed == "1.0, 1"


@pytest.mark.parametrize("value", [1, 5, 10])
def test_a_whole_number(value):
    assert whole(1, 10).read(value) == value


@pytest.mark.parametrize(
    "value", [0, 11, Number("-1"), Number("1.0"), Number("1e0"), Number("9" * 5000), "5", True, None, [1]]
)
def test_what_is_no_whole_number(value):
    refused = refusal(whole(1, 10).read, value)

    assert refused.allowed == "a whole number from 1 to 10"
    assert len(refused.problem) < 80


@pytest.mark.parametrize("value", ["true", "ja", 1, 0, None])
def test_what_is_no_boolean(value):
    assert "without quotes" in refusal(BOOLEAN.read, value).allowed


@pytest.mark.parametrize("value", ["a", "ok-centrum", "verpleging-a4", "9", "a" * 63, "a--b"])
def test_slugs(value):
    assert SLUG_TEXT.read(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "A", "ok_centrum", "-a", "a-", "a" * 64, "ok centrum", "a\n", "caf\u00e9", 5, Number("1e5"), None],
)
def test_what_is_no_slug(value):
    assert "lower-case letters" in refusal(SLUG_TEXT.read, value).allowed


@pytest.mark.parametrize("value", [3, "3", "3.0", Number("3.000")])
def test_a_whole_amount_however_it_is_spelt(value):
    assert WHOLE_AMOUNT.read(value).is_whole


def test_a_fraction_is_not_whole():
    assert refusal(WHOLE_AMOUNT.read, "3.5").allowed == "a whole number"


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("a", "'a'"),
        ("a\0b", "'a\\x00b'"),
        (Number("1e400"), "1e400"),
        (5, "5"),
        (["a"], "an array"),
        ({}, "an object"),
        ("x" * 100, "'" + "x" * 38 + "…"),
    ],
)
def test_excerpts(value, quoted):
    assert excerpt(value) == quoted
