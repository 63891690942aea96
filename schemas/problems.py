"""What is wrong with a field, said so that the person who typed it can mend it."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from schemas.catalogue import SLUG_RULE
from schemas.json_text import Number


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in an event: the field, what is wrong, what is allowed, and what to do."""

    field: str
    problem: str
    allowed: str | None = None
    hint: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """The object of the public contract: `field`, `problem`, `allowed`, `hint`."""
        return asdict(self)


class Refusal(ValueError):
    """Raised by the reader of a single value; the caller knows the field and makes it a `Problem`."""

    def __init__(self, problem: str, allowed: str | None = None, hint: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.allowed = allowed
        self.hint = hint

    def at(self, field: str) -> Problem:
        """This refusal as the problem of a named field."""
        return Problem(field, self.problem, self.allowed, self.hint)


@lru_cache(maxsize=4096)  # finding one takes milliseconds, and a whole file often has the same mistake
def _nearest(text: str, names: tuple[str, ...]) -> str | None:
    near = difflib.get_close_matches(text, names, n=1)
    return near[0] if near else None


def did_you_mean(text: str, names: Iterable[str]) -> str | None:
    """The hint that names the nearest of the allowed names, None when none is near."""
    near = _nearest(text[:80], tuple(names))
    return f"did you mean {near}?" if near else None


def excerpt(value: object, longest: int = 40) -> str:
    """A posted value as quoted in a message: never longer than `longest` characters.

    An array or an object is only named: it may be nested deeper than `repr` follows.
    """
    if isinstance(value, list | dict):
        return "an array" if isinstance(value, list) else "an object"
    text = str(value) if isinstance(value, Number) else repr(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def unknown(field: str, value: str, known: Mapping[str, object], longest: int = 20) -> Problem:
    """The problem of a value that is none of the known ones, with the nearest as a hint."""
    names = sorted(known)
    allowed = ", ".join(names[:longest]) + (
        f" and {len(names) - longest} more" if len(names) > longest else ""
    )
    return Problem(
        field,
        f"{value[:80]!r} is not known",
        allowed or "none yet",
        did_you_mean(value, names),
    )


def problem_of(error: Any, fields: Iterable[str] = ()) -> Problem:
    """What pydantic found wrong in an organisation's file (an item of `ValidationError.errors()`).

    `fields`: those that there are where a field is unknown.
    """
    field = ".".join(str(part) for part in error["loc"])
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Refusal):
        return cause.at(field)
    if error["type"] == "extra_forbidden":
        names = sorted(fields)
        hint = did_you_mean(str(error["loc"][-1]), names)
        return Problem(field, "is not a field of the organisation's file", ", ".join(names) or None, hint)
    if error["type"] == "literal_error":
        return Problem(field, f"{excerpt(error['input'])} is not known", error["ctx"]["expected"])
    if error["type"] == "string_pattern_mismatch" or field.endswith("[key]"):
        return Problem(field.removesuffix(".[key]"), f"{error['input']!r} is not a slug", SLUG_RULE)
    return Problem(field, error["msg"])
