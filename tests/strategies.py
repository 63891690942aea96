"""Posted events as hypothesis makes them up: valid, of all kinds, and in the shapes that go wrong most."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.oracle import AMSTERDAM

ORGANISATION: dict[str, Any] = {
    "main_site": "main",
    "sites": {"west": {}},
    "teams": {"ok-centrum": {}, "keuken": {"detail": True}},
    "meters": {"gas-1": {"carrier": "natural-gas", "correction": "1.0385"}},
}
RECEIVED = datetime(2026, 11, 22, 12, tzinfo=UTC)
KINDS = ("energy", "waste", "food-waste", "medication-waste", "activity")
METERS = ("gas-1", "heat-1")
IDS = ("1", "ticket-7/2", "\N{STETHOSCOPE}\N{MAN}\N{ZERO WIDTH JOINER}", "קוד \N{RIGHT-TO-LEFT MARK}7")
SOURCES = ("/scale/3", "urn:meter:8716867000001")
TEXTS = ("bon 12, regel 3", "te veel \N{POT OF FOOD} gemaakt", "שקית קרועה", "LOT 12-03-2026")

_CLOCK_CHANGES = [
    datetime(year, month, day, 1, tzinfo=UTC)
    for year, month, day in [(2024, 3, 31), (2024, 10, 27), (2025, 3, 30), (2026, 3, 29), (2026, 10, 25)]
]
_LENGTHS = [
    *(timedelta(microseconds=1), timedelta(minutes=15), timedelta(minutes=20), timedelta(hours=1)),
    *(timedelta(hours=1, microseconds=-1), timedelta(hours=1, microseconds=1), timedelta(days=1)),
    *(timedelta(days=7), timedelta(days=31), timedelta(days=400)),
]
_MOST_BASE_UNITS = 10**17
_PER_UNIT = {
    "kWh": 3_600_000,
    "Wh": 3_600,
    "GJ": 10**9,
    "MJ": 10**6,
    "m3": 10**6,
    "Nm3": 10**6,
    "l": 10**3,
    "g": 10**3,
    "kg": 10**6,
    "t": 10**9,
    "mg": 1,
    "m2": 10**4,
    "km": 10**6,
    "1": 1,
    "EUR": 100,
}
_ENERGY = {
    "electricity": ["kWh", "Wh"],
    "district-heat": ["GJ", "MJ"],
    "natural-gas": ["Nm3", "m3"],
    "diesel": ["l"],
}
_ACTIVITIES = {"operations": "1", "floor-area": "m2", "commuting": "km", "sevoflurane": "kg"}
_CONTAINERS = [("residual", "wheelie-240l"), ("residual", "bag-60l"), ("sza", "sza-drum-30l")]


@dataclass(frozen=True)
class Post:
    """An event before it is spelt: amounts are decimals, moments datetimes."""

    attributes: dict[str, Any]
    data: dict[str, Any] | None


def amounts(unit: str, whole: bool = False) -> SearchStrategy[Decimal]:
    """Amounts of a unit: small ones, primes that do not divide, and ones near the largest."""
    largest = min(10**15 - 1, _MOST_BASE_UNITS // _PER_UNIT[unit] - 1)
    wholes = st.one_of(st.integers(0, 100), st.integers(0, largest)).map(Decimal)
    if whole:
        return wholes
    fractions = st.integers(0, 9).flatmap(lambda places: st.integers(0, 10**places - 1).map(Decimal))
    return st.one_of(
        wholes, st.builds(lambda number, part: number + part.scaleb(-9), st.integers(0, 1000), fractions)
    )


@st.composite
def moments(draw: DrawFn) -> datetime:
    """Moments from 2024 on, most of them near a clock change, some at midnight or on a microsecond."""
    change = draw(st.sampled_from(_CLOCK_CHANGES))
    if draw(st.integers(0, 3)) == 0:
        day = change.date() + timedelta(days=draw(st.integers(-9, 2)))
        return datetime.combine(day, time(), AMSTERDAM).astimezone(UTC)
    shift = draw(
        st.one_of(
            st.integers(-8, 8).map(lambda quarters: timedelta(minutes=15 * quarters)),
            st.integers(-50, 50).map(lambda hours: timedelta(hours=hours)),
            st.integers(-(10**11), 10**11).map(lambda microseconds: timedelta(microseconds=microseconds)),
        )
    )
    return change + shift


@st.composite
def periods(draw: DrawFn, kind: str) -> dict[str, datetime]:
    """`from` and `to`; those of medication waste lie on local midnights."""
    start = draw(moments())
    if kind == "medication-waste":
        first = start.astimezone(AMSTERDAM).date()
        last = first + timedelta(days=draw(st.integers(1, 20)))
        return {
            "from": datetime.combine(first, time(), AMSTERDAM).astimezone(UTC),
            "to": datetime.combine(last, time(), AMSTERDAM).astimezone(UTC),
        }
    short = st.timedeltas(timedelta(microseconds=1), timedelta(hours=2))
    length = draw(st.one_of(st.sampled_from(_LENGTHS), short))
    return {"from": start, "to": min(start + length, RECEIVED)}


@st.composite
def data_of(draw: DrawFn, kind: str) -> dict[str, Any]:
    """The data of an event of a kind, without its period."""
    data: dict[str, Any] = {
        "energy": _energy,
        "waste": _waste,
        "food-waste": _food_waste,
        "medication-waste": _medication_waste,
        "activity": _activity,
    }[kind](draw)
    optional = {
        "site": st.sampled_from(["main", "west"]),
        "method": st.sampled_from(["metered", "weighed", "estimated"]),
        "detail": st.booleans(),
        "cost_eur": amounts("EUR"),
        "evidence": st.sampled_from(TEXTS),
        "note": st.sampled_from(TEXTS),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(optional)), max_size=2, unique=True))
    return data | {name: draw(optional[name]) for name in chosen}


def _energy(draw: DrawFn) -> dict[str, Any]:
    carrier = draw(st.sampled_from(sorted(_ENERGY)))
    unit = draw(st.sampled_from(_ENERGY[carrier]))
    data = {"carrier": carrier, "unit": unit, "quantity": draw(amounts(unit))}
    if unit == "m3":
        data |= {"meter": "gas-1", "quantity": draw(st.integers(0, 10**6).map(Decimal))}
    elif draw(st.booleans()):
        data |= {"meter": draw(st.sampled_from(METERS))}
    flow = draw(st.sampled_from([None, "use", "feed-in", "generation"]))
    return data if flow is None else data | {"flow": flow}


def _waste(draw: DrawFn) -> dict[str, Any]:
    if draw(st.integers(0, 3)) == 0:
        stream, container = draw(st.sampled_from(_CONTAINERS))
        return {"stream": stream, "container": container, "containers": Decimal(draw(st.integers(0, 50)))}
    return {"stream": draw(st.sampled_from(["residual", "paper", "sza"]))} | _mass(draw, "quantity", "unit")


def _food_waste(draw: DrawFn) -> dict[str, Any]:
    data = {"stage": draw(st.sampled_from(["preparation", "plate"]))} | _mass(draw, "quantity", "unit")
    return data | draw(st.sampled_from([{}, {"item": TEXTS[1]}, {"reason": TEXTS[1]}]))


def _mass(draw: DrawFn, field: str, unit_field: str) -> dict[str, Any]:
    unit = draw(st.sampled_from(["g", "kg"]))
    return {unit_field: unit, field: draw(amounts(unit))}


def _medication_waste(draw: DrawFn) -> dict[str, Any]:
    parts = draw(st.lists(st.sampled_from(["pieces", "mass", "cost"]), min_size=1, unique=True))
    data: dict[str, Any] = {"reason": draw(st.sampled_from(["expired", "opened"]))}
    if "pieces" in parts:
        data["pieces"] = draw(amounts("1", whole=True))
    if "mass" in parts:
        data |= _mass(draw, "mass", "mass_unit")
    if "cost" in parts:
        data["cost_eur"] = draw(amounts("EUR"))
    return data | draw(st.sampled_from([{}, {"atc": "N02BE01"}, {"product": TEXTS[3]}]))


def _activity(draw: DrawFn) -> dict[str, Any]:
    indicator = draw(st.sampled_from(sorted(_ACTIVITIES)))
    unit = _ACTIVITIES[indicator]
    return {"indicator": indicator, "unit": unit, "quantity": draw(amounts(unit, whole=unit == "1"))}


@st.composite
def contents(draw: DrawFn, kind: str) -> Post:
    """What a revision says: a measurement of a moment or a period, or (one in eight) a retraction."""
    if draw(st.integers(0, 7)) == 0:
        return Post({"retracted": True}, None)
    data = draw(data_of(kind))
    if draw(st.booleans()):
        return Post({}, data | draw(periods(kind)))
    return Post({"time": draw(moments())}, data)


@st.composite
def altered(draw: DrawFn, post: Post) -> Post:
    """Almost the same: one thing differs, or nothing that is content (the clock time of medication waste)."""
    if "time" in post.attributes and draw(st.booleans()):
        later = post.attributes["time"] + timedelta(microseconds=1)
        return Post(post.attributes | {"time": later}, post.data)
    if post.data is None:
        return post
    changes: list[dict[str, Any]] = [{"note": "other"}, {"detail": True}, {"site": "main"}]
    return Post(post.attributes, post.data | draw(st.sampled_from(changes)))


@st.composite
def spelt(draw: DrawFn, post: Post) -> str:
    """A post as JSON text: the same content, however its numbers, moments and order are written."""
    attributes = {name: _spell(draw, value) for name, value in post.attributes.items()}
    if post.data is not None:
        fields = {name: _spell(draw, value) for name, value in post.data.items()}
        attributes["data"] = dict(draw(st.permutations(list(fields.items()))))
    elif draw(st.booleans()):
        attributes["data"] = {"note": "the data of a retraction are not content"}
    if draw(st.booleans()):
        attributes["subject"] = "not kept"
    return _to_json(attributes)


class _Raw(str):
    """A number that is written without quotes."""

    __slots__ = ()


def _spell(draw: DrawFn, value: Any) -> Any:
    if isinstance(value, datetime):
        minutes = draw(st.sampled_from([0, 60, 120, -330]))
        text = value.astimezone(timezone(timedelta(minutes=minutes))).isoformat()
        return text.replace("+00:00", "Z") if draw(st.booleans()) else text
    if isinstance(value, Decimal):
        text = format(value.normalize(), "f")
        places = len(text.partition(".")[2])
        zeros = draw(st.integers(0, 9 - places).filter(lambda number: number == 0 or number + places > 0))
        if zeros:
            text += ("." if places == 0 else "") + "0" * zeros
        return _Raw(text) if draw(st.booleans()) else text
    return value


def _to_json(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_to_json(name)}:{_to_json(item)}" for name, item in value.items()) + "}"
    return value if isinstance(value, _Raw) else json.dumps(value, ensure_ascii=False)


@st.composite
def histories(draw: DrawFn, conflicts: bool = False) -> list[str]:
    """Events in the order in which they arrive, each as JSON text.

    Few identities with several revisions each, many of them more than once in another spelling; with
    `conflicts` also other content under the same revision.
    """
    identities = st.tuples(
        st.sampled_from(sorted(ORGANISATION["teams"])),
        st.sampled_from(KINDS),
        st.sampled_from(SOURCES),
        st.sampled_from(IDS),
    )
    events: list[str] = []
    for team, kind, source, id_ in draw(st.lists(identities, min_size=2, max_size=9, unique=True)):
        numbers = st.integers(1, 3) | st.just(999_999)
        for revision in draw(st.lists(numbers, min_size=1, max_size=3, unique=True)):
            versions = [draw(contents(kind))]
            if conflicts and draw(st.booleans()):
                versions.append(draw(altered(versions[0]) | contents(kind)))
            for content in versions:
                attributes = {
                    "specversion": "1.0",
                    "id": id_,
                    "source": source,
                    "type": f"nl.groenmeter.{kind}.v1",
                    "team": team,
                    **({"revision": revision} if revision > 1 or draw(st.booleans()) else {}),
                }
                post = Post(attributes | content.attributes, content.data)
                events += [draw(spelt(post)) for _ in range(draw(st.sampled_from([1, 1, 2])))]
    return draw(st.permutations(events))


@st.composite
def batched(draw: DrawFn, events: list[str]) -> list[list[str]]:
    """The events cut into batches of random sizes, in their order."""
    cuts = sorted(draw(st.lists(st.integers(0, len(events)), max_size=4)))
    edges = [0, *cuts, len(events)]
    return [events[first:last] for first, last in pairwise(edges)]
