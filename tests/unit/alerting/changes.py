"""Changes as the tracker would write them, made up."""

from datetime import UTC, date, datetime

from services.store.outbox import Change

CHANGED_AT = datetime(2026, 10, 2, 6, 0, 3, 250000, UTC)
WHY = {"code": "why", "nl": "Daarom.", "en": "That is why."}


def row(**other):
    """A row of `GET /v1/targets`: residual waste 12.4 % behind."""
    return {
        "id": "residual-waste-2026",
        "title": {"nl": "Restafval 25 % minder in 2026", "en": "Residual waste 25 % less in 2026"},
        "theme": "circular",
        "kind": "reduction_vs_base",
        "scope": "organisation",
        "unit": "kg",
        "period": {"from": "2026-01-01", "to": "2027-01-01"},
        "through": "2026-10-01",
        "base": "72000",
        "base_year": 2018,
        "limit": "54000",
        "limit_now": "40242.5",
        "actual": "45232.57",
        "drift": "0.124",
        "projection": {"low": "60000", "high": "61000.5"},
        "completeness": "0.982143",
        "coverage": [
            {"part": "residual", "nl": "restafval", "en": "residual waste", "state": "measured", "why": None},
            {"part": "bulky", "nl": "grofvuil", "en": "bulky waste", "state": "estimated", "why": WHY},
            {"part": "glass", "nl": "glas", "en": "glass", "state": "left-out", "why": WHY},
        ],
        "band": "red",
        "outcome": "running",
        "reasons": [{"code": "behind", "nl": "Er is meer restafval.", "en": "There is more residual waste."}],
        "basis": None,
        "contributions": [
            {
                "kind": "waste",
                "category": "residual",
                "flow": "use",
                "nl": "restafval (ongesorteerd)",
                "en": "residual (unsorted)",
                "actual": "41000",
                "budget": "36500",
                "difference": "4500",
            },
            {
                "kind": "waste",
                "category": "bulky",
                "flow": "use",
                "nl": "grofvuil",
                "en": "bulky waste",
                "actual": "4232.57",
                "budget": "3742.5",
                "difference": "490.07",
            },
        ],
        "incomplete_sources": [{"team": "a4", "source": "/x", "category": "residual", "missing_days": 3}],
        "path": [{"year": 2018, "index": "100", "limit": "72000"}],
        "boundary": {"nl": "alle locaties", "en": "all sites"},
        "source": "Green Deal",
        "certainty": "high",
        "thresholds": {"amber_from": "0", "red_from": "0.05"},
    } | other


def change(change_no=7, to_band="red", since=date(2026, 9, 1), **other):
    """A change of the target of `row`."""
    evaluation = row(**other)
    return Change(change_no, evaluation["id"], "green", to_band, since, CHANGED_AT, evaluation)
