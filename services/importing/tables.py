"""Rows of cells from a CSV file or a spreadsheet, each with the number that people see beside it."""

import codecs
import csv
import datetime as dt
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from services.errors import UserError
from services.importing.profile import FileRule

Cell = str | int | float | bool | dt.date | dt.datetime | dt.time | dt.timedelta
IsHeader = Callable[[Sequence[Cell]], bool]

HEADER_WITHIN = 200

_SPREADSHEET_SIGNATURES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
_FALLBACK_ENCODING = "cp1252"
_DELIMITERS = (";", ",", "\t")
_CHUNK = 1 << 20
_LOOK_AT_PLACE = 100  # every so many rows: it is a call to the system


class Line(NamedTuple):
    """One row. `merged`: for each column whose cell is part of a vertical merge, its first and last row.

    `share`: how much of the file was read up to here, from 0 to 1.
    """

    number: int
    cells: list[Cell]
    merged: dict[int, tuple[int, int]]
    share: float


def read_lines(path: Path, rule: FileRule, is_header: IsHeader) -> Iterator[Line]:
    """The rows of a file, from the first; `is_header` tells the delimiter of a CSV that names none.

    A CSV is read as a stream. A cell of a vertical merge has the value of the merge's first cell. Raises
    `UserError` for a file that cannot be read.
    """
    try:
        with path.open("rb") as file:
            signature = file.read(4)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    if signature in _SPREADSHEET_SIGNATURES:
        return _sheet_lines(path, rule)
    return _csv_lines(path, rule, is_header)


def _sheet_lines(path: Path, rule: FileRule) -> Iterator[Line]:
    sheet = _sheet(path, rule.sheet)
    first_column = sheet.start[1] if sheet.start else 0
    above: dict[int, tuple[int, int, Cell]] = {}
    starts: dict[int, list[tuple[int, int]]] = {}
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or ():
        if bottom > top:
            starts.setdefault(top + 1, []).append((left - first_column, bottom + 1))
    for number, cells in enumerate(sheet.iter_rows(), 1):
        for column, last in starts.get(number, ()):
            above[column] = (number, last, cells[column])
        merged = {}
        for column, (first, last, value) in above.items():
            if number <= last:
                merged[column] = (first, last)
                cells[column] = value
        yield Line(number, cells, merged, number / max(number, sheet.total_height))


def _sheet(path: Path, wanted: int | str) -> CalamineSheet:
    try:
        workbook = CalamineWorkbook.from_path(path)
        names = workbook.sheet_names
        if isinstance(wanted, int) and 1 <= wanted <= len(names):
            return workbook.get_sheet_by_index(wanted - 1)
        if wanted in names:
            return workbook.get_sheet_by_name(str(wanted))
    except CalamineError as error:
        raise UserError(f"cannot read {path} as a spreadsheet: {error}") from None
    raise UserError(f"{path} has no sheet {wanted!r}; its sheets are {', '.join(names)}")


def _csv_lines(path: Path, rule: FileRule, is_header: IsHeader) -> Iterator[Line]:
    encoding = rule.encoding or _encoding(path)
    delimiter = rule.delimiter or _delimiter(path, encoding, is_header)
    yield from _csv_rows(path, encoding, delimiter)


def _csv_rows(path: Path, encoding: str, delimiter: str) -> Iterator[Line]:
    number, share = 0, 0.0
    size = max(1, path.stat().st_size)
    try:
        with path.open("rb") as file, io.TextIOWrapper(file, encoding, newline="") as text:
            reader = csv.reader(text, delimiter=delimiter)
            for place, cells in enumerate(reader):
                number = reader.line_num
                if place % _LOOK_AT_PLACE == 0:
                    share = file.tell() / size
                yield Line(number, list(cells), {}, share)
    except csv.Error as error:
        raise UserError(f"{path}, after line {number}: {error}. Is a quotation mark left open?") from None
    except (UnicodeError, LookupError) as error:
        raise UserError(
            f"{path}, after line {number}: {error}. Name its `encoding` in the profile."
        ) from None


def _encoding(path: Path) -> str:
    """By its byte order mark; else UTF-8 if the whole file is, or cp1252 as older Excel writes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        head = file.read(4)
        for mark, encoding in _BYTE_ORDER_MARKS.items():
            if head.startswith(mark):
                return encoding
        file.seek(0)
        try:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _FALLBACK_ENCODING
    return "utf-8"


def _delimiter(path: Path, encoding: str, is_header: IsHeader) -> str:
    """The delimiter that makes a header row; the first one where none does, so that the error shows that."""
    for delimiter in _DELIMITERS:
        rows = itertools.islice(_csv_rows(path, encoding, delimiter), HEADER_WITHIN)
        if any(is_header(line.cells) for line in rows):
            return delimiter
    return max(_DELIMITERS, key=lambda delimiter: _widest(path, encoding, delimiter))


def _widest(path: Path, encoding: str, delimiter: str) -> int:
    rows = itertools.islice(_csv_rows(path, encoding, delimiter), HEADER_WITHIN)
    return max((len(line.cells) for line in rows), default=0)
