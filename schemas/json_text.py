"""Lossless reading of JSON: no number goes through binary floating point, nothing is silently dropped."""

import json
import re
from typing import Any

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_LONGEST_PLAIN_INTEGER = 15


class Number(str):
    """A JSON number that is not a plain whole one, kept as its source text (`1.50`, `-1`, `1e400`)."""

    __slots__ = ()


class Unreadable(ValueError):
    """The text cannot be read as JSON at all; the message says why and where."""


def read_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8.

    Whole numbers of at most 15 digits become `int`; every other number becomes `Number`, its own
    source text, so that the amount grammar can be checked and nothing is rounded on the way.

    Raises `Unreadable` for an empty text, text that is not UTF-8 or not JSON (NaN and Infinity are
    not JSON), a duplicate key, a lone surrogate, and nesting deeper than the parser follows.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 text (byte {error.start})") from None
    if not text.strip():
        raise Unreadable("empty: a CloudEvent or an array of them was expected")
    try:
        value = _DECODER.decode(text)
        if _SURROGATE_ESCAPE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except UnicodeEncodeError:
        raise Unreadable("a lone surrogate: half of a character was sent as a \\u escape") from None
    except RecursionError:
        raise Unreadable("nested too deep: an event has an object `data`, and no levels below that") from None
    return value


def write_json(value: Any) -> str:
    """The JSON text of a value; a `Number` is written as the digits that it holds, never as a text."""
    if isinstance(value, dict):
        items = [f"{write_json(name)}:{write_json(item)}" for name, item in value.items()]
        return "{" + ",".join(items) + "}"
    if isinstance(value, list):
        return "[" + ",".join([write_json(item) for item in value]) + "]"
    return value if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)


def contains_nul(value: Any) -> bool:
    """Whether a NUL character is in any key or string of a JSON value, however deep."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if "\0" in item:
                return True
        elif isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Unreadable(f"the key {name[:80]!r} stands twice in one object")
            seen.add(name)
    return result


def _whole(text: str) -> int | Number:
    if text[0] == "-" or len(text) > _LONGEST_PLAIN_INTEGER:
        return Number(text)
    return int(text)


def _constant(text: str) -> Any:
    raise Unreadable(f"not JSON: {text} is not a JSON value")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Number, parse_int=_whole, parse_constant=_constant
)
