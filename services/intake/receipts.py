"""Receipts: signed texts that say themselves what was accepted, so that none needs a row to be followed."""

import base64
import binascii
import hmac
import uuid
from hashlib import blake2b
from typing import Literal, NamedTuple

import psycopg
from pydantic import BaseModel

from services.store.receipts import outcome_of, team_of_token
from services.store.tokens import Token

_NUMBER_BYTES = 4
_EVENTS_BYTES = 2
_MAC_BYTES = 14  # whole groups of base64: every character counts, none is padding
_CONTENT_BYTES = 16 + _NUMBER_BYTES + _EVENTS_BYTES


class Receipt(NamedTuple):
    """A post that was answered: its id (uuid7), the number of the token that posted, the events accepted."""

    id: uuid.UUID
    token_number: int
    accepted: int


class ReceiptState(BaseModel):
    """What became of a post: `events` were accepted, and counted as `new` + `repeats` + `rejected` so far."""

    receipt: str
    state: Literal["pending", "done"]
    events: int
    new: int
    repeats: int
    rejected: int


def issue(key: bytes, receipt: Receipt) -> str:
    """The receipt as a text for URLs, signed with the installation's key."""
    content = (
        receipt.id.bytes
        + receipt.token_number.to_bytes(_NUMBER_BYTES, "big")
        + receipt.accepted.to_bytes(_EVENTS_BYTES, "big")
    )
    return base64.urlsafe_b64encode(content + _mac(key, content)).decode()


def read(key: bytes, text: str) -> Receipt | None:
    """The receipt of a text that `issue` made; None for any other text."""
    if "+" in text or "/" in text:  # they decode too, as another spelling of - and _
        return None
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    content, mac = raw[:_CONTENT_BYTES], raw[_CONTENT_BYTES:]
    if len(content) != _CONTENT_BYTES or not hmac.compare_digest(mac, _mac(key, content)):
        return None
    number_end = 16 + _NUMBER_BYTES
    return Receipt(
        uuid.UUID(bytes=content[:16]),
        int.from_bytes(content[16:number_end], "big"),
        int.from_bytes(content[number_end:], "big"),
    )


async def receipt_state(
    connection: psycopg.AsyncConnection, key: bytes, text: str, reader: Token
) -> ReceiptState | None:
    """What became of a receipt; None when it is none of ours, or not for this reader.

    A steward reads every receipt, a team's token those of its team's tokens.
    """
    receipt = read(key, text)
    if receipt is None:
        return None
    team = reader.own_team
    if reader.number != receipt.token_number and not (
        reader.sort == "steward" or (team and team == await team_of_token(connection, receipt.token_number))
    ):
        return None
    outcome = await outcome_of(connection, str(receipt.id))
    return ReceiptState(
        receipt=text,
        state="done" if sum(outcome) >= receipt.accepted else "pending",
        events=receipt.accepted,
        new=outcome.added,
        repeats=outcome.repeats,
        rejected=outcome.rejected,
    )


def _mac(key: bytes, content: bytes) -> bytes:
    return blake2b(content, digest_size=_MAC_BYTES, key=key, person=b"receipt").digest()
