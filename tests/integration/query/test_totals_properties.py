"""Whatever is posted and whatever is asked, as of any batch: totals are those of the oracle."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.query.asking import ask, pages
from tests.integration.store.recording import batch_of, empty, record
from tests.integration.store.test_own_meters import OWN, add
from tests.oracle import AMSTERDAM, Leaf, Sum, expect
from tests.strategies import KINDS, ORGANISATION, batched, histories

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


@settings(max_examples=20, deadline=None, database=None, suppress_health_check=[*HealthCheck])
@given(data=st.data())
def test_totals_are_those_of_the_oracle(organisation, data):
    empty(organisation)
    batches = data.draw(batched(data.draw(histories(conflicts=True))))
    own = data.draw(st.lists(st.sampled_from(OWN), unique=True))
    given_at = data.draw(st.integers(0, len(batches) - 1))
    moments = []
    for number, batch in enumerate(batches):
        if number == given_at:
            for meter in own:
                add(organisation, meter)
        asyncio.run(record(organisation, [batch_of(batch)]))
        moments.append(ask(organisation, kind="waste", from_="2024-01-01", to="2024-01-02")["as_of"])
    asked = data.draw(questions())
    factors = _factors(organisation, {(category, meter) for category, _, meter in own})

    for number, moment in enumerate(moments):
        posted = [event for batch in batches[: number + 1] for event in batch]
        known = [factor for factor in factors if factor.recorded_at <= datetime.fromisoformat(moment)]
        expected = _rows(asked, expect(posted, ORGANISATION), known)
        answers = pages(organisation, **asked, as_of=moment, limit=str(data.draw(st.integers(1, 9))))
        rows = [row for answer in answers for row in answer["rows"]]
        assert sorted(rows, key=_order) == sorted(expected, key=_order)
        assert {answer["as_of"] for answer in answers} == {moment}


def _order(row):
    return sorted((name, str(value)) for name, value in row.items())


class Known(NamedTuple):
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


def _factors(dsn, own) -> list[Known]:
    """Of meters only those that this example gave factors of their own."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            """
            SELECT kind, category, base_unit, valid_from, valid_to, recorded_on, recorded_at, meter, kg_co2e,
                base_units_per_unit
            FROM emission_factor WHERE chain = 'wtw' AND market = 'location'
            """
        ).fetchall()
    factors = [Known(*row) for row in rows]
    return [factor for factor in factors if factor.meter is None or (factor.category, factor.meter) in own]


def _factor(factors: list[Known], leaf: Leaf, meter: str | None, day: date) -> Fraction | None:
    """kg CO2e of one base unit: the meter's own goes before that for all."""
    valid = [
        (factor.meter is not None, factor.published, Fraction(factor.kilograms) / factor.per_unit)
        for factor in factors
        if (factor.kind, factor.category, factor.unit) == (leaf.kind, leaf.category, leaf.unit)
        and factor.start <= day < factor.end
        and factor.meter in (None, meter)
    ]
    return max(valid)[2] if valid and leaf.flow in (None, "use") else None


def _parts(expected, factors: list[Known], hourly: bool) -> Iterator[tuple[Leaf, str | None, Any, Sum]]:
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


def _rows(asked: dict[str, str], expected, factors) -> list[dict[str, Any]]:
    """The rows of the contract, from the oracle's sums."""
    first, last = date.fromisoformat(asked["from_"]), date.fromisoformat(asked["to"])
    by = asked.get("by", "").split(",")
    flows = asked.get("flow", "use").split(",")
    detail = {"no": [False], "yes": [True], "all": [False, True]}[asked.get("detail", "no")]
    groups: defaultdict[tuple[Any, ...], list[tuple[Leaf, str | None, date, Sum]]] = defaultdict(list)
    for leaf, meter, bucket, amount in _parts(expected, factors, asked["bucket"] == "hour"):
        moment = bucket.astimezone(AMSTERDAM) if isinstance(bucket, datetime) else bucket
        day = moment.date() if isinstance(moment, datetime) else moment
        if not (
            first <= day < last
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
        groups[start.isoformat(), tuple(sorted(keys.items())), leaf.unit].append((leaf, meter, day, amount))
    rows = []
    for (start, keys, unit), parts in groups.items():
        quantity = sum(amount.quantity for *_, amount in parts)
        readings = sum(amount.readings for *_, amount in parts)
        if quantity or readings:
            row = {
                "start": start,
                "kind": asked["kind"],
                **dict(keys),
                **_display(unit, dict(keys), quantity),
            }
            co2e = {
                "as_reported": None,
                "current": _kilograms(
                    [(_factor(factors, leaf, meter, day), amount) for leaf, meter, day, amount in parts]
                ),
                "constant": _kilograms(
                    [
                        (_factor(factors, leaf, meter, date(2023, 12, 31)), amount)
                        for leaf, meter, _, amount in parts
                    ]
                ),
            }
            rows.append(row | {"readings": readings, "co2e": co2e, "co2e_differences": _differences(co2e)})
    return rows


def _differences(co2e: dict[str, str | None]) -> dict[str, Any]:
    """Nothing was published; between today's and fixed factors only factors differ."""
    if co2e["current"] is None or co2e["constant"] is None:
        return {"since_reported": None, "from_constant": None}
    factors = format(Decimal(co2e["current"]) - Decimal(co2e["constant"]), "f")
    return {"since_reported": None, "from_constant": {"activity": "0.000", "factors": factors}}


def _display(base_unit: str, keys: dict[str, Any], quantity: int) -> dict[str, Any]:
    heat = keys.get("category") == "district-heat"
    names = [
        name for name, (unit, _) in UNITS.items() if unit == base_unit and name != ("kWh" if heat else "GJ")
    ]
    unit, per_unit = (names[0], UNITS[names[0]][1]) if names else (base_unit, 1)
    shown = Decimal(round(Fraction(quantity * 10**6, per_unit))).scaleb(-6, _PLENTY)
    return {"unit": unit, "quantity": shown, "base_unit": base_unit, "base_quantity": str(quantity)}


def _kilograms(parts) -> str | None:
    known = [factor * amount.quantity for factor, amount in parts if factor is not None]
    lacking = any(factor is None and amount.quantity for factor, amount in parts)
    return (
        None if lacking or not known else format(Decimal(round(sum(known) * 1000)).scaleb(-3, _PLENTY), "f")
    )
