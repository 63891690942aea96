"""What a row is called, for ever: its source and id, made of the profile's key, never of an amount."""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from datetime import date
from urllib.parse import quote

from schemas.problems import Refusal
from services.importing.cells import instant_text
from services.importing.clock import Period
from services.importing.profile import KEY_WORDS, Profile

# One transaction that never ends: nobody else looks, and nothing is to outlive the process.
_NAMES = """
PRAGMA journal_mode = OFF;
CREATE TABLE given (team TEXT, source TEXT, name TEXT, PRIMARY KEY (team, source, name)) WITHOUT ROWID;
BEGIN;
"""
_CLAIM = "INSERT OR IGNORE INTO given VALUES (?, ?, ?)"
_FIND = "SELECT 1 FROM given WHERE (team, source, name) = (?, ?, ?)"


class Identities:
    """Names row after row of one delivery, and knows which names it has given: on disk, a file has millions.

    The source is the profile's, its fields percent-encoded; the id is the key's parts with slashes between
    them, then the flow of energy that is not used but fed in or generated, then the running number among
    equals.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._equals: Counter[tuple[str, str]] = Counter()
        self._given = sqlite3.connect("", isolation_level=None)  # a file of its own that removes itself
        self._given.executescript(_NAMES)

    def series(self, values: Mapping[str, object]) -> tuple[object, ...]:
        """What tells a row's meter from others: the fields of source and key."""
        fields = (*self._profile.source_fields, *self._profile.key)
        return tuple(values.get(field) for field in fields if field not in KEY_WORDS)

    def source(self, values: Mapping[str, object]) -> str:
        """The source of a row. Raises `Refusal` where a field in it is empty."""
        source = self._profile.source
        for field in self._profile.source_fields:
            source = source.replace(f"{{{field}}}", quote(_part(field, values), safe=""))
        return source

    def name(self, values: Mapping[str, object], period: Period) -> str:
        """The id of a row. Raises `Refusal` where a part of the key is empty."""
        times = {"start": instant_text(period.start), "day": date.isoformat(period.day)}
        parts = [times.get(field) or _part(field, values) for field in self._profile.key]
        if values.get("flow") not in (None, "use") and "flow" not in self._profile.key:
            parts.append(str(values["flow"]))
        name = "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)
        if self._profile.numbered:
            equals = (str(values.get("team")), name)
            self._equals[equals] += 1
            name = f"{name}/{self._equals[equals]}"
        return name

    def claim(self, team: object, source: str, name: str) -> bool:
        """Give out a name; False when an earlier row of the file has it."""
        return self._given.execute(_CLAIM, (team or "", source, name)).rowcount == 1

    def has_given(self, team: object, source: str, name: str) -> bool:
        """Whether a row of the file has this name."""
        return self._given.execute(_FIND, (team or "", source, name)).fetchone() is not None


def _part(field: str, values: Mapping[str, object]) -> str:
    value = values.get(field)
    if value is None:
        raise Refusal(f"{field} is empty: it is part of the row's identity")
    return str(value)
