import csv
import datetime as dt
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import xlsxwriter

from services.errors import UserError
from services.importing.clock import Period
from services.importing.identity import Identities
from services.importing.profile import built_in_names, load_profile
from services.importing.reader import Reader, Reading
from services.importing.values import FED_IN, ROUNDED
from tests.unit.importing.files import (
    JUDGE,
    SAMPLES,
    left_out,
    not_understood,
    profile_of,
    read,
    readings,
    write_csv,
)

LOAD = Path("../shared/data/load_15min_nl.csv")
ZONE = ZoneInfo("Europe/Amsterdam")
WASTE = load_profile("waste-collector")
HEADER = ("Bonnummer", "Regel", "Datum", "Locatie", "Afvalstroom", "Gewicht (kg)", "Aantal", "Container")

needs_load = pytest.mark.skipif(not LOAD.exists(), reason=f"{LOAD} is not at hand")


def line(
    ticket: str = "1",
    number: str = "1",
    day: str = "02-03-2026",
    stream: str = "Restafval",
    kg: str = "8,5",
    containers: str = "",
    container: str = "",
) -> tuple[str, ...]:
    return (ticket, number, day, "Hoofdgebouw", stream, kg, containers, container)


def amounts(outcomes: list[Reading]) -> dict[str, tuple[str | None, int | None]]:
    return {
        reading.event["id"]: (reading.measurement.category, reading.measurement.quantity)
        for reading in outcomes
    }


@needs_load
def test_the_local_days_of_a_real_meter_add_up_as_the_csv_and_decimal_modules_say() -> None:
    expected: dict[tuple[dt.date, str], int] = defaultdict(int)
    empty = 0
    with LOAD.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["load"] == "":
                empty += 1
                continue
            joules = Decimal(row["load"]) * 900 * 10**6
            day = dt.datetime.fromisoformat(row["time_utc"]).astimezone(ZONE).date()
            flow = "feed-in" if joules < 0 else "use"
            expected[day, flow] += int(abs(joules).quantize(Decimal(1), ROUND_HALF_EVEN))

    outcomes = read(LOAD, load_profile("quarter-hour-meter"))

    found: dict[tuple[dt.date, str], int] = defaultdict(int)
    for reading in readings(outcomes):
        start = dt.datetime.fromisoformat(reading.event["data"]["from"]).astimezone(ZONE)
        found[start.date(), str(reading.measurement.flow)] += reading.measurement.quantity or 0
    assert found == expected
    assert len(found) > 120
    assert list(left_out(outcomes).values()) == ["no amount"] * empty
    assert not not_understood(outcomes)
    assert sum(FED_IN in reading.notes for reading in readings(outcomes)) == 5
    assert sum(ROUNDED in reading.notes for reading in readings(outcomes)) > 1000


@pytest.mark.parametrize("name", [name for name in built_in_names() if not name.startswith("template-")])
def test_a_sample_is_understood_whole(name: str) -> None:
    for path in SAMPLES.glob(f"{name}-made-up.*"):
        outcomes = read(path, load_profile(name))

        assert len(readings(outcomes)) >= 7
        assert not not_understood(outcomes)


def test_a_collector_s_spreadsheet_and_csv_say_the_same() -> None:
    sheet = read(SAMPLES / "waste-collector-made-up.xlsx", WASTE)
    text = read(SAMPLES / "waste-collector-made-up.csv", WASTE)

    assert [reading.event for reading in readings(sheet)] == [reading.event for reading in readings(text)]
    assert left_out(sheet) == {
        10: "no amount",
        12: "a total",
        13: "blank",
        14: "the header again",
        18: "blank",
        19: "a total",
    }


