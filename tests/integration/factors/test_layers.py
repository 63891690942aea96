"""Whatever is recorded, in whatever order: what counts on a day, as of any moment, by a second reckoning."""

import itertools
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import psycopg
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.factor_versions import FactorVersion, periods
from services.store.connection import connect
from services.store.factors import read_recorded, record_factors

DAYS = 12
METERS = ("W-1", "W-2")
_windows = itertools.count()


@st.composite
def versions(draw, first):
    """A version of one thing on some days of a window."""
    start = draw(st.integers(0, DAYS - 1))
    layer = draw(st.sampled_from(["list", "own"]))
    return FactorVersion(
        kind="energy",
        category="district-heat",
        unit=draw(st.sampled_from(["GJ", "MJ"])),
        kg_co2e=Decimal(draw(st.integers(1, 10**6))),
        chain="wtw",
        market="location",
        valid_from=first + timedelta(days=start),
        valid_to=first + timedelta(days=draw(st.integers(start + 1, DAYS))),
        published=date(2026, 1, draw(st.integers(1, 3))),
        source="",
        certainty="seen",
        layer=layer,
        meter=draw(st.sampled_from([None, *METERS])) if layer == "own" else None,
        withdrawn=draw(st.integers(0, 3)) == 0,
    )


def reckoned(recorded, as_of, day, meter):
    """The number of the factor that counts, by the words of the rule: one layer after the other."""
    for layer, of_meter in (("own", meter), ("own", None), ("list", None)):
        holding = [
            (item.version.published, item.recorded_at, item.factor_no, item.version)
            for item in recorded
            if item.recorded_at <= as_of
            and (item.version.layer, item.version.meter) == (layer, of_meter)
            and item.version.valid_from <= day < item.version.valid_to
        ]
        if holding and not max(holding, key=lambda item: item[:3])[3].withdrawn:
            return max(holding, key=lambda item: item[:3])[2]
    return None


@settings(
    max_examples=15,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)
@given(data=st.data())
def test_what_counts_on_each_day_as_of_each_moment(database, data):
    first = date(2040, 1, 1) + timedelta(days=20 * next(_windows))
    days = [first + timedelta(days=number) for number in range(-1, DAYS + 1)]
    batches = data.draw(st.lists(st.lists(versions(first), min_size=1, max_size=3), min_size=1, max_size=5))
    with connect(database) as connection:
        moments = [record_factors(connection, batch, "test") for batch in batches]
        recorded = [
            item for item in read_recorded(connection) if first <= item.version.valid_from <= days[-1]
        ]
        own = {meter for (meter,) in connection.execute("SELECT meter FROM own_meter")}
        for as_of in moments:
            assert _known(connection, as_of, days, own) == {
                (day, meter): number
                for day in days
                for meter in (None, *own)
                if (number := reckoned(recorded, as_of, day, meter)) is not None
            }
    assert moments == sorted(set(moments))
    _assert_python_agrees(recorded, first, days)


def _known(connection: psycopg.Connection, as_of, days, own):
    rows = connection.execute(
        """
        SELECT day::date, meter, factor_no
        FROM factors_known(%s)
        JOIN generate_series(%s::date, %s::date, interval '1 day') AS day
            ON day >= valid_from AND day < valid_to
        WHERE category = 'district-heat' AND chain = 'wtw' AND market = 'location'
        """,
        (as_of, days[0], days[-1]),
    ).fetchall()
    known = {(day, meter): number for day, meter, number in rows}
    assert len(known) == len(rows)  # one factor for each day
    return known


def _assert_python_agrees(recorded, first, days):
    """The rule of one layer stands a second time in Python, for the commands that add to it."""
    for thing in {item.version.thing for item in recorded}:
        same = [item for item in recorded if item.version.thing == thing]
        alone = [replace(item, version=replace(item.version, meter=None, layer="list")) for item in same]
        for period in periods(same, first, days[-1]):
            for offset in range((period.end - period.start).days):
                number = reckoned(
                    alone, max(item.recorded_at for item in same), period.start + timedelta(offset), None
                )
                assert number == (period.recorded.factor_no if period.version else None)
