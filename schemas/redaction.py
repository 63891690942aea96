"""Erased free text, and how it is known again when it comes back, without keeping it. Pure.

A redaction names a measurement and holds a keyed fingerprint of the text that was erased; or it holds one of
a whole payload that was refused. Whoever has a fingerprint and not the key can try no guesses.
"""

import hmac
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, NamedTuple

from schemas.catalogue import category_names
from schemas.events import DATA, KIND_OF_TYPE, Envelope
from schemas.json_text import Unreadable, read_json, write_json
from schemas.measurement import FREE_TEXT, Measurement, fingerprint

KEY_BYTES = 32
TEXT_FIELDS = (*FREE_TEXT, "reason")
DATA_FIELDS = frozenset(
    field.alias or name for model in DATA.values() for name, field in model.model_fields.items()
)
_CONTENT_BYTES = 16
# What a problem names as its field, as far as it is not the poster's invention.
_NAMED_FIELDS = frozenset(
    ["", "type", "data", *Envelope.model_fields, *(f"data.{name}" for name in DATA_FIELDS)]
)
# A value in a problem, as `excerpt` quotes it: it may have been cut off.
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*('|…|$)|\"(?:[^\"\\]|\\.)*(\"|…|$)")
_MEDICATION = [name for name, kind in KIND_OF_TYPE.items() if kind == "medication-waste"]
_MEDICATION_REASONS = category_names("medication-waste")
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Identity(NamedTuple):
    """What a measurement is called for ever."""

    team: str
    kind: str
    source: str
    id: str


@dataclass(frozen=True)
class Redaction:
    """Something that was erased. `identity`: of the measurement that had the text, None of a payload.

    `field_name`: where the text stood; `reject_no`: the reject that had the payload.
    """

    fingerprint: bytes
    redacted_at: datetime
    identity: Identity | None = None
    why: str = ""
    field_name: str | None = None
    reject_no: int | None = None


def plain(text: str) -> str:
    """What texts are compared by: the same whatever their spacing, case and composition of characters."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def text_fingerprint(key: bytes, identity: Identity, text: str) -> bytes:
    """Of a text of a measurement, by what it is compared by."""
    return _keyed(key, _ENCODE(["text", *identity, plain(text)]).encode())


def payload_fingerprint(key: bytes, payload: bytes) -> bytes:
    """Of a whole payload, byte by byte."""
    return _keyed(key, b"payload:" + payload)


def content_fingerprint(key: bytes, fingerprint: bytes) -> bytes:
    """What stands in the ledger for the fingerprint of a content that held an erased text.

    The plain one is a hash without a key over little else than amounts: an erased name could be guessed from
    it. A repeat of the content is still known as one, because it comes to the same.
    """
    return _keyed(key, b"content:" + fingerprint)[:_CONTENT_BYTES]


def texts_of(event: Any) -> dict[str, str]:
    """The free texts of a posted event by their field, however wrong the rest of it is.

    In a field that no kind of event has anything may stand: it counts as free text.
    """
    data = event.get("data") if isinstance(event, dict) else None
    if not isinstance(data, dict):
        return {}
    texts = {
        name: value if isinstance(value, str) else write_json(value)
        for name, value in data.items()
        if name in TEXT_FIELDS or name not in DATA_FIELDS
    }
    if texts.get("reason") in _MEDICATION_REASONS and event.get("type") in _MEDICATION:
        del texts["reason"]  # a word of the catalogue
    return texts


def event_of(payload: bytes) -> dict[str, Any] | None:
    """The event that a payload is; None for one that cannot be read as an event."""
    try:
        event = read_json(payload)
    except Unreadable:
        return None
    return event if isinstance(event, dict) else None


def without_texts(event: dict[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """The event without these fields of its data."""
    left_out = set(fields)
    if not left_out:
        return event
    return {**event, "data": {name: value for name, value in event["data"].items() if name not in left_out}}


@dataclass
class Redactions:
    """All redactions there are, to be looked up."""

    key: bytes
    number: int = 0
    _texts: dict[Identity, dict[bytes, datetime]] = field(default_factory=dict)
    _payloads: dict[bytes, datetime] = field(default_factory=dict)

    @classmethod
    def of(cls, key: bytes, number: int, redactions: Iterable[Redaction]) -> "Redactions":
        """Those that there are; `number` is that of the newest."""
        made = cls(key, number)
        for redaction in redactions:
            if redaction.identity is None:
                made._payloads[redaction.fingerprint] = redaction.redacted_at
            else:
                made._texts.setdefault(redaction.identity, {})[redaction.fingerprint] = redaction.redacted_at
        return made

    def __bool__(self) -> bool:
        return bool(self._texts or self._payloads)

    @property
    def has_payloads(self) -> bool:
        """Whether a whole payload was erased."""
        return bool(self._payloads)

    def concern(self, kind: str) -> bool:
        """Whether a text of any measurement of a kind was erased."""
        return any(identity.kind == kind for identity in self._texts)

    def erased(self, identity: Identity, texts: Mapping[str, str]) -> dict[str, datetime]:
        """Which of a measurement's texts are to be erased, by field, and since when."""
        known = self._texts.get(identity)
        if known is None:
            return {}
        found = {name: known.get(text_fingerprint(self.key, identity, text)) for name, text in texts.items()}
        return {name: moment for name, moment in found.items() if moment is not None}

    def applied(self, measurement: Measurement) -> tuple[Measurement, dict[str, datetime]]:
        """An arriving measurement without what was erased of it, and what that was."""
        texts = measurement.free_text
        erased = self.erased(identity_of(measurement), texts) if texts else {}
        if not erased or not texts:
            return measurement, {}
        left = {name: text for name, text in texts.items() if name not in erased}
        hidden = content_fingerprint(self.key, measurement.fingerprint)
        return replace(measurement, free_text=left or None, fingerprint=hidden), erased

    def alike(self, measurement: Measurement, erased: Iterable[str]) -> frozenset[bytes]:
        """What may stand in the ledger for the content of a measurement with these fields erased.

        Any of them may have been gone before it was counted: a reject that was replayed had lost them.
        """
        content = measurement.content or {}
        fields = [name for name in erased if name in content]
        left = [
            fingerprint({name: value for name, value in content.items() if name not in gone})
            for number in range(len(fields) + 1)
            for gone in combinations(fields, number)
        ]
        return frozenset([left[-1], *(content_fingerprint(self.key, one) for one in left)])

    def scrubbed(self, identity: Identity, payload: bytes) -> tuple[bytes, datetime | None]:
        """The payload of a refused event without what was erased, and since when; None: nothing was."""
        if identity not in self._texts:
            return payload, None
        event = event_of(payload)
        erased = self.erased(identity, texts_of(event))
        if event is None or not erased:
            return payload, None
        return write_json(without_texts(event, erased)).encode(), max(erased.values())

    def of_payload(self, payload: bytes) -> datetime | None:
        """Since when this payload of a reject is erased, None when it is not."""
        return self._payloads.get(payload_fingerprint(self.key, payload)) if self._payloads else None


def without_quotes(problems: Iterable[Mapping[str, str | None]]) -> list[dict[str, str | None]]:
    """Problems without the values that they quote and without names of fields that somebody made up."""
    return [
        {
            **problem,
            "field": problem["field"] if problem["field"] in _NAMED_FIELDS else "…",
            "problem": _QUOTED.sub("'…'", problem["problem"] or ""),
        }
        for problem in problems
    ]


def marks(erased: Mapping[str, datetime]) -> dict[str, str]:
    """When each field was erased, as the ledger keeps it."""
    return {name: moment.astimezone(UTC).isoformat() for name, moment in erased.items()}


def identity_of(measurement: Measurement) -> Identity:
    """The identity of a measurement."""
    return Identity(measurement.team, measurement.kind, measurement.source, measurement.id)


def _keyed(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
