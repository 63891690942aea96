"""Targets that slip one after the other, and whether somebody was told of each once."""

import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Any

from tests.acceptance.poster import Event, Poster
from tests.integration.alerting.receivers import Hook
from tests.stacks import Stack
from tests.waiting import wait_until

TEAM = "facilities"
YEAR = date.today().year - 1  # noqa: DTZ011 it is over everywhere
# fmt: off
STREAMS = [
    "cardboard", "paper-cups", "pmd", "plastic-film", "hard-plastics", "blue-wrap", "polystyrene", "swill",
    "coffee-grounds", "green", "frying-fat", "metal", "cables", "wood", "pallets", "textile", "furniture",
    "mattresses", "rubble", "construction",
]
# fmt: on
SECONDS = 180
MOST, USUAL, SLIPPED, OTHER = 25, 10, 430, 100  # %, kg a month, kg in the last month, kg a month

TARGET = """
[targets.at-most-{stream}]
nl = "Hoogstens {most} % {stream}"
en = "At most {most} % {stream}"
theme = "circular"
kind = "share_max"
unit = "%"
team = "{team}"
anchors = [{{ year = {year}, value = {most} }}]
parts = [{{ slug = "it", nl = "dit", en = "this", kind = "waste", categories = ["{stream}"] }}]
of = [{{ slug = "all", nl = "alles", en = "all", kind = "waste", categories = ["{stream}", "glass"] }}]
"""


def organisation(streams: list[str]) -> str:
    """The part of the organisation's file."""
    return "".join(TARGET.format(stream=stream, team=TEAM, year=YEAR, most=MOST) for stream in streams)


class Slips:
    """Instead of made-up measurements: now and then one that makes one more target slip, else a repeat.

    (11 x 10 + 430) kg of those and 12 x 100 kg of glass: 31 %, where 25 % is the most.
    """

    team = TEAM

    def __init__(self, chance: random.Random, streams: list[str], share: float) -> None:
        self.random = chance
        self.slipped: list[str] = []
        self._left = list(streams)
        self._share = share
        self._last = [_reading("glass", *month, OTHER) for month in _months()]

    def usual(self) -> list[Event]:
        """What is posted first: every target is reached."""
        months = list(_months())
        return self._last + [_reading(stream, *month, USUAL) for stream in self._left for month in months]

    def batch(self) -> list[Event]:
        """The next events."""
        if self._left and self.random.random() < self._share:
            stream = self._left.pop(0)
            *_, december = _months()
            self._last = [_reading(stream, *december, SLIPPED, revision=2)]
            self.slipped.append(stream)
        return self._last


def prepare(stack: Stack, poster: Poster, hook_url: str, streams: list[str]) -> None:
    """Subscribe the hook, post what is usual, and wait until every target is known to be reached."""
    stack.run("subscriber", "add", "hook", "--webhook", hook_url, "--team", TEAM)
    poster.post(poster.measurements.usual())  # type: ignore[attr-defined]

    def all_green() -> bool:
        rows = json.loads(stack.run("targets", "--json"))["rows"]
        bands = {row["id"]: row["band"] for row in rows}
        return all(bands[f"at-most-{stream}"] == "green" for stream in streams)

    wait_until(all_green, SECONDS)


class Told:
    """What the hook was told, and when; `deaths`: the spans of time in which the teller may have died."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        self._moments: list[float] = []
        self.deaths: list[tuple[float, float]] = []
        hook.answer = self._answer

    def _answer(self, _hook: Hook) -> int:
        self._moments.append(time.monotonic())
        return 204

    def check(self, stack: Stack, slipped: list[str]) -> None:
        """Every slip is told, by one message; one is repeated only after the teller died in between."""
        wanted = {f"at-most-{stream}" for stream in slipped}

        def rows() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = json.loads(stack.run("messages", "--json"))["rows"]
            return found

        wait_until(lambda: {row["target"] for row in rows()} >= wanted, SECONDS)
        wait_until(lambda: {row["state"] for row in rows()} <= {"sent"}, SECONDS)
        in_outbox = {row["message_id"]: row["target"] for row in rows()}
        assert sorted(in_outbox.values()) == sorted(wanted)

        deliveries: defaultdict[str, list[float]] = defaultdict(list)
        bodies: defaultdict[str, set[bytes]] = defaultdict(set)
        for (headers, body), moment in zip(self._hook.posts, self._moments, strict=True):
            deliveries[headers["webhook-id"]].append(moment)
            bodies[headers["webhook-id"]].add(body)
        assert {id_: json.loads(body)["data"]["target"] for id_, (body,) in bodies.items()} == in_outbox
        without_reason = [
            (id_, before, after)
            for id_, moments in deliveries.items()
            for before, after in pairwise(moments)
            if not any(begin <= after and end >= before for begin, end in self.deaths)
        ]
        assert without_reason == []

    @property
    def repeats(self) -> int:
        """How many deliveries were not the first of their message."""
        return len(self._hook.posts) - len({headers["webhook-id"] for headers, _ in self._hook.posts})

    @property
    def messages(self) -> int:
        """How many messages arrived."""
        return len(self._hook.posts) - self.repeats


def _months() -> Iterator[tuple[str, str]]:
    starts = [f"{YEAR + month // 12}-{month % 12 + 1:02}-01T00:00:00" for month in range(13)]
    zones = ["+02:00" if 4 <= month % 12 + 1 <= 10 else "+01:00" for month in range(13)]
    return pairwise(start + zone for start, zone in zip(starts, zones, strict=True))


def _reading(stream: str, start: str, end: str, kilos: int, revision: int = 1) -> Event:
    data = {"stream": stream, "quantity": kilos, "unit": "kg", "from": start, "to": end}
    event = {"specversion": "1.0", "type": "nl.groenmeter.waste.v1", "team": TEAM, "source": f"/{stream}"}
    return event | {"id": start, "revision": revision, "data": data}
