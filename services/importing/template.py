"""A sheet to fill in, made from the profile that reads it back."""

from pathlib import Path

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from schemas.catalogue import CARRIERS, INDICATORS
from schemas.quantities import MASS_UNITS, MEDICATION_MASS_UNITS
from services.errors import UserError
from services.importing.profile import AMOUNT_FIELDS, Profile, catalogue_of

_LAST_ROW = 2_000
_SHEET = "Invullen - Fill in"
_LISTS = "Lijsten - Lists"
_HELP = (
    "Vul een rij in voor elke meting; laat leeg wat u niet weet. De lijsten staan op het tweede blad.",
    "Fill in one row for each measurement; leave empty what you do not know. The second sheet has the lists.",
    "Tot en met / Through: alleen bij meer dan een dag / only for more than one day.",
    "Bewaar één blad: voeg rijen onderaan toe. / Keep one sheet: add rows at the end.",
    "Schrijf niets over personen. / Write nothing about people.",
)


def write_template(profile: Profile, path: Path) -> None:
    """Write the sheet: a column for each of the profile's, lists to choose from, and a sheet of all names.

    Raises `UserError` where it cannot be written.
    """
    try:
        path.open("xb").close()
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}. Name another file with --output") from None
    with xlsxwriter.Workbook(path) as workbook:
        bold = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        day = workbook.add_format({"num_format": "dd-mm-yyyy"})
        sheet = workbook.add_worksheet(_SHEET)
        lists = workbook.add_worksheet(_LISTS)
        sheet.freeze_panes(1, 0)
        times = [*profile.time.columns, *([profile.time.until] if profile.time.until else [])]
        for column, header in enumerate(times):
            sheet.write_string(0, column, header, bold)
            sheet.set_column(column, column, 14, day)
        sheet.write_comment(0, 0, "\n".join(_HELP), {"x_scale": 3, "y_scale": 2})
        lists_column = 0
        for column, (field, headers) in enumerate(profile.columns.items(), len(times)):
            sheet.write_string(0, column, headers[0], bold)
            sheet.set_column(column, column, 14 if field in AMOUNT_FIELDS else 24)
            rows = choices(profile, field)
            if rows:
                _write_list(lists, lists_column, headers[0], rows, bold)
                _offer(sheet, column, lists_column, len(rows))
                lists_column += max(map(len, rows)) + 1


def choices(profile: Profile, field: str) -> list[tuple[str, ...]]:
    """What a column's list offers: the text to choose, then what explains it; empty for a column without."""
    catalogue = catalogue_of(profile.kind, field) if field in profile.by_name else None
    if catalogue is not None:
        explained = {slug: entry.unit for slug, entry in INDICATORS.items()} if field == "indicator" else {}
        return [
            (entry.nl, entry.en, slug, *filter(None, [explained.get(slug)]))
            for slug, entry in catalogue.items()
        ]
    if field in profile.mapping:
        labels: dict[str | bool, str] = {}
        for label, value in profile.mapping[field].items():
            labels.setdefault(value, label)
        return [(label,) for label in labels.values()]
    return [(unit,) for unit in _units(profile.kind, field)]


def _units(kind: str, field: str) -> tuple[str, ...]:
    if field == "mass_unit":
        return MEDICATION_MASS_UNITS
    if field != "unit":
        return ()
    if kind == "energy":
        return tuple(dict.fromkeys(unit for carrier in CARRIERS.values() for unit in carrier.units))
    if kind == "activity":
        return tuple(dict.fromkeys(indicator.unit for indicator in INDICATORS.values()))
    return MASS_UNITS


def _write_list(
    sheet: Worksheet, column: int, header: str, rows: list[tuple[str, ...]], bold: object
) -> None:
    sheet.write_string(0, column, header, bold)
    for offset in range(max(map(len, rows))):
        sheet.set_column(column + offset, column + offset, 30 if offset < 2 else 22)
    for number, texts in enumerate(rows, 1):
        for offset, text in enumerate(texts):
            sheet.write_string(number, column + offset, text)


def _offer(sheet: Worksheet, column: int, lists_column: int, length: int) -> None:
    """Let a column offer the first column of a list; another text stays possible, import judges it."""
    name = xlsxwriter.utility.xl_col_to_name(lists_column, col_abs=True)
    source = f"='{_LISTS}'!{name}$2:{name}${length + 1}"
    sheet.data_validation(
        1,
        column,
        _LAST_ROW,
        column,
        {
            "validate": "list",
            "source": source,
            "error_type": "warning",
            "error_title": "Lijst / List",
            "error_message": "Staat niet in de lijst. / Not in the list.",
        },
    )
