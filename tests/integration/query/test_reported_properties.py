"""Whatever is posted, published and asked, as of any batch: as_reported is what the oracle said then."""

import asyncio
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import UserError
from tests.integration.query.asking import ask, pages
from tests.integration.query.publishing import told
from tests.integration.store.recording import batch_of, empty, record
from tests.oracle import AMSTERDAM, Expected, Leaf, Sum, expect
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


class Published(NamedTuple):
    """What was told of the days [first, end), which was the oracle's then."""

    name: str
    first: date
    end: date
    kinds: list[str] | None
    expected: Expected


@st.composite
def publications(draw):
    """Days and kinds to publish; often long enough to cover what is asked."""
    first = date(2024, 1, 1) + timedelta(days=draw(st.integers(-400, 900)))
    days = draw(st.sampled_from([1, 31, 400, 2000]))
    kinds = draw(st.sampled_from([None, None, ["waste"], [kind for kind in KINDS if kind != "waste"]]))
    return first, first + timedelta(days=days), kinds


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


@settings(max_examples=8, deadline=None, database=None, suppress_health_check=[*HealthCheck])
@given(data=st.data())
def test_what_was_reported_is_what_the_oracle_said_then(organisation, data):
    empty(organisation)
    factors = _factors(organisation)
    batches = data.draw(batched(data.draw(histories(conflicts=True))))
    moments, published = [], []
    posted: list[str] = []
    for batch in batches:
        asyncio.run(record(organisation, [batch_of(batch)]))
        posted += batch
        if data.draw(st.booleans()):
            first, end, kinds = data.draw(publications())
            new = Published(f"report {len(published)}", first, end, kinds, expect(posted, ORGANISATION))
            try:
                told(organisation, new.name, str(first), str(end), kinds=kinds)
            except UserError:  # nothing was measured then
                assert not any(_is_told(new, leaf.kind, day) for leaf, day in new.expected.days)
            else:
                published.append(new)
        newest = ask(organisation, kind="waste", from_="2024-01-01", to="2024-01-02")["as_of"]
        moments.append((newest, len(posted), len(published)))
    asked = data.draw(questions())

    for moment, events, reports in moments:
        expected = _rows(asked, expect(posted[:events], ORGANISATION), factors, published[:reports])
        answers = pages(organisation, **asked, as_of=moment, limit=str(data.draw(st.integers(1, 9))))
        rows = [row for answer in answers for row in answer["rows"]]
        assert sorted(rows, key=_order) == sorted(expected, key=_order)
        assert {answer["as_of"] for answer in answers} == {moment}


def _is_told(report: Published, kind: str, day: date) -> bool:
    return report.first <= day < report.end and (report.kinds is None or kind in report.kinds)


def _order(row):
    return sorted((name, str(value)) for name, value in row.items())


def _factors(dsn):
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            """
            SELECT kind, category, base_unit, valid_from, valid_to, recorded_on, kg_co2e, base_units_per_unit
            FROM emission_factor WHERE chain = 'wtw' AND market = 'location'
            """
        ).fetchall()


def _factor(factors, leaf: Leaf, day: date) -> Fraction | None:
    """kg CO2e of one base unit."""
    valid = [
        (recorded, Fraction(kilograms) / per_unit)
        for kind, category, unit, start, end, recorded, kilograms, per_unit in factors
        if (kind, category, unit) == (leaf.kind, leaf.category, leaf.unit) and start <= day < end
    ]
    return max(valid)[1] if valid and leaf.flow in (None, "use") else None


def _groups(asked: dict[str, str], expected: Expected):
    """The parts of each row: by start, keys and unit, what each leaf has on each day."""
    first, last = date.fromisoformat(asked["from_"]), date.fromisoformat(asked["to"])
    by = asked.get("by", "").split(",")
    flows = asked.get("flow", "use").split(",")
    detail = {"no": [False], "yes": [True], "all": [False, True]}[asked.get("detail", "no")]
    groups: defaultdict[tuple[Any, ...], list[tuple[Leaf, date, Sum]]] = defaultdict(list)
    hourly = asked["bucket"] == "hour"
    for (leaf, bucket), amount in (expected.hours if hourly else expected.days).items():
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
        groups[start, tuple(sorted(keys.items())), leaf.unit].append((leaf, day, amount))
    return groups


def _rows(asked: dict[str, str], expected: Expected, factors, published) -> list[dict[str, Any]]:
    """The rows of the contract, from the oracle's sums."""
    reported = {report.name: _groups(asked, report.expected) for report in published}
    rows = []
    for (start, keys, unit), parts in _groups(asked, expected).items():
        quantity = sum(amount.quantity for _, _, amount in parts)
        readings = sum(amount.readings for _, _, amount in parts)
        if quantity or readings:
            row = {
                "start": start.isoformat(),
                "kind": asked["kind"],
                **dict(keys),
                **_display(unit, dict(keys), quantity),
            }
            current = _kilograms([(_factor(factors, leaf, day), amount) for leaf, day, amount in parts])
            constant = _kilograms(
                [(_factor(factors, leaf, date(2023, 12, 31)), amount) for leaf, _, amount in parts]
            )
            name = _newest(asked, start, published)
            then = reported[name][start, keys, unit] if name else []
            reported, since = _told(name, then, parts, current, factors)
            co2e = {"as_reported": reported, "current": current, "constant": constant}
            differences = {
                "since_reported": since,
                "from_constant": _difference(constant, current, "factors"),
            }
            rows.append(row | {"readings": readings, "co2e": co2e, "co2e_differences": differences})
    return rows


def _newest(asked: dict[str, str], start: date | datetime, published) -> str | None:
    """The name of the newest publication that tells of all the days of a row; none of hours."""
    if asked["bucket"] == "hour":
        return None
    end = date.fromisoformat(asked["to"])
    following = {
        "day": start + timedelta(days=1),
        "month": (start.replace(day=1) + timedelta(days=31)).replace(day=1),
        "year": date(start.year + 1, 1, 1),
        "all": end,
    }[asked["bucket"]]
    last = min(end, following) - timedelta(days=1)
    covering = [
        report.name
        for report in published
        if _is_told(report, asked["kind"], start) and _is_told(report, asked["kind"], last)
    ]
    return covering[-1] if covering else None


def _told(name, then, now, current, factors) -> tuple[str | None, dict[str, Any] | None]:
    """What was reported, and its difference from now. The factors are the same, so other amounts make it."""
    if name is None:
        return None, None
    # A leaf that has something on a day now had nothing then, by the factor of then.
    sums = [(_factor(factors, leaf, day), amount) for leaf, day, amount in then]
    sums += [(_factor(factors, leaf, day), Sum(0, 0)) for leaf, day, _ in now]
    reported = _kilograms(sums)
    difference = _difference(reported, current, "activity") or {"activity": None, "factors": None}
    return reported, {"publication": name, "told_on": "2026-04-03"} | difference


def _difference(before: str | None, after: str | None, cause: str) -> dict[str, str] | None:
    if before is None or after is None:
        return None
    none = {"activity": "0.000", "factors": "0.000"}
    return none | {cause: format(Decimal(after) - Decimal(before), "f")}


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
