"""Topics and the headers that the door gives each record; described for others in AsyncAPI."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from schemas.calendar import from_microseconds
from schemas.catalogue import KINDS
from schemas.moments import read_moment
from schemas.problems import Refusal

SCHEMA = 1
LARGEST_RECORD = 900_000
# A header of a record that lost free text before it was counted (JSON): by the position of the event,
# `content`, the keyed fingerprint of what was posted, and `fields`, when each text was erased.
ERASED = "erased"
# A header of the records of a replay (JSON): the reject that is posted again, by the `origin` and `position`
# that are its name for ever; whether it is `corrected`; and in how many `records`.
REPLAY = "replay"
_NAME = re.compile(r"measurements\.(?P<kind>[a-z-]+)(?:\.(?P<integrator>[a-z0-9-]+))?")


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of measurements: its kind, and the integrator that writes to it, None for the door's own."""

    kind: str
    integrator: str | None = None

    @property
    def name(self) -> str:
        """`measurements.<kind>`, or `measurements.<kind>.<integrator>`."""
        return f"measurements.{self.kind}" + (f".{self.integrator}" if self.integrator else "")

    @classmethod
    @lru_cache
    def of_name(cls, name: str) -> "Topic":
        """The topic of a name. Raises `ValueError` for a name of another form."""
        match = _NAME.fullmatch(name)
        if match is None or match["kind"] not in KINDS:
            raise ValueError(f"{name!r} is not a topic of measurements")
        return cls(match["kind"], match["integrator"])


def topics_of_kind(kind: str, integrators: Iterable[str]) -> list[Topic]:
    """The door's topic of a kind and those of the integrators."""
    return [Topic(kind), *(Topic(kind, integrator) for integrator in sorted(integrators))]


@dataclass(frozen=True, slots=True)
class DoorHeaders:
    """What the door says about a record that it wrote.

    `received`: the moment of receipt, microseconds since 1970. `record_id`: for ever the same, however often
    the record is sent. `receipt`: the request that it belongs to. `configuration`: the version by which the
    door judged. `schema`: the version of this description.
    """

    received: int
    record_id: str
    token_no: int
    receipt: str
    configuration: int
    schema: int = SCHEMA

    def encode(self) -> list[tuple[str, bytes]]:
        """As Kafka headers."""
        return [
            ("received", from_microseconds(self.received).isoformat().encode()),
            ("record-id", self.record_id.encode()),
            ("token-id", str(self.token_no).encode()),
            ("request-id", self.receipt.encode()),
            ("configuration", str(self.configuration).encode()),
            ("schema", str(self.schema).encode()),
        ]

    @classmethod
    def decode(cls, headers: Mapping[str, bytes]) -> "DoorHeaders | None":
        """From Kafka headers; None when they are not the door's."""
        try:
            return cls(
                received=read_moment(headers["received"].decode()),
                record_id=headers["record-id"].decode(),
                token_no=int(headers["token-id"]),
                receipt=headers["request-id"].decode(),
                configuration=int(headers["configuration"]),
                schema=int(headers["schema"]),
            )
        except (KeyError, ValueError, Refusal):
            return None
