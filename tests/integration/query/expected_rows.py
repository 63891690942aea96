"""Questions about totals, and the rows that answer them: worked out from the oracle's sums."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import psycopg
from hypothesis import strategies as st

from tests.oracle import AMSTERDAM, Expected, Leaf, Sum
from tests.strategies import KINDS, ORGANISATION

_PLENTY = Context(prec=100)
DIMENSIONS = ("category", "team", "site", "flow", "method")
UNITS = {
    "kWh": ("J", 3_600_000),
    "GJ": ("J", 10**9),
    "Nm3": ("ml_n", 10**6),
    "l": ("ml", 1000),
    "kg": ("mg", 10**6),
    "EUR": ("cent", 100),
}
REFERENCE = date(2023, 12, 31)

Row = dict[str, Any]


@st.composite
def questions(draw):
    """Parameters of a question that is allowed."""
    start = date(2024, 1, 1) + timedelta(days=draw(st.integers(0, 1000)))
    kind = draw(st.sampled_from(KINDS))
    asked = {
        "kind": kind,
        "from_": str(start),
        "to": str(start + timedelta(days=draw(st.sampled_from([1, 2, 31, 400, 1000])))),
        "bucket": draw(st.sampled_from(["hour", "day", "month", "year", "all"])),
    }
    by = draw(st.lists(st.sampled_from(DIMENSIONS), unique=True))
    detail = draw(st.sampled_from(["no", "yes", "all"]))
    team = draw(st.sampled_from([None, *ORGANISATION["teams"]]))
    if detail == "all" and team is None and "team" not in by:
        by.append("team")
    optional = {
        "by": ",".join(by) or None,
        "detail": draw(st.sampled_from([detail, None])) if detail == "no" else detail,
        "team": team,
        "site": draw(st.sampled_from([None, None, "main", "west"])),
        "flow": draw(st.sampled_from([None, "use", "feed-in", "generation,use"]))
        if kind == "energy"
        else None,
    }
    return asked | {name: value for name, value in optional.items() if value is not None}


class Factor(NamedTuple):
    """A factor in the database; `meter` None: for all."""

    kind: str
    category: str
    unit: str
    start: date
    end: date
    published: date
    recorded_at: datetime
    meter: str | None
    kilograms: Decimal
    per_unit: int


class Part(NamedTuple):
    """What a leaf has on a day (of an hour that day's), of a meter with a factor of its own apart."""

    leaf: Leaf
    meter: str | None
    day: date
    amount: Sum


class Group(NamedTuple):
    """By what the parts of a row belong together."""

    start: date | datetime
    keys: tuple[tuple[str, Any], ...]
    unit: str


def known_factors(dsn: str, own: Collection[tuple[str, str]] = ()) -> list[Factor]:
    """Those on the default basis; of meters only those of `own`, which are (category, meter)."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            """
            SELECT kind, category, base_unit, valid_from, valid_to, recorded_on, recorded_at, meter, kg_co2e,
                base_units_per_unit
            FROM emission_factor WHERE chain = 'wtw' AND market = 'location'
            """
        ).fetchall()
    factors = [Factor(*row) for row in rows]
    return [factor for factor in factors if factor.meter is None or (factor.category, factor.meter) in own]


def weight(factors: list[Factor], part: Part, day: date | None = None) -> Fraction | None:
    """kg CO2e of one base unit, by the factor of the part's day or another: the meter's own goes first."""
    leaf, on = part.leaf, day or part.day
    valid = [
        (factor.meter is not None, factor.published, Fraction(factor.kilograms) / factor.per_unit)
        for factor in factors
        if (factor.kind, factor.category, factor.unit) == (leaf.kind, leaf.category, leaf.unit)
        and factor.start <= on < factor.end
        and factor.meter in (None, part.meter)
    ]
    return max(valid)[2] if valid and leaf.flow in (None, "use") else None


def groups(asked: Mapping[str, str], expected: Expected, factors: list[Factor]) -> dict[Group, list[Part]]:
    """The parts of each row that is asked for."""
    first, last = date.fromisoformat(asked["from_"]), date.fromisoformat(asked["to"])
    by = asked.get("by", "").split(",")
    flows = asked.get("flow", "use").split(",")
    detail = {"no": [False], "yes": [True], "all": [False, True]}[asked.get("detail", "no")]
    found: defaultdict[Group, list[Part]] = defaultdict(list)
    for leaf, meter, bucket, amount in _parts(expected, factors, asked["bucket"] == "hour"):
        moment = bucket.astimezone(AMSTERDAM) if isinstance(bucket, datetime) else bucket
        day = moment.date() if isinstance(moment, datetime) else moment
        if not (
            (amount.quantity or amount.readings)
            and first <= day < last
            and leaf.kind == asked["kind"]
            and leaf.detail in detail
            and leaf.team == asked.get("team", leaf.team)
            and leaf.site == asked.get("site", leaf.site)
            and (leaf.flow is None or leaf.flow in flows)
        ):
            continue
        start = {
            "hour": moment,
            "day": day,
            "month": max(day.replace(day=1), first),
            "year": max(day.replace(month=1, day=1), first),
            "all": first,
        }[asked["bucket"]]
        keys = {name: getattr(leaf, name) for name in DIMENSIONS if name in by}
        if leaf.kind == "activity" or leaf.unit in ("ml_n", "ml"):
            keys["category"] = leaf.category
        if len(flows) > 1:
            keys["flow"] = leaf.flow
        group = Group(start, tuple(sorted(keys.items())), leaf.unit)
        found[group].append(Part(leaf, meter, day, amount))
    return found


def row_of(asked: Mapping[str, str], group: Group, parts: list[Part], factors: list[Factor]) -> Row:
    """The row of the contract where nothing was published."""
    quantity = sum(part.amount.quantity for part in parts)
    current = kilograms((weight(factors, part), part.amount.quantity) for part in parts)
    constant = kilograms((weight(factors, part, REFERENCE), part.amount.quantity) for part in parts)
    return {
        "start": group.start.isoformat(),
        "kind": asked["kind"],
        **dict(group.keys),
        **_display(group.unit, dict(group.keys), quantity),
        "readings": sum(part.amount.readings for part in parts),
        "co2e": {"as_reported": None, "current": current, "constant": constant},
        "co2e_differences": {
            "since_reported": None,
            "from_constant": difference(constant, current, "factors"),
        },
    }


def difference(before: str | None, after: str | None, cause: str) -> dict[str, str] | None:
    """All of it made by one cause; None where one of the two is not known."""
    if before is None or after is None:
        return None
    none = {"activity": "0.000", "factors": "0.000"}
    return none | {cause: format(Decimal(after) - Decimal(before), "f")}


def kilograms(weighed) -> str | None:
    """The sum of (weight, quantity); None where the weight of something lacks, or of all."""
    pairs = list(weighed)
    known = [factor * quantity for factor, quantity in pairs if factor is not None]
    if not known or any(factor is None and quantity for factor, quantity in pairs):
        return None
    return format(Decimal(round(sum(known) * 1000)).scaleb(-3, _PLENTY), "f")


def in_any_order(rows: list[Row]) -> list[Row]:
    """The rows so that they can be compared."""
    return sorted(rows, key=lambda row: sorted((name, str(value)) for name, value in row.items()))


def _parts(expected: Expected, factors: list[Factor], hourly: bool) -> Iterator[tuple[Any, ...]]:
    """The sums, those of meters with factors of their own apart."""
    own = {(factor.category, factor.meter) for factor in factors if factor.meter is not None}
    for (leaf, bucket), amount in (expected.hours if hourly else expected.days).items():
        rest = amount
        for category, meter in own:
            part = expected.meters.get((leaf, meter, bucket))
            if part is not None and (leaf.kind, leaf.category) == ("energy", category):
                rest = Sum(rest.quantity - part.quantity, rest.readings - part.readings)
                yield leaf, meter, bucket, part
        yield leaf, None, bucket, rest


def _display(base_unit: str, keys: dict[str, Any], quantity: int) -> Row:
    heat = keys.get("category") == "district-heat"
    names = [
        name for name, (unit, _) in UNITS.items() if unit == base_unit and name != ("kWh" if heat else "GJ")
    ]
    unit, per_unit = (names[0], UNITS[names[0]][1]) if names else (base_unit, 1)
    shown = Decimal(round(Fraction(quantity * 10**6, per_unit))).scaleb(-6, _PLENTY)
    return {"unit": unit, "quantity": shown, "base_unit": base_unit, "base_quantity": str(quantity)}
