"""Rows of a file to events: each row is a reading, is left out for a reason, or is not understood."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from schemas.measurement import Measurement, Refused
from schemas.problems import Problem, Refusal, excerpt
from services.errors import UserError
from services.importing.cells import instant_text, read_local, text_of
from services.importing.clock import Clock
from services.importing.header import Header, missing_columns
from services.importing.identity import Identities
from services.importing.judge import Judge
from services.importing.profile import Profile
from services.importing.tables import HEADER_WITHIN, Cell, Line, read_lines
from services.importing.values import RowValues, ValueReader

Event = dict[str, Any]

TWICE = "in the hour that comes twice: by their order, first summer time, then winter time"

_EVIDENCE_LENGTH = 200


class Reading(NamedTuple):
    """A row that is a measurement. `notes`: what a person should know of how it was read."""

    row: int
    event: Event
    measurement: Measurement
    notes: tuple[str, ...]


class LeftOut(NamedTuple):
    """A row that holds no measurement."""

    row: int
    reason: str


class NotUnderstood(NamedTuple):
    """A row that ought to be a measurement; the field of each problem is the name of its column."""

    row: int
    problems: tuple[Problem, ...]


Outcome = Reading | LeftOut | NotUnderstood


class Reader:
    """Reads one delivery by a profile.

    `delivery` becomes the evidence of every event. The row's number does not: a row that moved within the
    file has not changed. `share_read`: how much of the file was read, from 0 to 1.
    """

    def __init__(self, profile: Profile, delivery: str, judge: Judge) -> None:
        self.profile = profile
        self.delivery = delivery[:_EVIDENCE_LENGTH]
        self.identities = Identities(profile)
        self.share_read = 0.0
        self._data_fields = profile.fields - {"team"}
        self._judge = judge
        self._clock = Clock(profile.time)
        self._values = ValueReader(profile)
        words = "|".join(re.escape(word) for word in profile.file.totals)
        self._total = re.compile(rf"(?:{words})\b[:.]?", re.IGNORECASE)

    def read(self, path: Path) -> Iterator[Outcome]:
        """The outcome of every row below the header. Raises `UserError` for a file without that header."""
        header: Header | None = None
        before: list[Line] = []
        for line in read_lines(path, self.profile.file, self._is_header):
            self.share_read = line.share
            found = None
            if header is None or not header.cells.isdisjoint(line.cells):
                found = Header.find(self.profile, line.cells)
            if found is not None:
                if header is not None:
                    yield LeftOut(line.number, "the header again")
                header = found
            elif header is not None:
                yield self._outcome(line, header)
            elif len(before) < HEADER_WITHIN:
                before.append(line)
            else:
                break
        if header is None:
            raise UserError(self._no_header(path, before))

    def _is_header(self, cells: Sequence[Cell]) -> bool:
        return Header.find(self.profile, cells) is not None

    def _no_header(self, path: Path, lines: Sequence[Line]) -> str:
        if not lines:
            return f"{path} has no rows"
        nearest = min(lines, key=lambda line: len(missing_columns(self.profile, line.cells)))
        lacking = ", ".join(missing_columns(self.profile, nearest.cells))
        there = ", ".join(excerpt(text_of(cell)) for cell in nearest.cells if text_of(cell)) or "nothing"
        return (
            f"{path}: no row among the first {len(lines)} has every column that the profile needs. "
            f"Row {nearest.number} is nearest: it lacks {lacking}; it has {there}."
        )

    def _outcome(self, line: Line, header: Header) -> Outcome:
        reason = self._why_left_out(line, header)
        if reason is not None:
            return LeftOut(line.number, reason)
        row = self._values.read(line, header)
        event = self._event(row, line, header)
        if event is None or row.problems:
            return NotUnderstood(line.number, tuple(row.problems))
        measurement = self._judge.measure(event)
        if isinstance(measurement, Refused):
            return NotUnderstood(
                line.number, tuple(self._of_column(item, header) for item in measurement.problems)
            )
        return Reading(line.number, event, measurement, tuple(row.notes))

    def _why_left_out(self, line: Line, header: Header) -> str | None:
        """Why a row holds no measurement; None for one that should."""
        texts = [text_of(cell) for cell in line.cells]
        if not any(texts):
            return "blank"
        when = [text_of(cell) for cell in header.time_cells(line)]
        amounts = [text_of(header.cell(line, field)) for field in self.profile.amounts]
        if any(map(self._total.match, texts)) and (
            any(map(self._total.fullmatch, texts)) or not self._is_moment(line, header)
        ):
            return "a total"
        if not any(character.isdigit() for text in (*when, *amounts) for character in text):
            return "neither a date nor an amount"
        return None if self._values.has_amount(line, header) else "no amount"

    def _is_moment(self, line: Line, header: Header) -> bool:
        try:
            read_local(header.time_cells(line), self.profile.time.formats)
        except Refusal:
            return False
        return True

    def _event(self, row: RowValues, line: Line, header: Header) -> Event | None:
        """The event of a row, None without a time or a name; what is wrong goes to the row's problems."""
        try:
            series = self.identities.series(row.values)
            period = self._clock.period(header.time_cells(line), header.until_cell(line), series)
        except Refusal as refusal:
            row.problems.append(refusal.at(" + ".join(self.profile.time.columns)))
            return None
        if period.twice:
            row.notes.append(TWICE)
        team = row.values.get("team")
        try:
            source, name = self.identities.source(row.values), self.identities.name(row.values, period)
        except Refusal as refusal:
            if not row.problems:
                row.problems.append(refusal.at("key"))
            return None
        if not self.identities.claim(team, source, name):
            row.problems.append(
                Problem(" + ".join(self.profile.key), f"{excerpt(name, 80)} stands twice", "one row for each")
            )
        data = {field: value for field, value in row.values.items() if field in self._data_fields}
        data["evidence"] = self.delivery
        event: Event = {
            "specversion": "1.0",
            "type": f"nl.groenmeter.{self.profile.kind}.v1",
            "source": source,
            "id": name,
            "data": data,
        }
        if team is not None:
            event["team"] = team
        if period.end is None:
            event["time"] = instant_text(period.start)
        else:
            data["from"], data["to"] = instant_text(period.start), instant_text(period.end)
        return event

    def _of_column(self, problem: Problem, header: Header) -> Problem:
        """A problem of an event's field as one of the column, or of the constant, that it came from."""
        field = problem.field.removeprefix("data.")
        if field in ("time", "from", "to"):
            return replace(problem, field=" + ".join(self.profile.time.columns))
        if field in header.names:
            return replace(problem, field=header.names[field])
        return replace(problem, field=f"{field} (in the profile)")