def test_what_is_no_measurement_is_left_out_with_its_reason(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "a.csv",
        [
            ("Overzicht", "", "", ""),
            HEADER,
            ("", "", "dd-mm-jjjj", "", "", "kg", "", ""),
            line(),
            ("",) * 8,
            line(number="2", kg="n.v.t."),
            line(number="3", kg=""),
            ("Afdeling keuken",),
            HEADER,
            line(ticket="2"),
            ("", "", "", "", "Subtotaal", "17", "", ""),
            ("TOTAAL:", "", "", "", "", "17", "", ""),
            ("Totaal 2 bonnen", "", "", "", "", "17", "", ""),
            ("Totaal", "", "02-03-2026", "", "", "17", "", ""),
            ("Pagina 1 van 2",),
        ],
    )

    outcomes = read(path, WASTE)

    assert set(amounts(readings(outcomes))) == {"1/1", "2/1"}
    assert left_out(outcomes) == {
        3: "neither a date nor an amount",
        5: "blank",
        6: "no amount",
        7: "no amount",
        8: "neither a date nor an amount",
        9: "the header again",
        11: "a total",
        12: "a total",
        13: "a total",
        14: "a total",
        15: "neither a date nor an amount",
    }


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (line(stream="Restaval"), "Afvalstroom: 'Restaval' is not known"),
        (line(kg="12 kg"), "Gewicht (kg): '12 kg' is not a number"),
        (line(kg="1250.5"), "Gewicht (kg): '1250.5' is not a number"),
        (line(kg="-3"), "Gewicht (kg): is negative"),
        (line(kg="1" * 16), f"Gewicht (kg): {'1' * 16!r} has too many digits"),
        (line(day="31-02-2026"), "Datum: '31-02-2026' is not a date or time"),
        (line(day="01-01-1999"), "Datum: 1999 is not a year that is counted"),
        (line(day="01-01-2099"), "Datum: is in the future"),
        (line(ticket=""), "key: ticket is empty: it is part of the row's identity"),
        (line(kg="", containers="2"), "Container: is missing"),
        (line(kg="", containers="2,5", container="240 l"), "Aantal: '2.5' is not whole"),
        (
            line(day="morgen", stream="?", kg="x1"),
            "Afvalstroom: '?' is not known; Gewicht (kg): 'x1' is not a number; "
            "Datum: 'morgen' is not a date or time",
        ),
    ],
)
def test_a_row_that_is_not_understood_says_why_and_stops_no_other(
    tmp_path: Path, row: tuple[str, ...], problem: str
) -> None:
    path = write_csv(tmp_path / "a.csv", [HEADER, line(ticket="0"), row, line(ticket="2")])

    outcomes = read(path, WASTE)

    assert not_understood(outcomes) == {3: problem}
    assert set(amounts(readings(outcomes))) == {"0/1", "2/1"}


def test_a_value_that_is_not_mapped_lists_the_known_ones_and_the_nearest(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [HEADER, line(stream="Restaval")])

    (row,) = Reader(WASTE, "d", JUDGE).read(path)

    assert not isinstance(row, Reading)
    problem = row.problems[0]  # type: ignore[union-attr]
    assert "Papier/karton" in str(problem.allowed)
    assert problem.hint == "did you mean restafval?"


def test_the_same_key_twice_counts_once(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [HEADER, line(kg="1"), line(kg="2")])

    outcomes = read(path, WASTE)

    assert amounts(readings(outcomes)) == {"1/1": ("residual", 1_000_000)}
    assert not_understood(outcomes) == {3: "ticket + line: '1/1' stands twice"}


def test_containers_count_where_there_is_no_weight(tmp_path: Path) -> None:
    rows = [
        line(number="1", stream="Glas", kg="n.v.t.", containers="2", container="240 l"),
        line(number="2", stream="Glas", kg="150", containers="2", container="240 l"),
    ]

    counted, weighed = readings(read(write_csv(tmp_path / "a.csv", [HEADER, *rows]), WASTE))

    assert (counted.measurement.quantity, counted.measurement.method) == (2 * 72_000_000, "estimated")
    assert (weighed.measurement.quantity, weighed.measurement.method) == (150_000_000, "weighed")


