"""Messages to a web address, signed as the Standard Webhooks convention says.

The receiver computes HMAC-SHA256 over `webhook-id`.`webhook-timestamp`.`body` with the secret and compares
it with `webhook-signature` (https://www.standardwebhooks.com, version 1).

The HTTP client is imported where it is used: no other command should wait for it.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from services.alerting.message import Message
from services.alerting.outcome import SENT, Outcome

TIMEOUT_SECONDS = 10.0
SECRET_PREFIX = "whsec_"  # noqa: S105 not a secret

_SECRET_BYTES = range(24, 65)
_LARGEST_BODY = 256_000
_GONE = 410
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def new_secret() -> str:
    """A secret to sign with."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The bytes to sign with. Raises `ValueError` for a text that is no such secret; it is not shown."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in _SECRET_BYTES:
        raise ValueError(f"the secret must be {SECRET_PREFIX} and 24 to 64 bytes in base64")
    return key


def sign(key: bytes, id_: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = hmac.new(key, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(signed.digest()).decode()


def body_of(data: Mapping[str, Any]) -> bytes:
    """The body, the same at every attempt. Raises `ValueError` when it is larger than receivers take."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) > _LARGEST_BODY:
        raise ValueError(f"the message has {len(body)} bytes; at most {_LARGEST_BODY} are sent")
    return body


def send_webhook(url: str, secret: str, message: Message, timestamp: int) -> Outcome:
    """Post a message. `timestamp`: seconds since 1970, of this attempt."""
    import niquests

    body, id_ = body_of(message.data), str(message.id)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(key_of(secret), id_, timestamp, body),
    }
    try:
        with niquests.Session() as session:
            session.trust_env = urlsplit(url).hostname not in _LOOPBACK
            # `stream` leaves the body of the answer, which may be endless, where it is.
            response = session.post(
                url, data=body, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
            )
            status = response.status_code or 0
            response.close()
    except (niquests.RequestException, OSError, ValueError) as error:
        # Its text may hold the address, which may hold a secret.
        return Outcome("failed", f"the receiver cannot be reached ({type(error).__name__})")
    return _outcome(status)


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return SENT
    if status == _GONE:
        return Outcome("gone", "the receiver answers 410: it wants no more messages")
    if 300 <= status < 400:
        return Outcome("failed", f"the receiver answers {status}: redirects are not followed")
    return Outcome("failed", f"the receiver answers {status}")
