"""From the bytes of a request to events: the modes and media types of CloudEvents, and the limits."""

from dataclasses import dataclass, field
from email.message import Message
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers

from schemas.json_text import Unreadable, read_json
from schemas.problems import Problem, excerpt
from services.intake.binary_mode import VERSION_HEADER, read_attributes
from services.intake.problem_details import HttpProblem

MOST_BYTES = 10_000_000
MOST_EVENTS = 10_000
JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
ALLOWED = f"{JSON}, {STRUCTURED} and {BATCHED} (or `ce-` headers with {JSON})"

_CHARSETS = {"utf-8", "utf8", "us-ascii"}
_ESCAPED_NUL = rb"\u0000"


@dataclass(frozen=True)
class Posted:
    """What was posted: JSON values that should be events.

    `may_hold_nul`: whether a NUL can be anywhere in them. `header_problems`: what was wrong with the headers
    of a single event in binary mode.
    """

    events: list[Any]
    may_hold_nul: bool
    header_problems: list[Problem] = field(default_factory=list)


async def read_posted(request: Request) -> Posted:
    """The events of a request. Raises `HttpProblem` 400, 413 or 415."""
    binary = _is_binary(request.headers)
    body = await read_body(request)
    try:
        posted = _binary(request, body) if binary else _structured(body)
    except Unreadable as error:
        raise HttpProblem(HTTPStatus.BAD_REQUEST, f"the body cannot be read: {error}") from None
    if len(posted.events) > MOST_EVENTS:
        raise HttpProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the batch has {len(posted.events)} events; at most {MOST_EVENTS}: post it in parts",
        )
    return posted


def _is_binary(headers: Headers) -> bool:
    """Whether the event's attributes are headers. Raises `HttpProblem` 415 for what is not read here."""
    for encoding in headers.getlist("content-encoding"):
        if encoding.strip().lower() != "identity":
            raise _unsupported(f"Content-Encoding {excerpt(encoding)} is not read here: send it without")
    given = headers.get("content-type")
    media_type, charset = _parse(given) if given is not None else (None, None)
    if charset is not None and charset.lower() not in _CHARSETS:
        raise _unsupported(f"charset {excerpt(charset)} is not read here: JSON is UTF-8")
    if media_type in (STRUCTURED, BATCHED):
        return False
    if VERSION_HEADER in headers and media_type in (JSON, None):
        return True
    if media_type != JSON:
        raise _unsupported(f"Content-Type {excerpt(given)} is not read here; allowed: {ALLOWED}")
    return False


@lru_cache(100)  # posters send the same few for ever
def _parse(content_type: str) -> tuple[str, str | None]:
    message = Message()
    message["content-type"] = content_type
    charset = message.get_param("charset")
    return message.get_content_type(), charset if isinstance(charset, str) else None


async def read_body(request: Request) -> bytes:
    """The whole body, never more than `MOST_BYTES` of it in memory. Raises `HttpProblem` 413."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > MOST_BYTES:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise _too_large()
    return bytes(body)


def _structured(body: bytes) -> Posted:
    value = read_json(body)
    if not isinstance(value, dict | list):
        raise Unreadable(f"{excerpt(value)} is neither an object nor an array of objects")
    return Posted(value if isinstance(value, list) else [value], _ESCAPED_NUL in body)


def _binary(request: Request, body: bytes) -> Posted:
    event: dict[str, Any]
    event, problems = read_attributes(request.headers.raw)
    if body.strip():
        event["data"] = read_json(body)
    return Posted([event], True, problems)


def _unsupported(detail: str) -> HttpProblem:
    return HttpProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)


def _too_large() -> HttpProblem:
    return HttpProblem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body has more than {MOST_BYTES} bytes: post it in parts",
    )
