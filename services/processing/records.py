"""Reading one record of a topic: its events, each a measurement or a reject. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from schemas.calendar import from_microseconds, to_microseconds
from schemas.events import KIND_OF_TYPE
from schemas.forms import Forms
from schemas.json_text import Number, Unreadable, contains_nul, read_json
from schemas.measurement import Measurement, Refused
from schemas.problems import Problem
from schemas.topics import ERASED, REPLAY, SCHEMA, DoorHeaders, Topic
from services.store.configuration import Configuration
from services.store.ledger import Accepted, Provenance, Reject
from services.store.rejects import Replay

_BINARY_PREFIX = "ce_"
LATEST_TIMESTAMP = to_microseconds(datetime(2100, 1, 1, tzinfo=UTC))


@dataclass(slots=True)  # frozen, making one would take three times as long
class Record:
    """A record as it came from the broker.

    `timestamp` in microseconds since 1970, from 0 to `LATEST_TIMESTAMP`, whatever a producer set. `door`:
    what the door says about it; an integrator's headers mean nothing. `replay`: the replay that it is a part
    of, as the door says.
    """

    log: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes
    headers: Mapping[str, bytes]
    door: DoorHeaders | None = field(default=None, init=False)
    replay: Replay | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not self.headers or Topic.of_name(self.topic).integrator:
            return
        self.door = door = DoorHeaders.decode(self.headers)
        text = self.headers.get(REPLAY)
        if door is not None and door.schema <= SCHEMA and text is not None:
            self.replay = Replay(
                **json.loads(text),
                receipt=door.receipt,
                token_no=door.token_no,
                received_at=from_microseconds(door.received),
                configuration=door.configuration,
            )


class Judge:
    """Judges records by a configuration, and remembers the forms of what machines send."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._forms: dict[tuple[int, str | None], Forms] = {}

    def judge(self, record: Record) -> Iterator[Accepted | Reject]:
        """Every event of the record, in order, as what becomes of it.

        A record that cannot be read as events is one reject; an empty array is nothing.
        """
        topic, door = Topic.of_name(record.topic), record.door
        provenance = _provenance(record, door)
        if topic.integrator is None and door is None:
            hint = "post over HTTP, or have a topic made with `groenmeter integrator add`"
            yield _unreadable(
                provenance, topic, "has no headers of the door: only the door writes to this topic", hint
            )
            return
        if door is None and not 0 < record.timestamp < LATEST_TIMESTAMP:
            hint = "on the embedded broker it is the producer's: let it be the moment of sending"
            yield _unreadable(provenance, topic, "has no timestamp that can be its moment of receipt", hint)
            return
        forms = self._forms_for(record, topic.integrator, door)
        if forms is None:
            yield _unreadable(
                provenance._replace(event=_kept(record)),
                topic,
                f"integrator {topic.integrator!r} was not known when it came",
                f"`groenmeter integrator add {topic.integrator}`, then `groenmeter rejects --replay`",
            )
            return
        try:
            events = _events(record, forms)
        except Unreadable as error:
            yield _unreadable(provenance, topic, str(error))
            return
        suspicious = b"\\u0000" in record.value
        erased = _erased(record) if door else {}
        origin, _, name, received, token_no, receipt, _ = provenance
        kind = topic.kind
        for position, event in enumerate(events):
            source = Provenance(origin, position, name, received, token_no, receipt, event)
            note = erased.get(str(position)) if erased else None
            measured = forms.in_full(event, received) if note else forms.measure(event, received)
            if isinstance(measured, Measurement) and measured.kind == kind and not suspicious:
                judged: Accepted | Reject = Accepted(source, measured)
            else:
                judged = _judged(measured, event, topic, source, suspicious)
            yield _as_posted(judged, note) if note and isinstance(judged, Accepted) else judged

    def _forms_for(self, record: Record, integrator: str | None, door: DoorHeaders | None) -> Forms | None:
        """Those of the configuration that the door judged by; of an integrator's record: of the one in force
        when it came, None where that did not know the integrator."""
        configuration = self.configuration
        version = configuration.numbered(door.configuration) if door else None
        version = version or configuration.at(door.received if door else record.timestamp)
        key = version.number, integrator
        if key not in self._forms:
            speaks_for = None
            if integrator is not None:
                known = version.organisation.integrators.get(integrator)
                if known is None:
                    return None
                speaks_for = frozenset(known.teams)
            self._forms[key] = Forms(version.organisation, configuration.calendar, speaks_for)
        return self._forms[key]


