"""Finding the header row: which column of the file is which field of the profile."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.importing.cells import text_of
from services.importing.profile import Profile
from services.importing.tables import Cell, Line


@dataclass(frozen=True)
class Header:
    """Where the columns are.

    `names`: how the file spells the header of each field; `cells`: the headers, cell for cell.
    """

    places: dict[str, int]
    time: tuple[int, ...]
    until: int | None
    names: dict[str, str]
    cells: frozenset[Cell]

    @classmethod
    def find(cls, profile: Profile, cells: Sequence[Cell]) -> "Header | None":
        """The header when these cells are one, with every column that the profile needs."""
        columns = _columns(cells)
        if _lacking(profile, columns):
            return None
        places = {}
        for field, headers in profile.columns.items():
            place = next((columns[header] for header in map(_plain, headers) if header in columns), None)
            if place is not None:
                places[field] = place
        return cls(
            places=places,
            time=tuple(columns[_plain(header)] for header in profile.time.columns),
            until=columns[_plain(profile.time.until)] if profile.time.until else None,
            names={field: text_of(cells[place]) for field, place in places.items()},
            cells=frozenset(cells[place] for place in places.values()),
        )

    def cell(self, line: Line, field: str) -> Cell:
        """The cell of a field; an empty text where the row or the file has none."""
        return _at(line, self.places.get(field))

    def time_cells(self, line: Line) -> list[Cell]:
        """The cell or cells that say when."""
        return [_at(line, place) for place in self.time]

    def until_cell(self, line: Line) -> Cell:
        """The cell with the last day; an empty text where there is none."""
        return _at(line, self.until)

    def merged_rows(self, line: Line, field: str) -> tuple[int, int] | None:
        """The first and last row of the vertical merge that the cell of a field is part of."""
        place = self.places.get(field)
        return None if place is None else line.merged.get(place)


def missing_columns(profile: Profile, cells: Sequence[Cell]) -> list[str]:
    """The headers that these cells lack of the columns that the profile needs."""
    return _lacking(profile, _columns(cells))


def _lacking(profile: Profile, columns: dict[str, int]) -> list[str]:
    needed = [headers for field, headers in profile.columns.items() if field not in profile.optional]
    needed += [(header,) for header in profile.time.columns]
    needed += [(profile.time.until,)] if profile.time.until else []
    return [
        " or ".join(headers) for headers in needed if not any(_plain(header) in columns for header in headers)
    ]


def _columns(cells: Sequence[Cell]) -> dict[str, int]:
    """The first place of each text."""
    columns: dict[str, int] = {}
    for place, cell in enumerate(cells):
        if isinstance(cell, str) and cell:
            columns.setdefault(_plain(cell), place)
    return columns


def _at(line: Line, place: int | None) -> Cell:
    return line.cells[place] if place is not None and place < len(line.cells) else ""


def _plain(text: str) -> str:
    return text_of(text).casefold()
