"""What OpenAPI says of the reading calls: their parameters and the rows of their answers."""

from collections.abc import Iterable
from typing import Any

from services.query.openapi_parts import BASE_UNITS as _BASE_UNITS
from services.query.openapi_parts import BOTH as _BOTH
from services.query.openapi_parts import CO2E_DIFFERENCE as _DIFFERENCE
from services.query.openapi_parts import COUNT as _COUNT
from services.query.openapi_parts import DATE as _DATE
from services.query.openapi_parts import DECIMAL as _DECIMAL
from services.query.openapi_parts import KILOGRAMS as _KILOGRAMS
from services.query.openapi_parts import MOMENT as _MOMENT
from services.query.openapi_parts import OPTIONAL as _OPTIONAL
from services.query.openapi_parts import OPTIONAL_MOMENT as _OPTIONAL_MOMENT
from services.query.openapi_parts import TEXT as _TEXT
from services.query.openapi_parts import list_of as _list
from services.query.openapi_parts import object_of as _object
from services.query.openapi_parts import or_null as _or_null
from services.query.openapi_parts import said as _said
from services.query.parameters import Parameter

_POSTED_BY = "the name of the token, or integrator/SLUG; null when nobody knows"
_AMOUNT = {"base_unit": _TEXT, "base_quantity": _BASE_UNITS}
_PROBLEM = _object({"field": _TEXT, "problem": _TEXT, "allowed": _OPTIONAL, "hint": _OPTIONAL})
_IDENTITY = {"team": _TEXT, "kind": _TEXT, "source": _TEXT, "id": _TEXT}


TOTAL = _object(
    {
        "start": {**_TEXT, "description": "the first day, with bucket=hour the local hour with its offset"},
        "kind": _TEXT,
        "category": {**_TEXT, "description": "when asked for; always of volumes and activities"},
        "team": _TEXT,
        "site": _TEXT,
        "flow": _OPTIONAL,
        "method": _TEXT,
        "unit": _TEXT,
        "quantity": {"type": "number", "description": "for display, at most 6 decimals"},
        **_AMOUNT,
        "readings": {**_COUNT, "description": "readings that begin in the bucket and have such an amount"},
        "co2e": _object({"as_reported": _KILOGRAMS, "current": _KILOGRAMS, "constant": _KILOGRAMS}),
        "co2e_differences": _object(
            {
                "since_reported": {
                    **_object({"publication": _TEXT, "told_on": _DATE, **_DIFFERENCE}),
                    "type": ["object", "null"],
                    "description": "current less as_reported: by other amounts and by other factors",
                },
                "from_constant": {
                    **_object(_DIFFERENCE),
                    "type": ["object", "null"],
                    "description": "current less constant, in the same two parts",
                },
            }
        ),
    },
    optional=("category", "team", "site", "flow", "method"),
)

_REVISION = _object(
    {
        "revision": _COUNT,
        "state": {"enum": ["counted", "superseded", "retracted"]},
        "retracted": {"type": "boolean"},
        "received_at": _MOMENT,
        "recorded_at": _MOMENT,
        "start": _OPTIONAL_MOMENT,
        "end": {**_OPTIONAL_MOMENT, "description": "null for a moment"},
        "category": _OPTIONAL,
        "flow": _OPTIONAL,
        "site": _OPTIONAL,
        "method": _OPTIONAL,
        "detail": {"type": "boolean"},
        "amounts": _list(_object(_AMOUNT)),
        "shares": _list(_object({"day": {"type": "string", "format": "date"}, **_AMOUNT})),
        "meter": _OPTIONAL,
        "posted": {"type": ["object", "null"], "description": "amounts and units as they were spelt"},
        "texts": {"type": ["object", "null"], "description": "free texts that were not erased"},
        "erased": {"type": ["object", "null"], "description": "when each text was erased, by field"},
        "fingerprint": {
            **_TEXT,
            "description": "of the content, in hexadecimal digits; of one with an erased text under a key",
        },
        "posted_by": {**_OPTIONAL, "description": _POSTED_BY},
        "origin": {**_TEXT, "description": "the record that it came in"},
    }
)

MEASUREMENT = _object(
    {
        **_IDENTITY,
        "state": {"enum": ["counted", "retracted"], "description": "of the highest revision"},
        "revision": {**_COUNT, "description": "the highest"},
        "revisions": {**_list(_REVISION), "description": "the highest first"},
    }
)

