from datetime import date
from fractions import Fraction

import pytest

from schemas.targets import TARGETS
from services.tracking import words, words_of_data
from services.tracking.completeness import SourceCheck
from services.tracking.evaluation import evaluate
from services.tracking.measured import SourceSeries
from services.tracking.spelling import amount_text, percent_text
from tests.unit.tracking.book import measured, target


@pytest.mark.parametrize(
    ("value", "unit", "nl", "en"),
    [
        ("0", "kg", "0 kg", "0 kg"),
        ("0.125", "kg", "0,12 kg", "0.12 kg"),
        ("9.999", "kWh", "10 kWh", "10 kWh"),
        ("12.34", "GJ", "12,3 GJ", "12.3 GJ"),
        ("1234.5", "kg CO2e", "1.234 kg CO2e", "1,234 kg CO2e"),
        ("22957007.84", "kg CO2e", "22.957.008 kg CO2e", "22,957,008 kg CO2e"),
        ("3", "piece", "3 stuks", "3 pieces"),
        ("250", "EUR", "250 euro", "250 euros"),
        ("1450000", "1", "1.450.000", "1,450,000"),
    ],
)
def test_amounts_are_written_as_people_write_them(value, unit, nl, en):
    assert amount_text(Fraction(value), unit) == (nl, en)


def test_percentages_have_one_decimal():
    assert percent_text(Fraction(1, 19)) == ("5,3 %", "5.3 %")
    assert percent_text(Fraction(2)) == ("200 %", "200 %")


def source(category: str, missing: object = 0, since: date | None = None, **fields: object) -> SourceCheck:
    series = SourceSeries("inzameling", "waste", str(fields.pop("name", "ophaler")), category, "main", ())
    known = {
        "expected": 100,
        "missing": Fraction(str(missing)),
        "since": since,
        "waits_from": None,
        "silent": False,
    }
    return SourceCheck(series, **{**known, **fields})


MARCH = date(2026, 3, 3)


def test_what_is_waited_for_is_one_sentence_a_source():
    checks = [
        source(category, waits_from=MARCH) for category in ("paper", "glass", "wood", "residual", "metal")
    ]

    [reason] = words_of_data.waiting(checks, MARCH)

    assert reason.nl == (
        "Nog niet binnen vanaf 3 maart 2026: verpakkingsglas, metaal, papier en 2 andere, bron ophaler van "
        "team inzameling."
    )
    assert reason.en == (
        "Still to come from 3 March 2026: glass packaging, metal, paper and 2 others, source ophaler of team "
        "inzameling."
    )
    assert not list(words_of_data.waiting(checks, date(2026, 3, 2)))


def test_what_lacks_most_is_named_first_and_the_rest_is_counted():
    checks = [
        source("paper", 1, MARCH),
        source("glass", "2.5", MARCH),
        source("wood", 30, MARCH, silent=True),
        source("metal", 30, MARCH, silent=True),
        source("residual", "0.5", MARCH),
        source("residual"),
    ]

    reasons = list(words_of_data.lacking(checks))

    assert [reason.code for reason in reasons] == [
        "source-silent",
        "source-incomplete",
        "source-incomplete",
        "more-sources-incomplete",
    ]
    assert reasons[0].en == (
        "Nothing has come in since 3 March 2026: metal and wood (A and B), source ophaler of team inzameling."
    )
    assert reasons[1].nl.startswith("Er ontbreken 2 dagen, te beginnen met 3 maart 2026: verpakkingsglas,")
    assert reasons[2].nl.startswith("Er ontbreekt 1 dag, te beginnen met 3 maart 2026: papier,")
    assert reasons[2].en.startswith("1 day is missing, beginning with 3 March 2026: paper,")
    assert reasons[3].nl == "En er ontbreken nog metingen van 1 andere reeks."


def test_no_more_than_what_is_allowed_is_said_as_such():
    reason = words.to_date(target("residual"), Fraction(90), Fraction(100), date(2026, 2, 1))

    assert reason.code == "within-budget"
    assert reason.nl == (
        "Tot en met 31 januari 2026 is het 90 kg; het budget tot die dag is 100 kg. "
        "Dat is 10 % minder dan mag."
    )


def test_what_is_a_little_too_much_never_reads_as_exactly_what_is_allowed():
    day = date(2026, 2, 1)

    amount = words.to_date(target("residual"), Fraction(1_000_001, 1000), Fraction(1000), day)
    share = words.share_to_date(target("residual"), Fraction("35.0497"), Fraction(35), day)

    assert amount.nl.endswith("Dat is minder dan 0,1 % te veel.")
    assert amount.en.endswith("That is less than 0.1 % too much.")
    assert share.nl.endswith("is het aandeel 35,05 %; het mag hoogstens 35 % zijn.")


def test_every_target_of_the_catalogue_has_its_reasons_before_anything_is_measured():
    for known in TARGETS.values():
        judged = evaluate(known, date(2026, 11, 22), measured())

        assert judged.reasons, known.slug
        assert judged.band == ("unknown" if known.kind != "milestone" else judged.band)
        for reason in judged.reasons:
            assert reason.nl.endswith("."), reason
            assert reason.en.endswith("."), reason
            assert reason.nl != reason.en
