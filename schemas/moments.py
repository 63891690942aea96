"""Reading a moment: RFC 3339 with an offset, to the microsecond."""

import re
from datetime import datetime
from functools import lru_cache

from schemas.calendar import to_microseconds
from schemas.problems import Refusal, excerpt

ALLOWED = (
    "RFC 3339 with an offset, like 2026-03-01T14:30:00+01:00 or 2026-03-01T13:30:00Z, from the year 2000"
)

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.([0-9]+))?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)
_FIRST_YEAR = "2000"
_MOST_FRACTION_DIGITS = 6


def read_moment(value: object) -> int:
    """The instant of an RFC 3339 text in microseconds since 1970. Raises `Refusal`.

    At most 6 fraction digits (a seventh would be rounded by one reader and cut by another), no leap
    second, an offset always, and a year as written of 2000 or later.
    """
    if not isinstance(value, str):
        raise Refusal(f"{excerpt(value)} is not a moment", ALLOWED)
    return _read_text(value)


@lru_cache(maxsize=4096)  # one period ends where the next begins, and many meters are read at the same moment
def _read_text(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise Refusal(f"{excerpt(text)} is not a moment", ALLOWED)
    fraction, offset = match.groups()
    if offset is None:
        raise Refusal(
            f"{excerpt(text)} has no offset from UTC", ALLOWED, f"write {text}+01:00, or {text}Z for UTC"
        )
    if fraction and len(fraction) > _MOST_FRACTION_DIGITS:
        raise Refusal("has more than 6 fraction digits", ALLOWED, "microseconds are the finest that is kept")
    if text[17:19] == "60":
        raise Refusal("is a leap second", ALLOWED, "write second 59")
    if text[:4] < _FIRST_YEAR:
        raise Refusal(f"{excerpt(text)} is before the year 2000", ALLOWED)
    try:
        return to_microseconds(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):
        raise Refusal(f"{excerpt(text)} is not a day and time that exist", ALLOWED) from None
