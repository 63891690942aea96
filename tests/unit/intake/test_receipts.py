import uuid

from hypothesis import example, given
from hypothesis import strategies as st

from services.intake.receipts import Receipt, issue, read

KEY = bytes(range(32))
RECEIPT = Receipt(uuid.UUID("01a20421-d264-720f-b3ba-4f9b06dff2a3"), 7, 10_000)


@given(st.uuids(), st.integers(1, 2**31 - 1), st.integers(0, 10_000))
def test_what_was_issued_is_read_back(id_: uuid.UUID, token: int, accepted: int) -> None:
    receipt = Receipt(id_, token, accepted)

    assert read(KEY, issue(KEY, receipt)) == receipt


def test_it_fits_in_a_url_as_it_is() -> None:
    assert issue(KEY, RECEIPT).replace("-", "").replace("_", "").isalnum()


def test_a_receipt_of_another_installation_is_none() -> None:
    assert read(bytes(32), issue(KEY, RECEIPT)) is None


@example(10, "+")  # where the text has "-"
@given(st.integers(0, 47), st.characters(min_codepoint=33, max_codepoint=126))
def test_no_character_can_be_changed(place: int, character: str) -> None:
    text = issue(KEY, RECEIPT)
    changed = text[:place] + character + text[place + 1 :]

    assert changed == text or read(KEY, changed) is None


@given(st.text())
def test_any_other_text_is_none(text: str) -> None:
    assert read(KEY, text) is None
