from pathlib import Path

import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from schemas.catalogue import KINDS, category_names
from services.errors import UserError
from services.importing.profile import Profile, load_profile
from services.importing.template import choices, write_template
from tests.unit.importing.files import not_understood, read, readings

FIRST_CHOICE = {"unit", "mass_unit", "method", "detail", "flow"}
AMOUNTS = {"quantity": "1.250,5", "pieces": "12", "mass": "0,5", "cost_eur": "12,34"}
OTHER = {
    "team": "keuken",
    "site": "main",
    "note": "met de hand",
    "product": "iets",
    "item": "soep",
    "reason": "teveel",
}


def fill_in(profile: Profile, path: Path, rows: list[dict[str, str]]) -> Path:
    """A sheet with the template's header and these rows, as a person would fill it in."""
    write_template(profile, path)
    header = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()[0]
    filled = path.with_stem("filled-in")
    names = {headers[0]: field for field, headers in profile.columns.items()}
    names |= {profile.time.columns[0]: "from", str(profile.time.until): "until"}
    with xlsxwriter.Workbook(filled) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, header)
        for number, row in enumerate(rows, 1):
            sheet.write_row(number, 0, [row.get(names[str(text)], "") for text in header])
    return filled


def row_of(profile: Profile, category: str) -> dict[str, str]:
    row = {"from": "02-03-2026", **OTHER, **AMOUNTS, profile.category: category}
    for field in FIRST_CHOICE & profile.columns.keys():
        row[field] = choices(profile, field)[0][0]
    return row


@pytest.mark.parametrize("kind", KINDS)
def test_a_filled_in_template_is_read_back(tmp_path: Path, kind: str) -> None:
    profile = load_profile(f"template-{kind}")
    units = {"natural-gas": "Nm3", "floor-area": "m2"}
    names = {slug: (entry.nl, entry.en, slug) for slug, entry in category_names(kind).items()}
    slugs = [
        slug
        for slug in names
        if kind not in ("energy", "activity") or slug in ("electricity", "district-heat")
    ]
    slugs = slugs or ["floor-area"]
    rows = [row_of(profile, name) | ({"unit": units[slug]} if slug in units else {})
            for slug in slugs for name in names[slug]]  # fmt: skip

    outcomes = read(fill_in(profile, tmp_path / "t.xlsx", rows), profile)

    assert not_understood(outcomes) == {}
    found = readings(outcomes)
    assert [reading.measurement.category for reading in found] == [slug for slug in slugs for _ in range(3)]
    assert {reading.event["team"] for reading in found} == {"keuken"}
    assert {reading.measurement.cost for reading in found} == {1234}
    if kind != "medication-waste":
        assert {reading.event["data"]["quantity"] for reading in found} == {"1250.5"}
    assert len({reading.event["id"] for reading in found}) == len(rows)


def test_an_empty_template_holds_no_measurement(tmp_path: Path) -> None:
    profile = load_profile("template-waste")
    write_template(profile, tmp_path / "t.xlsx")

    assert read(tmp_path / "t.xlsx", profile) == []


def test_a_period_of_days_is_filled_in_with_its_last_day(tmp_path: Path) -> None:
    profile = load_profile("template-energy")
    row = row_of(profile, "elektriciteit") | {"from": "01-02-2026", "until": "28-02-2026"}

    (reading,) = readings(read(fill_in(profile, tmp_path / "t.xlsx", [row]), profile))

    assert (reading.event["data"]["from"], reading.event["data"]["to"]) == (
        "2026-01-31T23:00:00Z",
        "2026-02-28T23:00:00Z",
    )


def test_every_name_that_may_be_used_is_in_the_lists(tmp_path: Path) -> None:
    profile = load_profile("template-waste")
    write_template(profile, tmp_path / "t.xlsx")

    lists = CalamineWorkbook.from_path(tmp_path / "t.xlsx").get_sheet_by_index(1).to_python()

    texts = {cell for row in lists for cell in row}
    assert texts >= {
        name for entry in category_names("waste").values() for name in (entry.nl, entry.en, entry.slug)
    }
    assert texts >= {"kg", "ja / yes", "gewogen / weighed", "rolcontainer 240 l"}


def test_a_sheet_that_may_be_filled_in_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    path.write_text("filled in")

    with pytest.raises(UserError, match="File exists"):
        write_template(load_profile("template-waste"), path)

    assert path.read_text() == "filled in"
