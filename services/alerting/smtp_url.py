"""The address of a mail server as `SMTP_URL` gives it."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Encryption = Literal["from the start", "starttls", "none"]

ALLOWED = "smtp://user:password@host:587?from=name@hospital.nl, or smtps:// for encryption from the start"
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")

_PORTS = {"smtp": 587, "smtps": 465}
_PARAMETERS = {"from", "tls"}


@dataclass(frozen=True)
class SmtpServer:
    """A mail server, and the address that messages come from."""

    host: str
    port: int
    sender: str
    encryption: Encryption
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def read_smtp_url(url: str) -> SmtpServer:
    """The server of `smtp://user:password@host:port?from=ADDRESS`, or `smtps://` (encrypted from the start).

    With `smtp://` encryption (STARTTLS) is required, except on this machine and with `&tls=no`, for a relay
    that has none; a password is never sent without it. Raises `ValueError`, which shows nothing of the URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:  # its text quotes the URL
        raise ValueError(f"must be {ALLOWED}") from None
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    sender = parameters.get("from", "")
    known = parts.scheme in _PORTS and not parameters.keys() - _PARAMETERS
    if not (known and port and parts.hostname and parts.path in ("", "/")):
        raise ValueError(f"must be {ALLOWED}")
    if not EMAIL.fullmatch(sender):
        raise ValueError("needs the address that messages come from: ?from=name@hospital.nl")
    local = _is_local(parts.hostname)
    encryption: Encryption = "starttls"
    if parts.scheme == "smtps":
        encryption = "from the start"
    elif local or parameters.get("tls") == "no":
        encryption = "none"
    if encryption == "none" and not local and parts.password:
        raise ValueError("has a password and tls=no: a password is never sent without encryption")
    return SmtpServer(
        parts.hostname,
        port,
        sender,
        encryption,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
