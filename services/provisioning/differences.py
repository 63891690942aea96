"""What is different between what Grafana has and what it should have, field by field, in readable lines."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

ABSENT = object()  # no such field
MASK = "***"

_EMPTY: tuple[Any, ...] = (None, False, 0, "", [], {})  # what some Grafanas add of their own
_SHOWN = 60  # characters of a value
_LEAD = 15  # of them before the place where two long texts part


class Field(NamedTuple):
    """One field: where it is (`panels[2].title`), what it is now and what it should be."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        start = 0
        if isinstance(self.before, str) and isinstance(self.after, str):
            start = max(0, _parting(self.before, self.after) - _LEAD)
        return f"{self.path}: {_shown(self.before, start)} -> {_shown(self.after, start)}"


def differences(before: Any, after: Any, path: str = "", *, only_named: bool = False) -> Iterator[Field]:
    """Every field that differs between two JSON values; one that is empty may as well not be there.

    Args:
        before: what is there.
        after: what should be there.
        path: where in the whole these values are.
        only_named: a field of an object that `after` does not name may be as it is.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        added = [name for name, value in before.items() if name not in after and value not in _EMPTY]
        names = list(after) if only_named else [*after, *added]
        for name in names:
            yield from differences(
                before.get(name, ABSENT),
                after.get(name, ABSENT),
                f"{path}.{name}".lstrip("."),
                only_named=only_named,
            )
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            yield from differences(
                before[index] if index < len(before) else ABSENT,
                after[index] if index < len(after) else ABSENT,
                f"{path}[{index}]",
                only_named=only_named,
            )
    elif before is ABSENT or after is ABSENT or before != after:
        yield Field(path, before, after)


def _parting(one: str, other: str) -> int:
    """The index of the first character in which two texts differ."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _shown(value: Any, start: int) -> str:
    if value is ABSENT:
        return "nothing"
    if isinstance(value, dict) and "title" in value:
        value = value["title"]  # a panel or rule as a whole: its name says enough
    text = json.dumps(value[start:] if isinstance(value, str) else value, ensure_ascii=False)
    cut = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"…{cut}" if start else cut
