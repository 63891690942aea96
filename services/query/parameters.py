"""The parameters of a reading call: described once, read strictly, every problem reported at once."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from schemas.calendar import from_microseconds
from schemas.moments import read_moment
from schemas.problems import Problem, Refusal, excerpt, unknown

Pairs = Sequence[tuple[str, str]]

DATE_ALLOWED = "a local date, like 2026-03-01"
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})")


@dataclass(frozen=True)
class Parameter:
    """A parameter as it is described to people, in OpenAPI and in `--help`."""

    name: str
    description: str
    required: bool = False

    def openapi(self) -> dict[str, Any]:
        """The parameter object of OpenAPI: always a text, because it is read by the rules here."""
        return {
            "name": self.name,
            "in": "query",
            "required": self.required,
            "description": self.description,
            "schema": {"type": "string"},
        }


PAGE = (
    Parameter("limit", "rows in one answer: 1 to 10000, default 1000"),
    Parameter("cursor", "the `cursor` of the answer before, sent with otherwise the same query"),
)


class InvalidParameters(Exception):
    """Parameters that cannot be answered; `problems` names all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.problem}" for problem in problems))
        self.problems = problems


class Reader:
    """Reads the parameters of one call. What is wrong goes to `problems`; `check` raises it all."""

    def __init__(self, pairs: Pairs, parameters: Iterable[Parameter]) -> None:
        self.problems: list[Problem] = []
        self._values: dict[str, str] = {}
        known = {parameter.name: parameter for parameter in parameters}
        for name, value in pairs:
            if name not in known:
                self.problems.append(unknown(name, name, known))
            elif name in self._values:
                self.refuse(name, "is given twice", hint="several values go with commas: by=team,site")
            elif not value or "\0" in value:
                self.refuse(name, "holds a NUL character" if value else "is empty", hint="or leave it out")
            else:
                self._values[name] = value
        refused = {problem.field for problem in self.problems}
        for name, parameter in known.items():
            if parameter.required and name not in self._values and name not in refused:
                self.refuse(name, "is missing", parameter.description)

    def refuse(self, name: str, problem: str, allowed: str | None = None, hint: str | None = None) -> None:
        """Note a problem of a parameter."""
        self.problems.append(Problem(name, problem, allowed, hint))

    def check(self) -> None:
        """Raise `InvalidParameters` when anything was wrong."""
        if self.problems:
            raise InvalidParameters(self.problems)

    def text(self, name: str) -> str | None:
        """The value as it is, None when absent."""
        return self._values.get(name)

    def one_of(self, name: str, names: Iterable[str]) -> str | None:
        """One of the names; None when absent or refused."""
        value, known = self._values.get(name), dict.fromkeys(names)
        if value is None or value in known:
            return value
        self.problems.append(unknown(name, value, known, longest=60))
        return None

    def some_of(self, name: str, names: Mapping[str, object] | Sequence[str]) -> list[str]:
        """Any of the names, with commas; empty when absent or refused."""
        value = self._values.get(name)
        parts = [] if value is None else [part.strip() for part in value.split(",")]
        wrong = [part for part in parts if part not in names]
        self.problems += [unknown(name, part, dict.fromkeys(names)) for part in wrong]
        return [] if wrong else list(dict.fromkeys(parts))

    def date(self, name: str) -> date | None:
        """A local date; None when absent or refused."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            if DATE.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            self.refuse(name, f"{value} is not a day that exists", DATE_ALLOWED)
            return None
        day_first = _DAY_FIRST.fullmatch(value)
        hint = f"write {day_first[3]}-{day_first[2]:0>2}-{day_first[1]:0>2}" if day_first else None
        self.refuse(name, f"{excerpt(value)} is not a date", DATE_ALLOWED, hint)
        return None

    def moment(self, name: str) -> datetime | None:
        """An RFC 3339 moment with its offset; None when absent or refused."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            return from_microseconds(read_moment(value))
        except Refusal as refusal:
            hint = "in an address a + is written %2B" if " " in value else refusal.hint
            self.refuse(name, refusal.problem, refusal.allowed, hint)
            return None

    def whole(self, name: str, lowest: int, highest: int, default: int) -> int:
        """A whole number within bounds."""
        value = self._values.get(name)
        if value is None:
            return default
        if re.fullmatch(r"[0-9]{1,9}", value) and lowest <= int(value) <= highest:
            return int(value)
        self.refuse(name, f"{excerpt(value)} is not allowed", f"a whole number from {lowest} to {highest}")
        return default
