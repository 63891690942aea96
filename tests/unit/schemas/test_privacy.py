import pytest

from schemas.privacy import passes_eleven_test, refuse_email, refuse_person
from schemas.problems import Refusal


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("vragen: j.smit@lumc.nl", "e-mail address"),
        ("J.SMIT+afval@LUMC.NL.", "e-mail address"),
        ("<anna@sub.ziekenhuis.example>", "e-mail address"),
        ("mail jos\N{LATIN SMALL LETTER E WITH ACUTE}@voorbeeld.nl even", "e-mail address"),
        ("BSN 123456782", "BSN"),
        ("bsn: 123.456.782", "BSN"),
        ("bsn 123 456 782", "BSN"),
        ("BSN123456782", "BSN"),
        ("bsn-nummer = 111222333", "BSN"),
        ("Burgerservicenummer van de cliënt: 111222333", "BSN"),
        ("123456782 (bsn)", "BSN"),
        ("123456782BSN", "BSN"),
        ("order 111111111 bsn 123456782", "BSN"),
        ("bsn 111111111, bsn 123456782", "BSN"),
        ("geb. 1-2-1960", "date of birth"),
        ("Geb: 01/02/60", "date of birth"),
        ("GEB01-02-1960", "date of birth"),
        ("geboren op 12 maart 1961", "date of birth"),
        ("geb. 3 mei '60", "date of birth"),
        ("geb. 1-feb-1960", "date of birth"),
        ("geboortedatum 12.03.1988", "date of birth"),
        ("born 1960-02-01", "date of birth"),
        ("DOB 1960/2/1", "date of birth"),
        ("12-03-1988 (geboren)", "date of birth"),
    ],
)
def test_what_is_about_a_person_is_refused_with_a_hint(text, problem):
    with pytest.raises(Refusal) as refusal:
        refuse_person(text)

    assert problem in refusal.value.problem
    assert "leave people out" in refusal.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "artikel 123456782",
        "lotnummer 12-03-2026",
        "LOT 111222333, EXP 2027-03-01",
        "geleverd 01-02-2026",
        "2026-03-01 t/m 2026-03-31",
        "gebruikt 01-02-2026",
        "gebracht op 01-02-2026 door transport",
        "gebouw 12-3-2024",
        "afgebroken 01-02-2026",
        "reborn 01-02-2026",
        "dobber 01-02-2026",
        "geb. 17, 12 zakken",
        "BSN 123456789",
        "bsn 1234567820",
        "bsn-poli, 3e etage, 12 zakken van 123456782 gram",
        "obsn 123456782",
        "EAN 8712345678906",
        "bestelling 987654321 voor 12 juni 2026",
        "3 zakken @ 4 kg",
        "@home, kamer 3",
        "prijs@kg",
        "זריקה \N{STETHOSCOPE} 3 stuks",
    ],
)
def test_what_is_about_things_passes(text):
    refuse_person(text)


def test_only_an_address_is_refused_where_numbers_are_usual():
    refuse_email("BSN 123456782, geb. 1-2-1960")
    with pytest.raises(Refusal):
        refuse_email("bon 12, j.smit@lumc.nl")


@pytest.mark.parametrize(
    ("digits", "passes"),
    [("123456782", True), ("111222333", True), ("123456789", False), ("987654321", False)],
)
def test_the_eleven_test(digits, passes):
    assert passes_eleven_test(digits) is passes


@pytest.mark.parametrize("text", ["a" * 500, "a@" * 250, "bsn" + " " * 490, "1 " * 250, "geb " * 125])
def test_long_texts_are_judged_at_once(text):
    refuse_person(text)
