"""What is wrong with a field, said so that the person who typed it can mend it."""

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache

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