def test_an_amount_in_a_merged_cell_is_not_divided(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.merge_range(1, 1, 1, 4, "Overzicht")
        sheet.write_row(3, 1, HEADER)
        for row in range(4, 7):
            sheet.write_row(row, 1, line(number=str(row), kg=""))
        sheet.merge_range(4, 6, 5, 6, 20)
        sheet.write_number(6, 6, 0.25)
        sheet.merge_range(4, 3, 6, 3, "02-03-2026")

    outcomes = read(path, WASTE)

    merged = "Gewicht (kg): one amount in a cell merged over the rows 5 to 6"
    assert not_understood(outcomes) == {5: merged, 6: merged}
    (only,) = readings(outcomes)
    assert (only.row, only.event["data"]["quantity"]) == (7, "0.25")


def test_rows_without_a_key_of_their_own_are_numbered_among_equals(tmp_path: Path) -> None:
    profile = profile_of(
        """
        kind = "waste"
        nl = "a"
        en = "a"
        source = "/a"
        key = ["day", "stream"]
        numbered = true
        by_name = ["stream"]
        columns = { stream = "Stroom", quantity = "kg" }
        constants = { unit = "kg" }
        time = { columns = "Datum", length = "day" }
        """
    )
    rows = [("2026-03-02", name, "1") for name in ("Papier", "residual", "paper", "SWILL (etensresten)")]

    found = readings(read(write_csv(tmp_path / "a.csv", [("Datum", "Stroom", "kg"), *rows]), profile))

    assert [reading.event["id"] for reading in found] == [
        "2026-03-02/paper/1",
        "2026-03-02/residual/1",
        "2026-03-02/paper/2",
        "2026-03-02/swill/1",
    ]


def test_feed_in_has_an_identity_of_its_own_and_nothing_is_made_up(tmp_path: Path) -> None:
    rows = [
        ("871", "02-03-2026", time, value)
        for time, value in (("00:15", "-1,5"), ("00:30", ""), ("00:45", "0"))
    ]
    path = write_csv(tmp_path / "a.csv", [("EAN", "Datum", "Tijd", "Verbruik (kWh)"), *rows])

    outcomes = read(path, load_profile("quarter-hour-meter-kwh"))

    assert [(reading.event["id"], reading.measurement.flow, reading.measurement.quantity) for reading in
            readings(outcomes)] == [
        ("2026-03-01T23:00:00Z/feed-in", "feed-in", 5_400_000),
        ("2026-03-01T23:30:00Z", "use", 0),
    ]  # fmt: skip
    assert left_out(outcomes) == {3: "no amount"}


def test_mean_power_becomes_energy_exactly(tmp_path: Path) -> None:
    profile = profile_of(
        """
        kind = "energy"
        nl = "a"
        en = "a"
        source = "/a"
        key = "start"
        columns = { quantity = "kW" }
        constants = { carrier = "electricity", unit = "kWh" }
        time = { columns = "t", length = "5 minutes", zone = "UTC" }
        amount = { power = "kW" }
        """
    )
    path = write_csv(tmp_path / "a.csv", [("t", "kW"), ("2026-03-02 00:00", "1"), ("2026-03-02 00:05", "6")])

    third, exact = readings(read(path, profile))

    assert (third.event["data"]["quantity"], third.notes) == ("0.083333333", (ROUNDED,))
    assert (exact.event["data"]["quantity"], exact.notes) == ("0.5", ())


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8", ","), ("utf-8-sig", ";"), ("cp1252", "\t"), ("utf-16", ";")]
)
def test_encoding_and_delimiter_are_found_out(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    header = ("Weegschaal", "Tijdstip", "Moment", "Product", "Gewicht (g)")
    row = ("K1", "02-03-2026 12:00", "bord", "crème brûlée", "120")
    path.write_text(f"één overzicht\n{delimiter.join(header)}\n{delimiter.join(row)}\n", encoding=encoding)

    (reading,) = readings(read(path, load_profile("kitchen-scale")))

    assert reading.event["data"]["item"] == "crème brûlée"


def test_a_file_without_the_header_says_what_it_has_and_lacks(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [("x",), [name.replace("Datum", "Dag") for name in HEADER], line()])

    with pytest.raises(UserError) as error:
        read(path, WASTE)

    assert "Row 2 is nearest: it lacks Datum; it has 'Bonnummer'" in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.csv", None, "cannot read"),
        ("empty.csv", b"", "has no rows"),
        ("broken.xlsx", b"PK\x03\x04 but no more", "as a spreadsheet"),
        ("open.csv", b'a;"' + b"b" * 140_000, "quotation mark"),
    ],
)
def test_a_file_that_cannot_be_read_says_so(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UserError, match=said):
        read(path, WASTE)


def test_a_sheet_is_chosen_by_name_or_number(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        workbook.add_worksheet("Toelichting").write(0, 0, "niets")
        sheet = workbook.add_worksheet("Maart")
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, line())

    for wanted in (2, "Maart"):
        rule = WASTE.file.model_copy(update={"sheet": wanted})
        assert len(readings(read(path, WASTE.model_copy(update={"file": rule})))) == 1
    with pytest.raises(UserError, match="its sheets are Toelichting, Maart"):
        read(path, WASTE.model_copy(update={"file": rule.model_copy(update={"sheet": "April"})}))


def test_names_cannot_be_mixed_up() -> None:
    profile = WASTE.model_copy(update={"source": "/meters/{ticket}"})
    identities = Identities(profile)

    assert identities.source({"ticket": "a/b é?"}) == "/meters/a%2Fb%20%C3%A9%3F"
    period = Period(0, None, dt.date(1970, 1, 1))
    names = {
        identities.name({"ticket": ticket, "line": number}, period)
        for ticket, number in (("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c"))
    }
    assert len(names) == 3


def test_a_reader_says_how_much_of_the_file_it_read(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "maart.csv", [HEADER, *(line(str(ticket)) for ticket in range(1_000))])
    reader = Reader(WASTE, "d", JUDGE)

    shares = [reader.share_read for _ in reader.read(path)]

    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[500] < 1
    assert shares[-1] == 1


def test_a_name_is_known_again_by_team_source_and_name() -> None:
    identities = Identities(WASTE)

    first = [identities.claim(team, "/s", name) for team in (None, "keuken") for name in ("a", "b")]
    again = [identities.claim(None, "/s", "a"), identities.claim("keuken", "/s", "b")]

    assert (first, again) == ([True] * 4, [False] * 2)
    assert identities.has_given("keuken", "/s", "a")
    assert not identities.has_given("lab", "/s", "a")
    assert not identities.has_given(None, "/other", "a")
