"""Events as people keep them in files: a JSON object, an array, or one on each line (NDJSON)."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from schemas.json_text import Unreadable, read_json
from schemas.problems import Problem
from services.errors import UserError

STDIN = "-"

_BETWEEN = re.compile(r"[\s,]*")
_LINE_ENDINGS = (".ndjson", ".jsonl")
_SLICER = json.JSONDecoder(parse_int=str, parse_float=str)


class EventText(NamedTuple):
    """One event exactly as it was written, and where."""

    place: str
    text: str


class UnreadableText(NamedTuple):
    """A line, or a whole file, that is not JSON."""

    place: str
    problem: Problem


Found = EventText | UnreadableText


def read_events(name: str) -> Iterator[Found]:
    """The events of a file, or of standard input for `-`, each as the text that it came in.

    Lines are read one at a time; any other file is read as a whole. Raises `UserError` when there is none.
    """
    with _open(name) as file:
        shown = "standard input" if name == STDIN else name
        first = b""
        number = 0
        while not first.strip() and (line := file.readline()):
            first, number = line, number + 1
        if name.endswith(_LINE_ENDINGS) or _is_json(first):
            yield from _values(first, f"{shown} line {number}")
            for number, line in enumerate(file, number + 1):  # noqa: B020
                if line.strip():
                    yield from _values(line, f"{shown} line {number}")
        elif first.strip():
            yield from _values(b"\n" * (number - 1) + first + file.read(), shown)


@contextmanager
def _open(name: str) -> Iterator[BinaryIO]:
    if name == STDIN:
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise UserError(f"cannot read {name}: {error.strerror}") from None
    with file:
        yield file


def _is_json(text: bytes) -> bool:
    try:
        read_json(text)
    except Unreadable:
        return False
    return True


def _values(body: bytes, place: str) -> Iterator[Found]:
    """The event in a JSON text, or the elements of an array as they are written there."""
    try:
        value = read_json(body)
    except Unreadable as error:
        yield UnreadableText(place, Problem("", str(error)))
        return
    text = body.decode("utf-8-sig").strip()
    if not isinstance(value, list):
        yield EventText(place, text)
        return
    position = 1
    for index in range(len(value)):
        start = _end_of_gap(text, position)
        _, position = _SLICER.raw_decode(text, start)
        yield EventText(f"{place} [{index}]", text[start:position])


def _end_of_gap(text: str, position: int) -> int:
    gap = _BETWEEN.match(text, position)
    return gap.end() if gap else position
