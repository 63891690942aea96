"""The official list: each row accounted for, nothing guessed."""

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter

from schemas.factor_versions import RecordedFactor
from schemas.factors import FACTORS
from services.errors import UserError
from services.factors.comparison import compare
from services.factors.official_list import read_factor_list, read_sheet

FILE = Path(__file__).parents[4] / "shared" / "data" / "emission_factors_nl_2026.xlsx"
real = pytest.mark.skipif(not FILE.exists(), reason=f"the official list is not at {FILE}")

TITLE = ["Factoren 2027 dd 20-01-2027"]
FUELS = [
    "",
    "Totaal (WTW)",
    "Verbrandingsemissies (TTW)",
    "Ketenemissies (WTT)",
    "Biogene emissies",
    "Eenheid",
    "",
    "",
]
POWER = ["", "Totaal", "Productie-emissies", "Ketenemissies", "-", "Eenheid", "Conversie MJ", ""]
WASTE = [
    "",
    "GHG protocol (inzameling en verwerking)",
    "-",
    "Emissies door verbranding",
    "-",
    "Eenheid",
    "",
    "",
]


@real
def test_every_row_of_the_real_list_is_accounted_for():
    rows = read_factor_list(FILE)

    assert [row.number for row in rows] == list(range(1, 308))
    assert Counter(row.outcome for row in rows) == {
        "heading": 78,
        "factor": 69,
        "no-category": 145,
        "withdrawn": 13,
        "not-understood": 2,
    }
    assert {row.number: row.reason for row in rows if row.outcome == "not-understood"} == {
        91: "varies by supplier: record yours with `groenmeter factors add`",
        228: "the whole chain is 0.085, but its parts are 0.088 together",
    }
    assert [row.number for row in rows if row.outcome == "withdrawn"] == [53, 54, *range(167, 178)]
    direct_only = [
        row.number for row in rows if row.reason == "has no value for the whole chain, and none is made up"
    ]
    assert direct_only == [35, *range(57, 71), *range(73, 82)]
    # Both layouts: a table under its own title, and one under the title of a section.
    assert rows[6].section == "Brandstoffen voertuigen en schepen / Fossiele brandstoffen"
    assert rows[84].section == "Elektriciteit"


@real
def test_the_real_list_says_what_the_catalogue_says():
    listed = {
        (version.kind, version.category, version.chain, version.market): (version.kg_co2e, version.unit)
        for row in read_factor_list(FILE)
        for version in row.versions
    }
    assert listed == {
        (factor.kind, factor.category, factor.chain, market): (factor.kg_co2e, factor.unit)
        for factor in FACTORS
        if factor.purpose == "footprint" and factor.valid_from.year == 2026
        for market in (("location", "market") if factor.market == "any" else (factor.market,))
    }
    assert len(listed) == 258


def read(*rows):
    """What became of the rows below a title and the headings of fuels."""
    return read_sheet("made up", [TITLE, ["Brandstoffen"], ["", "Kg CO2"], FUELS, *rows])[4:]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["Aardgas (G-gas)", "2,1", 1.7, 0.4, "", "Nm3"], "'2,1' is a text and not a number"),
        (["Aardgas (G-gas)", -2.1, 1.7, 0.4, "", "Nm3"], "-2.1 is negative"),
        (["Aardgas (G-gas)", "", "", "", "", "Nm3"], "has no value"),
        (
            ["Aardgas (G-gas)", 2.1, 1.7, 0.3, "", "Nm3"],
            "the whole chain is 2.1, but its parts are 2.0 together",
        ),
        (
            ["Aardgas (G-gas)", 1.7, 2.1, "", "", "Nm3"],
            "direct emissions (2.1) are more than the whole chain (1.7)",
        ),
        (["Aardgas (G-gas)", 2.1, 1.7, 0.4, "", "kWh"], "is per 'kWh', in which natural-gas is not counted"),
        (
            ["Aardgas (G-gas)", 2.1, 1.7, 0.4, "", "m3 (LHV)"],
            "is per 'm3 (LHV)', in which natural-gas is not counted",
        ),
        (
            ["Aardgas (G-gas)", "Vervallen", 1.7, 0.4, "", "Nm3"],
            "a part of it was withdrawn and a part has values",
        ),
        (
            ["Restafval", 38, "", "", "", "ton"],
            "has no value that is one for waste: its columns are of another sort",
        ),
        (["", 38, "", "", "", "ton"], "has no name"),
    ],
)
def test_what_is_not_understood_is_said_and_never_guessed(cells, reason):
    (row,) = read(cells)

    assert (row.outcome, row.reason, row.versions) == ("not-understood", reason, ())


