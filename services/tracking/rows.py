"""An evaluation as the row that people and programs read, and as the inputs that are stored with it.

Decimals are texts, rounded once, half to even.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from schemas.catalogue import category_names
from schemas.targets import Target
from services.tracking.measured import Measured
from services.tracking.measuring import Factors
from services.tracking.result import Contribution, Coverage, Evaluation, IncompleteSource, Reason

_PLACES = 6
_GRAMS = 3
_SHARE_PLACES = 4
_CO2E = "kg CO2e"

Row = dict[str, Any]


def target_row(target: Target, evaluation: Evaluation, factors: Factors) -> Row:
    """The row of `GET /v1/targets`. `factors`: the fixed factors as they were published."""

    def amount(value: Fraction | None) -> str | None:
        return None if value is None else _amount(value, target.unit)

    projection = evaluation.projection
    return {
        "id": target.slug,
        "title": {"nl": target.nl, "en": target.en},
        "theme": target.theme,
        "kind": target.kind,
        "scope": target.scope,
        "unit": target.unit,
        "period": {"from": evaluation.period.start.isoformat(), "to": evaluation.period.end.isoformat()},
        "through": None if evaluation.through is None else evaluation.through.isoformat(),
        "base": amount(evaluation.base),
        "base_year": target.base_year,
        "limit": amount(evaluation.limit),
        "limit_now": amount(evaluation.limit_now),
        "actual": amount(evaluation.actual),
        "drift": ratio_text(evaluation.drift),
        "projection": None
        if projection is None
        else {"low": amount(projection.low), "high": amount(projection.high)},
        "completeness": ratio_text(evaluation.completeness),
        "coverage": [_coverage(part) for part in evaluation.coverage],
        "band": evaluation.band,
        "outcome": evaluation.outcome,
        "reasons": [reason._asdict() for reason in evaluation.reasons],
        "basis": _basis(target, evaluation, factors),
        "contributions": [_contribution(item, target.unit) for item in evaluation.contributions],
        "incomplete_sources": [incomplete_source_row(source) for source in evaluation.incomplete_sources],
        "path": [
            {"year": point.year, "index": ratio_text(point.index), "limit": amount(point.limit)}
            for point in evaluation.path
        ],
        "boundary": target.boundary.model_dump(),
        "source": target.source,
        "certainty": target.certainty,
        "thresholds": {
            "amber_from": ratio_text(Fraction(target.amber_from)),
            "red_from": ratio_text(Fraction(target.red_from)),
        },
    }


def inputs_of(target: Target, measured: Measured, factors: Factors) -> dict[str, Any]:
    """What an evaluation was worked out from: the definition, amounts by year, sources, factors.

    The batch that is stored beside it says which readings: the ledger keeps them.
    """
    amounts: Counter[tuple[str, str, str, str, int]] = Counter()
    for item in measured.amounts:
        amounts[item.kind, item.flow, item.category, item.method, item.day.year] += item.quantity
    return {
        "target": target.model_dump(mode="json"),
        "amounts": [
            {
                "kind": kind,
                "flow": flow,
                "category": category,
                "method": method,
                "year": year,
                "base_quantity": str(quantity),
            }
            for (kind, flow, category, method, year), quantity in sorted(amounts.items())
        ],
        "sources": [
            {
                "team": series.team,
                "kind": series.kind,
                "source": series.source,
                "category": series.category,
                "site": series.site,
                "readings": sum(day.readings for day in series.days),
                "first": series.days[0].day.isoformat(),
                "last": series.days[-1].day.isoformat(),
            }
            for series in measured.sources
        ],
        "factors": _factors(factors, factors),
    }


def incomplete_source_row(source: IncompleteSource) -> Row:
    """A source that lacks readings."""
    missing_days = ratio_text(source.missing_days)
    return source._asdict() | {"missing_days": missing_days, "since": source.since.isoformat()}


def _basis(target: Target, evaluation: Evaluation, factors: Factors) -> Row | None:
    if target.measure != "co2e":
        return None
    return {
        "chain": target.chain,
        "market": target.market,
        "factors": _factors(evaluation.factors, factors),
    }


def _factors(used: Iterable[tuple[str, str]], factors: Factors) -> list[Row]:
    return [
        {
            "kind": kind,
            "category": category,
            "year": factors[kind, category].year,
            "kg_co2e": _plain(factors[kind, category].kg_co2e),
            "unit": factors[kind, category].unit,
            "source": factors[kind, category].source,
            "certainty": factors[kind, category].certainty,
        }
        for kind, category in sorted(used)
    ]


def _coverage(part: Coverage) -> Row:
    return part._asdict() | {"why": part.why._asdict() if isinstance(part.why, Reason) else None}


def _contribution(item: Contribution, unit: str) -> Row:
    names = category_names(item.kind)[item.category]
    values = {"actual": item.actual, "budget": item.budget, "difference": item.difference}
    return {
        "kind": item.kind,
        "category": item.category,
        "flow": item.flow,
        "nl": names.nl,
        "en": names.en,
        **{name: None if value is None else _amount(value, unit) for name, value in values.items()},
    }


def _amount(value: Fraction, unit: str) -> str:
    """kg CO2e to the gram, a share to 4 decimals, others to 6 where they are needed."""
    if unit == _CO2E:
        return _decimal(value, _GRAMS)
    return _trimmed(value, _SHARE_PLACES if unit == "%" else _PLACES)


def ratio_text(value: Fraction | None) -> str | None:
    """A ratio to 6 decimals where they are needed; None stays None."""
    return None if value is None else _trimmed(value, _PLACES)


def _trimmed(value: Fraction, places: int) -> str:
    return _decimal(value, places).rstrip("0").rstrip(".")


def _decimal(value: Fraction, places: int) -> str:
    scaled = round(value * 10**places)  # `round` of a fraction is half to even
    whole, rest = divmod(abs(scaled), 10**places)
    return f"{'-' if scaled < 0 else ''}{whole}.{rest:0{places}}"


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")