FLAG = _object(
    {
        "flag": _COUNT,
        **_IDENTITY,
        "revision": _COUNT,
        "rule": _TEXT,
        "field": _TEXT,
        "reason": _object({"nl": _TEXT, "en": _TEXT}),
        **_AMOUNT,
        "usual": {**_OPTIONAL, "description": "the middle amount, in base units"},
        "flagged_at": _MOMENT,
        "state": {"enum": ["open", "confirmed", "corrected"]},
        "confirmed_at": _OPTIONAL_MOMENT,
        "confirmed_by": _OPTIONAL,
    }
)

REJECT = _object(
    {
        "reject": _COUNT,
        **dict.fromkeys(_IDENTITY, _OPTIONAL),
        "problems": _list(_PROBLEM),
        "received_at": _MOMENT,
        "recorded_at": _MOMENT,
        "topic": _TEXT,
        "origin": {**_TEXT, "description": "the record that it came in"},
        "position": {**_COUNT, "description": "of the event in its record, from 0"},
        "posted_by": {**_OPTIONAL, "description": _POSTED_BY},
        "excerpt": {**_OPTIONAL, "description": "how it begins; null when it is no longer kept"},
        "erased_at": {**_OPTIONAL_MOMENT, "description": "when text was erased from it"},
        "replayable_until": _OPTIONAL_MOMENT,
        "state": {"enum": ["open", "replayed", "dismissed"]},
        "replayed_at": {**_OPTIONAL_MOMENT, "description": "when its replay was counted"},
        "replay": {
            **_object(
                {
                    "received_at": _MOMENT,
                    "posted_by": _OPTIONAL,
                    "corrected": {"type": "boolean", "description": "another event was posted in its place"},
                    "new": _COUNT,
                    "repeats": _COUNT,
                    "rejected": _COUNT,
                    "rejects": {**_list(_COUNT), "description": "what was refused once more"},
                }
            ),
            "type": ["object", "null"],
        },
        "replay_of": {"type": ["integer", "null"], "description": "the reject that it was before"},
        "dismissed": {
            **_object({"at": _MOMENT, "by": _TEXT, "note": _TEXT}),
            "type": ["object", "null"],
        },
    }
)


_VALUE = {"description": "what differs, by field; null when it was not there"}

CHANGE = _object(
    {
        "at": _MOMENT,
        "by": {**_TEXT, "description": "the account that ran the command"},
        "login": {**_TEXT, "description": "the database's login that it came over"},
        "about": {**_TEXT, "description": "the sort of thing, like token or target"},
        "subject": {**_TEXT, "description": "which one"},
        "before": _VALUE,
        "after": _VALUE,
    }
)


_SOURCE = dict.fromkeys(("team", "source", "kind", "category", "site"), _TEXT)
_YEAR = {"type": "integer"}
_REASON = _object({"code": _TEXT, "nl": _TEXT, "en": _TEXT})


_FACTOR = _object(
    {
        "kind": _TEXT,
        "category": _TEXT,
        "year": _said(_YEAR, "of the list that it is from, the same for every day that is counted"),
        "kg_co2e": _said(_TEXT, "for one unit"),
        "unit": _TEXT,
        "source": _TEXT,
        "certainty": _TEXT,
    }
)

