"""Records: what the door puts on a topic, an array of one team's events of one kind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from schemas.measurement import Measurement
from schemas.topics import LARGEST_RECORD, DoorHeaders, Topic

MOST_EVENTS_IN_RECORD = 500
KEPT_ATTRIBUTES = ("specversion", "type", "source", "id", "time", "revision", "retracted")


@dataclass(frozen=True, slots=True)
class Record:
    """One record as the broker takes it; `events`: how many events its value holds."""

    record_id: str
    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    events: int


def pack(
    accepted: Sequence[tuple[Measurement, dict[str, Any]]],
    *,
    received: int,
    token_number: int,
    receipt_id: str,
    configuration: int,
    prefix: str | None = None,
) -> list[Record]:
    """The records of one request: at most 500 events and less than 900 kB each.

    The key is the team and the first event's source, so that one big team is not one partition. The ids of
    the records begin with `prefix`, the receipt's id when there is none.
    """
    groups: dict[tuple[str, str], list[tuple[str, bytes]]] = {}
    for measurement, raw in accepted:
        texts = groups.setdefault((measurement.team, measurement.kind), [])
        texts.append((measurement.source, as_text(measurement, raw)))
    records: list[Record] = []
    for (team, kind), texts in groups.items():
        for part in _parts(texts):
            headers = DoorHeaders(
                received, f"{prefix or receipt_id}/{len(records)}", token_number, receipt_id, configuration
            )
            value = b"[" + b",".join(text for _, text in part) + b"]"
            key = f"{team}/{part[0][0]}".encode()
            records.append(
                Record(headers.record_id, Topic(kind).name, key, value, headers.encode(), len(part))
            )
    return records


def as_text(measurement: Measurement, raw: dict[str, Any]) -> bytes:
    """An accepted event as JSON: its team named, and without what is accepted but not kept.

    A number with a fraction is written as a text of the same digits: the contract reads both alike, and
    nothing goes through binary floating point.
    """
    event = {name: raw[name] for name in KEPT_ATTRIBUTES if raw.get(name) is not None}
    event["team"] = measurement.team
    if not measurement.retracted:
        event["data"] = raw["data"]
    return to_json(event)  # a quarter of the time of the standard library's encoder


def _parts(texts: Sequence[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    part: list[tuple[str, bytes]] = []
    size = 0
    for source, text in texts:
        if part and (len(part) == MOST_EVENTS_IN_RECORD or size + len(text) >= LARGEST_RECORD):
            yield part
            part, size = [], 0
        part.append((source, text))
        size += len(text) + 1
    if part:
        yield part