def _judged(
    result: Measurement | Refused, event: object, topic: Topic, provenance: Provenance, suspicious: bool
) -> Accepted | Reject:
    problems = list(result.problems) if isinstance(result, Refused) else []
    if result.kind is not None and result.kind != topic.kind:
        expected = next(name for name, kind in KIND_OF_TYPE.items() if kind == topic.kind)
        problems.append(Problem("type", f"does not belong on the topic {topic.name}", expected))
    if suspicious and contains_nul(event) and not any("NUL" in problem.problem for problem in problems):
        problems.append(Problem("", "holds a NUL character", "any other character"))
    if isinstance(result, Measurement) and not problems:
        return Accepted(provenance, result)
    return Reject(provenance, tuple(problems), result.kind, result.team, result.source, result.id)


def _erased(record: Record) -> dict[str, Any]:
    """What the door says of texts that were erased from the record after it was posted."""
    text = record.headers.get(ERASED)
    return json.loads(text) if text else {}


def _as_posted(judged: Accepted, note: Mapping[str, Any]) -> Accepted:
    """The measurement as if its erased texts were there: under the fingerprint of what was posted."""
    fields = {name: datetime.fromisoformat(moment) for name, moment in note["fields"].items()}
    content = note["content"] and bytes.fromhex(note["content"])
    measurement = replace(judged.measurement, fingerprint=content or judged.measurement.fingerprint)
    return Accepted(judged.provenance, measurement, fields)


def _provenance(record: Record, door: DoorHeaders | None) -> Provenance:
    return Provenance(
        origin=door.record_id if door else f"{record.log}/{record.topic}/{record.partition}/{record.offset}",
        position=0,
        topic=record.topic,
        received=door.received if door else record.timestamp,
        token_no=door.token_no if door else None,
        receipt=door.receipt if door else None,
        event=record.value,
    )


def _unreadable(provenance: Provenance, topic: Topic, problem: str, hint: str | None = None) -> Reject:
    problems = (Problem("", problem, "one CloudEvent or a JSON array of them", hint),)
    return Reject(provenance, problems, topic.kind)


def _events(record: Record, forms: Forms) -> Sequence[Any]:
    """The events of a record: structured, an array, or Kafka's binary mode. Raises `Unreadable`."""
    if "ce_specversion" in record.headers:
        return [_binary_event(record)]
    if written := forms.read(record.value):
        return written
    value = read_json(record.value)
    if isinstance(value, list | dict):
        return forms.learn(record.value, value)
    raise Unreadable("neither a JSON object nor an array of them")


def _kept(record: Record) -> object:
    """What is kept of a record that was not looked into: its value, in binary mode with its attributes."""
    if "ce_specversion" not in record.headers:
        return record.value
    try:
        return _binary_event(record)
    except Unreadable:
        return record.value


def _binary_event(record: Record) -> dict[str, Any]:
    """CloudEvents Kafka binding, binary mode: attributes in `ce_` headers, the data in the value."""
    event: dict[str, Any] = {}
    for name, raw in record.headers.items():
        if name.startswith(_BINARY_PREFIX):
            try:
                event[name.removeprefix(_BINARY_PREFIX)] = raw.decode()
            except UnicodeDecodeError:
                raise Unreadable(f"the header {name} is not UTF-8") from None
    return typed_attributes(event) | ({"data": read_json(record.value)} if record.value.strip() else {})


def typed_attributes(attributes: Mapping[str, str]) -> dict[str, Any]:
    """Attributes of binary mode, all text, with `revision` and `retracted` as JSON would have them."""
    typed: dict[str, Any] = dict(attributes)
    if "revision" in typed:
        typed["revision"] = Number(typed["revision"])
    if typed.get("retracted") in ("true", "false"):
        typed["retracted"] = typed["retracted"] == "true"
    return typed
