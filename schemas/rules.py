"""How one posted value is read: a rule is a reader and its JSON Schema, used as pydantic metadata.

A reader takes the JSON value and returns what it stands for, or raises `Refusal`. Because a rule can be
called on its own, every field of a refused event is read and every problem is reported at once.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from schemas import amounts, moments
from schemas.catalogue import SLUG, SLUG_RULE
from schemas.json_text import Number
from schemas.problems import Refusal, excerpt, unknown

Check = Callable[[str], None]

_WHOLE = re.compile(r"-?[0-9]+")
_URI_REFERENCE = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*:|(?![^/?#]*:))(?://\[[0-9A-Fa-fv:.]+\](?=[:/?#]|$))?"
    r"(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
    r"(?:#(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?"
)
_ATC = re.compile(r"[A-Z](?:[0-9]{2}(?:[A-Z](?:[A-Z](?:[0-9]{2})?)?)?)?")


def _is_text(value: object) -> TypeGuard[str]:
    """Whether a JSON value is a string, not a number that is kept as its text."""
    return type(value) is str or (isinstance(value, str) and not isinstance(value, Number))


@dataclass(frozen=True, eq=False)
class Rule:
    """The reader of one posted value, and the JSON Schema of what it accepts."""

    read: Callable[[object], Any]
    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(self.schema)


def text(longest: int, *checks: Check) -> Rule:
    """A text of 1 to `longest` characters without NUL that passes every check (they raise `Refusal`)."""

    def read(value: object) -> str:
        if type(value) is not str and not _is_text(value):
            raise Refusal(f"{excerpt(value)} is not a text", f"a text of 1 to {longest} characters")
        if not 1 <= len(value) <= longest:
            length = f"is {len(value)} characters long" if value else "is empty"
            raise Refusal(length, f"1 to {longest} characters")
        if "\0" in value:
            raise Refusal("holds a NUL character", "any other character")
        for check in checks:
            check(value)
        return value

    schema = {"type": "string", "minLength": 1, "maxLength": longest, "pattern": r"^[^\u0000]*$"}
    return Rule(read, schema)


def one_of(names: Iterable[str]) -> Rule:
    """One of the names of a catalogue."""
    known = dict.fromkeys(names)

    def read(value: object) -> str:
        if not _is_text(value):
            raise Refusal(f"{excerpt(value)} is not a text", ", ".join(known))
        if value not in known:
            problem = unknown("", value, known, longest=60)
            raise Refusal(problem.problem, problem.allowed, problem.hint)
        return value

    return Rule(read, {"type": "string", "enum": list(known)})


def whole(lowest: int, highest: int) -> Rule:
    """A JSON whole number within bounds, never a text."""

    def read(value: object) -> int:
        if isinstance(value, Number) and _WHOLE.fullmatch(value):
            value = int(value) if len(value) <= len(str(highest)) else highest + 1
        if type(value) is not int or not lowest <= value <= highest:
            raise Refusal(f"{excerpt(value)} is not allowed", f"a whole number from {lowest} to {highest}")
        return value

    return Rule(read, {"type": "integer", "minimum": lowest, "maximum": highest})


def _read_boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Refusal(f"{excerpt(value)} is not allowed", "true or false, without quotes")
    return value


def _read_slug(value: object) -> str:
    if not _is_text(value) or not re.fullmatch(SLUG, value):
        raise Refusal(f"{excerpt(value)} is not a slug", SLUG_RULE)
    return value


def _read_whole_amount(value: object) -> amounts.Amount:
    amount = amounts.read_amount(value)
    if not amount.is_whole:
        raise Refusal(f"{excerpt(value)} is not whole", "a whole number")
    return amount


def check_uri_reference(value: str) -> None:
    """Raise `Refusal` unless the text is a URI reference (RFC 3986)."""
    if not _URI_REFERENCE.fullmatch(value):
        raise Refusal(
            f"{excerpt(value)} is not a URI reference", "RFC 3986, like /pharmacy/returns or urn:meter:12"
        )


def check_atc(value: str) -> None:
    """Raise `Refusal` unless the text is an ATC code of any level."""
    if not _ATC.fullmatch(value):
        raise Refusal(f"{excerpt(value)} is not an ATC code", "1 to 7 characters, like N02BE01")


def _amount_schema(description: str, number_type: str, fraction: str) -> Mapping[str, Any]:
    return {
        "description": description,
        "anyOf": [
            {"type": "string", "pattern": rf"^(0|[1-9][0-9]{{0,14}})(\.{fraction}{{1,9}})?$"},
            {"type": number_type, "minimum": 0, "exclusiveMaximum": 10**15},
        ],
    }


AMOUNT = Rule(amounts.read_amount, _amount_schema(amounts.ALLOWED, "number", "[0-9]"))
WHOLE_AMOUNT = Rule(_read_whole_amount, _amount_schema("a whole number from 0", "integer", "0"))
MOMENT = Rule(
    moments.read_moment,
    {
        "type": "string",
        "format": "date-time",
        "pattern": r"^[2-9][0-9]{3}-[0-9]{2}-[0-9]{2}[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
        r"(\.[0-9]{1,6})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
        "description": moments.ALLOWED,
    },
)
SOURCE = Rule(
    text(256, check_uri_reference).read,
    {"type": "string", "format": "uri-reference", "minLength": 1, "maxLength": 256},
)
ATC = Rule(text(7, check_atc).read, {"type": "string", "pattern": f"^{_ATC.pattern}$"})
BOOLEAN = Rule(_read_boolean, {"type": "boolean"})
SLUG_TEXT = Rule(_read_slug, {"type": "string", "pattern": SLUG})