TARGET = _object(
    {
        "id": _TEXT,
        "title": _BOTH,
        "theme": {"enum": ["health", "knowledge", "co2", "circular", "medication"]},
        "kind": {"enum": ["reduction_vs_base", "share_max", "share_min", "absolute_max", "milestone"]},
        "scope": _said(_TEXT, "organisation, team/SLUG or site/SLUG"),
        "unit": _said(_TEXT, "of the amounts, as people see it"),
        "period": _object({"from": _DATE, "to": _said(_DATE, "the day after the last")}),
        "through": _said(_or_null(_DATE), "actual and limit_now are of the days before it, all complete"),
        "base": _said(_DECIMAL, "the amount of the base year"),
        "base_year": {"type": ["integer", "null"]},
        "limit": _said(_DECIMAL, "of the whole period"),
        "limit_now": _said(_DECIMAL, "up to `through`"),
        "actual": _said(_DECIMAL, "up to `through`"),
        "drift": _said(_DECIMAL, "(actual - limit_now) / limit_now; 0.05 is 5 % behind, negative ahead"),
        "projection": _said(
            _or_null(_object({"low": _DECIMAL, "high": _DECIMAL})), "of the whole period, as it goes now"
        ),
        "completeness": _said(_DECIMAL, "days with readings / days that were to be expected"),
        "coverage": _list(
            _object(
                {
                    "part": _TEXT,
                    "nl": _TEXT,
                    "en": _TEXT,
                    "state": {"enum": ["measured", "estimated", "missing", "left-out"]},
                    "why": _or_null(_REASON),
                }
            )
        ),
        "band": {"enum": ["green", "amber", "red", "unknown"]},
        "outcome": {"enum": ["running", "met", "missed", "cannot-tell"]},
        "reasons": _list(_REASON),
        "basis": _said(
            _or_null(_object({"chain": _TEXT, "market": _TEXT, "factors": _list(_FACTOR)})),
            "of kg CO2e: the fixed factors; null for other amounts",
        ),
        "contributions": _list(
            _object(
                {
                    "kind": _TEXT,
                    "category": _TEXT,
                    "flow": _TEXT,
                    "nl": _TEXT,
                    "en": _TEXT,
                    "actual": _DECIMAL,
                    "budget": _DECIMAL,
                    "difference": _said(_DECIMAL, "the largest is the largest cause"),
                }
            )
        ),
        "incomplete_sources": _list(
            _object({**_SOURCE, "missing_days": _TEXT, "since": _said(_DATE, "the first day that lacks")})
        ),
        "path": _list(
            _object({"year": _YEAR, "index": _said(_DECIMAL, "base year = 100"), "limit": _DECIMAL})
        ),
        "boundary": _BOTH,
        "source": _TEXT,
        "certainty": _TEXT,
        "thresholds": _said(
            _object({"amber_from": _TEXT, "red_from": _TEXT}),
            "green up to the first drift, red above the second",
        ),
    }
)


FACTOR = _object(
    {
        "factor": _said(_COUNT, "the number of this version, for ever"),
        "kind": _TEXT,
        "category": _TEXT,
        "layer": _said(
            {"enum": ["list", "own"]}, "the organisation's own goes before the list's, a meter's before both"
        ),
        "meter": _said(_OPTIONAL, "it holds for this meter's readings only; null: for all"),
        "chain": _said({"enum": ["wtw", "ttw"]}, "of the whole chain, or direct emissions only"),
        "market": {"enum": ["location", "market"]},
        "kg_co2e": _said(_TEXT, "of one unit, exact"),
        "unit": _TEXT,
        "from": _said(_DATE, "the first day on which it counts; not with history"),
        "to": _said(_DATE, "the day after the last; not with history"),
        "valid_from": _said(_DATE, "the first day for which it was recorded"),
        "valid_to": _DATE,
        "published": _said(_DATE, "by its source"),
        "recorded_at": _said(
            _MOMENT, "since when it is known here: as_of a moment before it does not know it"
        ),
        "recorded_by": _TEXT,
        "counts": _said({"type": "boolean"}, "on some day; not when corrected, withdrawn or covered"),
        "withdrawn": {"type": "boolean"},
        "source": _TEXT,
        "certainty": {"enum": ["seen", "computed", "background", "unknown"]},
        "note": _TEXT,
    },
    optional=("from", "to"),
)


def reading_call(
    parameters: Iterable[Parameter], row: dict[str, Any], head: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What a call that answers a list says of itself. `head`: what may stand before the rows."""
    answer = _object(
        {
            "as_of": {**_MOMENT, "description": "when the newest batch that is in here was counted"},
            "time_zone": _TEXT,
            **(head or {}),
            "rows": _list(row),
            "cursor": {**_OPTIONAL, "description": "continues the list; null on the last page"},
        },
        optional=head or (),
    )
    problem = _object(
        {"type": _TEXT, "title": _TEXT, "status": _COUNT, "detail": _TEXT, "errors": _list(_PROBLEM)}
    )
    return {
        "parameters": [parameter.openapi() for parameter in parameters],
        "responses": {
            "200": {"description": "One page", "content": {"application/json": {"schema": answer}}},
            "422": {
                "description": "Wrong parameters; `errors` names all of them",
                "content": {"application/problem+json": {"schema": problem}},
            },
        },
    }
