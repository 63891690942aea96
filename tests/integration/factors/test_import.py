"""`groenmeter factors import`: the real list changes nothing, a later one what differs, an older one none."""

import json
from pathlib import Path

import pytest
import xlsxwriter

from tests.integration.store.recording import value

FILE = Path(__file__).parents[4] / "shared" / "data" / "emission_factors_nl_2026.xlsx"
HEADINGS = ["", "Totaal", "Productie-emissies", "Ketenemissies", "-", "Eenheid", "Conversie MJ", ""]


def write_list(path, title, *rows):
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet("Factoren")
        for number, cells in enumerate([[title], ["Warmtelevering"], HEADINGS, *rows]):
            sheet.write_row(number, 0, cells)
    return str(path)


@pytest.mark.skipif(not FILE.exists(), reason=f"the official list is not at {FILE}")
def test_the_real_list_is_what_the_catalogue_has_already(run, organisation):
    before = value(organisation, "SELECT count(*) FROM emission_factor")

    answer = json.loads(run("import", str(FILE), "--json").stdout)

    assert {change["change"] for change in answer["factors"]} == {"same"}
    assert (len(answer["factors"]), len(answer["rows"])) == (258, 307)
    assert value(organisation, "SELECT count(*) FROM emission_factor") == before
    shown = run("import", str(FILE), "--dry-run").output
    assert (
        "row 228, Goederenvervoer / Bulk- en stukgoederen - Wegvervoer, Vrachtwagen LZV: the whole chain is"
        in shown
    )
    assert "307 rows: 69 with factors (0 new, 0 changed, 0 withdrawn, 0 older, 258 same)" in shown


def test_a_list_records_what_differs_and_an_older_one_nothing(run, organisation, listed, tmp_path):
    def heat(on):
        rows = listed("--category", "district-heat", "--on", on)
        return {(row["chain"], row["kg_co2e"]) for row in rows if row["market"] == "location"}

    corrected = write_list(
        tmp_path / "a.xlsx",
        "Factoren 2026 dd 01-09-2026",
        ["Gemiddelde Warmtenetten", 41.5, 34.31, 7.19, "", "GJ"],
    )
    before = value(organisation, "SELECT count(*) FROM emission_factor")
    shown = run("import", corrected, "--dry-run").output
    assert "changed: row 4, district-heat (wtw, location): 41.5 kg CO2e/GJ" in shown
    assert "(before: 40.45)" in shown
    assert value(organisation, "SELECT count(*) FROM emission_factor") == before

    assert run("import", corrected).exit_code == 0
    assert heat("2026-06-01") == {("wtw", "41.5"), ("ttw", "34.31")}
    assert value(organisation, "SELECT count(*) FROM emission_factor") == before + 2
    assert "4 same" in run("import", corrected).output

    older = write_list(
        tmp_path / "b.xlsx",
        "Factoren 2026 dd 01-08-2026",
        ["Gemiddelde Warmtenetten", 99, 34.31, 64.69, "", "GJ"],
    )
    assert "2 older" in run("import", older).output
    next_year = write_list(
        tmp_path / "c.xlsx", "Factoren 2027 dd 15-01-2027", ["Gemiddelde Warmtenetten", 39, 33, 6, "", "GJ"]
    )
    assert "4 new" in run("import", next_year).output
    assert heat("2027-06-01") == {("wtw", "39"), ("ttw", "33")}
    gone = write_list(
        tmp_path / "d.xlsx",
        "Factoren 2027 dd 16-01-2027",
        ["Gemiddelde Warmtenetten", *["Vervallen"] * 3, "", "GJ"],
    )
    assert "4 withdrawn" in run("import", gone).output
    assert heat("2027-06-01") == set()
    assert heat("2026-06-01") == {("wtw", "41.5"), ("ttw", "34.31")}
