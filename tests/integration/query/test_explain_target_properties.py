"""Random targets are followed back from their explanation alone, in other code, to the same last unit."""

from datetime import date, datetime, timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.query.explain import explain_answer
from services.query.targets import targets_answer
from services.store.configuration import change
from tests.follower import decimal, follow_target, follow_total
from tests.integration.query.asking import ask, count, event, pages
from tests.integration.store.recording import empty
from tests.integration.tracking.tracked import month
from tests.oracle import AMSTERDAM


def part(slug, kind, *categories):
    return {"slug": slug, "nl": slug, "en": slug, "kind": kind, "categories": list(categories)}


COMMON = {"theme": "circular"}
BAGS, ALL = part("bags", "waste", "residual"), part("all", "waste", "residual", "paper")
POWER = part("power", "energy", "electricity")
HEAT = part("heat", "energy", "natural-gas")
TARGETS = {
    "less-waste": {"kind": "reduction_vs_base", "unit": "kg", "parts": [ALL]},
    "less-waste-of-a-team": {"kind": "reduction_vs_base", "unit": "kg", "parts": [ALL], "team": "keuken"},
    "less-co2": {"kind": "reduction_vs_base", "unit": "kg CO2e", "measure": "co2e", "parts": [POWER, HEAT]},
    "direct-co2": {
        "kind": "reduction_vs_base",
        "unit": "kg CO2e",
        "measure": "co2e",
        "chain": "ttw",
        "parts": [POWER, HEAT],
    },
    "from-an-amount": {"kind": "reduction_vs_base", "unit": "kg", "parts": [BAGS], "base_amount": 1234},
    "unsorted": {"kind": "share_max", "unit": "%", "parts": [BAGS], "of": [ALL]},
    "sorted": {"kind": "share_min", "unit": "%", "parts": [part("sorted", "waste", "paper")], "of": [ALL]},
    "power": {"kind": "absolute_max", "unit": "kWh", "parts": [POWER], "shape_years": [2018, 2019]},
}


@settings(
    max_examples=3,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
    report_multiple_bugs=False,
)
@given(chance=st.randoms(use_true_random=False))
def test_random_targets_follow_from_what_was_measured(organisation, chance):
    empty(organisation)
    anchors = [{"year": 2018, "value": 100}, {"year": 2027, "value": chance.randrange(40, 90)}]
    targets = {}
    for slug, target in TARGETS.items():
        path = anchors
        if "reduction" not in target["kind"]:
            path = [
                {"year": 2026, "value": chance.randrange(1, 60)},
                {"year": 2028, "value": chance.randrange(1, 60)},
            ]
        base = {"base_year": 2018} if path is anchors else {}
        targets[slug] = COMMON | base | {"nl": slug, "en": slug, "anchors": path} | target
    change(organisation, {"targets": targets}, "test")
    count(organisation, *_months(chance))
    count(organisation, *_corrections(chance))
    on = date(2026, 3, 1) + timedelta(days=chance.randrange(300))

    rows = {row["id"]: row for row in ask(organisation, targets_answer, on=on.isoformat())["rows"]}
    judged = 0
    for slug in TARGETS:
        answer = ask(organisation, explain_answer, target=slug, on=on.isoformat())
        explained = answer["target"]
        assert {name: explained[name] for name in rows[slug]} == rows[slug]
        found = follow_target(answer)
        assert {name: None if value is None else str(value) for name, value in found.items()} == {
            name: explained["exact"][name] for name in found
        }
        for name in ("base", "limit", "limit_now", "actual"):
            assert rows[slug][name] == _shown(found[name], rows[slug]["unit"])
        judged += found["drift"] is not None
        for amount in explained["amounts"][:3]:
            asked = {
                f"{name}_" if name == "from" else name: value for name, value in amount["explain"].items()
            }
            figures = follow_total(pages(organisation, explain_answer, **asked))
            assert sum(figure.base_quantity for _, figure in figures) == int(amount["base_quantity"])
    assert judged >= 4


def _shown(value, unit):
    if value is None:
        return None
    if unit == "kg CO2e":
        return decimal(value, 3)
    return decimal(value, 4 if unit == "%" else 6).rstrip("0").rstrip(".")


def _months(chance):
    """Two years to compare with, and 2026: waste and power by month, gas by year or by month."""
    for year in (2018, 2019, 2026):
        for number in range(1, 13):
            if (year, number) < (2026, 11):
                for team in ("ok-centrum", "keuken"):
                    for stream in ("residual", "paper"):
                        data = {"stream": stream, "unit": "kg", "detail": False}
                        yield month("waste", year, number, data | _quantity(chance), team=team)
                power = {"carrier": "electricity", "unit": "kWh", "method": "invoiced"}
                yield month("energy", year, number, power | _quantity(chance))
                if year == 2026:
                    yield month(
                        "energy",
                        year,
                        number,
                        power | {"carrier": "natural-gas", "unit": "Nm3"} | _quantity(chance),
                    )
    for year in (2018, 2019):
        period = {"from": _midnight(year), "to": _midnight(year + 1)}
        gas = {"carrier": "natural-gas", "unit": "Nm3"} | _quantity(chance) | period
        yield event("energy", f"gas-{year}", gas)


def _midnight(year):
    return datetime(year, 1, 1, tzinfo=AMSTERDAM).isoformat()


def _quantity(chance):
    return {"quantity": f"{chance.randrange(1, 10**6)}.{chance.randrange(10**6):06}"}


def _corrections(chance):
    for number in chance.sample(range(1, 11), 4):
        data = {"stream": "paper", "unit": "kg", "detail": False} | _quantity(chance)
        yield month("waste", 2026, number, data, revision=2)
