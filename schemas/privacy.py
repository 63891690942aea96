"""Free text is about things, never about people: what is refused, with a hint."""

import re

from schemas.problems import Refusal

_HINT = "this text is about things; leave people out of it"
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"]+@[^\s@<>()\[\],;:\"]+\.[^\s@<>()\[\],;:\".]{2,}")
_BESIDE = r"[^0-9]{0,20}"
_LETTER = r"[^\W0-9_]"
_NINE_DIGITS = r"([0-9](?:[ .-]?[0-9]){8})"
_BSN_WORD = rf"(?<!{_LETTER})(?:bsn|burgerservicenummer)(?!{_LETTER})"
_BSN = (
    re.compile(rf"{_BSN_WORD}{_BESIDE}{_NINE_DIGITS}(?![0-9])", re.IGNORECASE),
    re.compile(rf"(?<![0-9]){_NINE_DIGITS}{_BESIDE}{_BSN_WORD}", re.IGNORECASE),
)
_BIRTH_WORD = rf"(?<!{_LETTER})(?:geb|geboren|geboortedatum|born|dob)(?!{_LETTER})"
_MONTH = r"(?:jan|feb|m(?:aa)?r|apr|mei|may|jun|jul|aug|sep|o[kc]t|nov|dec)[a-z]*\.?"
_DATE = (
    r"(?:[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ][0-9]{2,4}|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
    rf"|[0-9]{{1,2}}[- ]?{_MONTH}[- ]?['’]?[0-9]{{2,4}})"
)
_ANY_WORD = re.compile("bsn|burgerservicenummer|geb|born|dob", re.IGNORECASE)
_BIRTH = re.compile(rf"{_BIRTH_WORD}{_BESIDE}{_DATE}|{_DATE}{_BESIDE}{_BIRTH_WORD}", re.IGNORECASE)


def refuse_email(text: str) -> None:
    """Raise `Refusal` when the text holds an e-mail address."""
    if "@" in text and _EMAIL.search(text):
        raise Refusal("holds an e-mail address", "text about things", _HINT)


def refuse_person(text: str) -> None:
    """Raise `Refusal` for an e-mail address, a citizen service number (BSN) or a date of birth.

    A BSN is nine digits that pass the eleven-test beside the word; a date of birth is a date beside
    `geb`, `geboren`, `born` or `dob`. "Beside" is within 20 characters.
    """
    refuse_email(text)
    if not _ANY_WORD.search(text):  # that takes a quarter of the time of all the others
        return
    for pattern in _BSN:
        for match in pattern.finditer(text):
            if passes_eleven_test(re.sub(r"[^0-9]", "", match[1])):
                raise Refusal("holds a citizen service number (BSN)", "text about things", _HINT)
    if _BIRTH.search(text):
        raise Refusal("holds a date of birth", "text about things", _HINT)


def passes_eleven_test(digits: str) -> bool:
    """The eleven-test of a nine-digit BSN: 9a+8b+7c+6d+5e+4f+3g+2h-i is a multiple of 11."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True)) % 11 == 0