def test_a_heading_that_is_not_known_makes_its_rows_not_understood():
    headings = [*FUELS[:4], "Emissies (SCOPE 4)", *FUELS[5:]]
    rows = read_sheet("made up", [TITLE, headings, ["Aardgas (G-gas)", 2.1, 1.7, 0.4, 3, "Nm3"]])
    assert rows[-1].reason == "the heading 'Emissies (SCOPE 4)' of a column is not known"


def test_a_row_without_year_or_headings_is_not_understood():
    rows = read_sheet("made up", [["Aardgas (G-gas)", 2.1], TITLE, ["Aardgas (G-gas)", 2.1]])
    assert [row.reason for row in rows if row.outcome == "not-understood"] == [
        'stands above the row with the year ("Factoren 2026 dd 20-08-2026")',
        'stands under no row of headings (with "Eenheid")',
    ]


def test_a_name_with_two_values_is_not_understood():
    rows = read(
        ["Aardgas (G-gas)", 2.1, 1.7, 0.4, "", "Nm3"],
        ["Benzine E10", 2.794, 2.139, 0.655, 0.149, "liter"],
        ["aardgas  (G-gas)", 2.2, 1.8, 0.4, "", "Nm3"],
    )
    assert [(row.outcome, row.reason) for row in rows] == [
        ("not-understood", "rows 5 and 7 have the same name and different values"),
        ("factor", ""),
        ("not-understood", "rows 5 and 7 have the same name and different values"),
    ]


def test_direct_emissions_alone_give_no_whole_chain():
    (row,) = read(["Aardgas (G-gas)", "", 1.7, "", "", "Nm3"])
    assert {(version.chain, version.kg_co2e) for version in row.versions} == {("ttw", Decimal("1.7"))}
    assert row.reason == "has no value for the whole chain, and none is made up"


def test_a_factor_holds_for_the_year_of_its_list_and_says_where_it_stands():
    rows = read_sheet(
        "made up",
        [
            TITLE,
            ["Warmtelevering"],
            POWER,
            ["Gemiddelde Warmtenetten", 41.5, 35, 6.5, "", "GJ"],
            ["Afval"],
            WASTE,
            ["Restafval", 40, "", 575, "", "ton"],
        ],
    )
    heat, waste = rows[3].versions[0], rows[6].versions[0]
    assert (heat.valid_from, heat.valid_to, heat.published) == (
        date(2027, 1, 1),
        date(2028, 1, 1),
        date(2027, 1, 20),
    )
    assert (heat.source, heat.note) == (
        'CO2emissiefactoren.nl, export "Factoren 2027 dd 20-01-2027"',
        "row 4: Gemiddelde Warmtenetten",
    )
    assert (waste.category, waste.kg_co2e, waste.unit, waste.chain) == ("residual", 40, "t", "wtw")


def test_a_file_that_is_no_such_list(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        read_factor_list(tmp_path / "none.xlsx")
    (tmp_path / "text.xlsx").write_text("no spreadsheet")
    with pytest.raises(UserError, match="as a spreadsheet"):
        read_factor_list(tmp_path / "text.xlsx")
    with xlsxwriter.Workbook(tmp_path / "other.xlsx") as workbook:
        workbook.add_worksheet().write_row(0, 0, ["Aardgas", 2.1])
    with pytest.raises(UserError, match="is not the list"):
        read_factor_list(tmp_path / "other.xlsx")


def recorded(number, version):
    return RecordedFactor(number, datetime(2027, 2, number, tzinfo=UTC), "test", version)


def compared(rows, known):
    return [
        (change.sort, [item.kg_co2e for item in change.before])
        for change in compare(rows, known)
        if (change.version.chain, change.version.market) == ("wtw", "location")
    ]


def test_what_a_list_changes_of_what_is_known():
    gas = read(["Aardgas (G-gas)", 2.1, 1.7, 0.4, "", "Nm3"])
    known = [recorded(1, version) for version in gas[0].versions]
    dearer = read(["Aardgas (G-gas)", 2.2, 1.8, 0.4, "", "Nm3"])
    gone = read(["Aardgas (G-gas)", *["Vervallen"] * 4, "Nm3"])
    sooner = read_sheet(
        "made up", [["Factoren 2027 dd 19-01-2027"], FUELS, ["Aardgas (G-gas)", 2.2, 1.8, 0.4, "", "Nm3"]]
    )

    assert compared(gas, []) == [("new", [])]
    assert compared(gas, known) == [("same", [Decimal("2.1")])]
    assert compared(dearer, known) == [("changed", [Decimal("2.1")])]
    assert compared(sooner, known) == [("older", [Decimal("2.1")])]
    assert compared(gone, known) == [("withdrawn", [Decimal("2.1")])]
    assert compared(gone, []) == [("same", [])]
    taken = [recorded(2, change.version) for change in compare(gone, known)]
    assert {change.version.kg_co2e for change in compare(gone, known)} == {Decimal("2.1"), Decimal("1.7")}
    assert compared(gas, [*known, *taken]) == [("new", [])]
