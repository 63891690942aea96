"""CloudEvents in binary mode: the attributes of an event are HTTP headers, its data the body.

CloudEvents HTTP protocol binding 1.0, 3.1.3.2: a quoted string is unquoted, then percent-decoded once.
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from schemas.problems import Problem

VERSION_HEADER = "ce-specversion"

_PREFIX = b"ce-"
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_QUOTED_PAIR = re.compile(rb"\\(.)")
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_BOOLEANS = {"true": True, "false": False}


def read_attributes(headers: Iterable[tuple[bytes, bytes]]) -> tuple[dict[str, Any], list[Problem]]:
    """The attributes in the headers (names in lower case), and what is wrong with how they are written.

    `revision` becomes an integer and `retracted` a boolean where they are written as one; `data` is never
    a header.
    """
    event: dict[str, Any] = {}
    problems: list[Problem] = []
    for header, value in headers:
        name = header.removeprefix(_PREFIX).decode("latin-1")
        if not header.startswith(_PREFIX) or name == "data":
            continue
        if name in event:
            problems.append(Problem(name, "stands twice", f"one header ce-{name}"))
            continue
        try:
            event[name] = _typed(name, _decode(value))
        except ValueError:
            allowed = "percent-encoding as of RFC 3986, like caf%C3%A9"
            problems.append(Problem(name, "is not percent-encoded UTF-8", allowed))
    return event, problems


def _decode(value: bytes) -> str:
    """Raises `ValueError` for a bad escape or what is not UTF-8."""
    if len(value) > 1 and value[:1] == value[-1:] == b'"':
        value = _QUOTED_PAIR.sub(rb"\1", value[1:-1])
    if _BAD_ESCAPE.search(value):
        raise ValueError("a percent sign without two hexadecimal digits")
    return unquote_to_bytes(value).decode()


def _typed(name: str, text: str) -> str | int | bool:
    if name == "revision" and _INTEGER.fullmatch(text):
        return int(text)
    if name == "retracted":
        return _BOOLEANS.get(text, text)
    return text
