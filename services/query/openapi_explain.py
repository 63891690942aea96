"""What OpenAPI says of an explanation."""

from services.query.openapi import TARGET, TOTAL
from services.query.openapi_parts import (
    BASE_UNITS,
    BOTH,
    COUNT,
    DATE,
    MOMENT,
    OPTIONAL,
    OPTIONAL_COUNT,
    OPTIONAL_MOMENT,
    TEXT,
    list_of,
    object_of,
    or_null,
    said,
)

_FRACTION = {"type": "string", "pattern": r"^-?[0-9]+(/[0-9]+)?$", "description": "exact, like 7/3"}
_OPTIONAL_FRACTION = {**_FRACTION, "type": ["string", "null"]}
_DIGITS = {"type": "string", "pattern": "^[0-9]+$"}
_SENTENCES = list_of(TEXT)

_CONVERSION = object_of(
    {
        "field": said(TEXT, "of the event's data"),
        "posted": said(TEXT, "the number as it was spelt"),
        "unit": said(OPTIONAL, "as posted; of containers their name; null for pieces and euros"),
        "base_units_per_unit": _DIGITS,
        "correction": said(TEXT, "the meter's Nm3 in one m3 as read, 1 for all else"),
        "exact": said(_FRACTION, "posted x base_units_per_unit x correction"),
        "rounding": said(_FRACTION, "base_quantity - exact"),
    }
)
_SHARE = object_of(
    {
        "day": DATE,
        "hour": MOMENT,
        "seconds": said(_OPTIONAL_FRACTION, "of the reading on this day or in this hour; null of a moment"),
        "rounded_down": BASE_UNITS,
        "remainder": said(_FRACTION, "of a base unit, that rounding down took away"),
        "extra": said(COUNT, "1 when it was given one of the units that were left over"),
        "base_quantity": said(BASE_UNITS, "rounded_down + extra"),
    },
    optional=("day", "hour"),
)
READING = object_of(
    {
        **dict.fromkeys(("team", "kind", "source", "id"), TEXT),
        "revision": said(COUNT, "the one that counts"),
        "received_at": said(MOMENT, "when it was posted"),
        "recorded_at": MOMENT,
        "posted_by": said(OPTIONAL, "the name of the token; null of an integrator, and for a viewer"),
        "origin": said(TEXT, "the record that it came in"),
        "start": MOMENT,
        "end": said(OPTIONAL_MOMENT, "null for a moment"),
        "category": TEXT,
        "flow": OPTIONAL,
        "site": TEXT,
        "method": TEXT,
        "detail": {"type": "boolean"},
        "meter": OPTIONAL,
        "posted": {"type": ["object", "null"], "description": "amounts and units as they were spelt"},
        "texts": {"type": ["object", "null"], "description": "free texts; null for a viewer"},
        "erased": {"type": ["object", "null"], "description": "when each text was erased, by field"},
        "begins": {"type": "boolean", "description": "whether it is one of the `readings` of the row"},
        "split_over": said(COUNT, "the local days (of an hour: hours) that it touches, also those not asked"),
        "amounts": list_of(
            object_of(
                {
                    "base_unit": TEXT,
                    "base_quantity": said(BASE_UNITS, "of the whole reading"),
                    "conversion": said(
                        or_null(_CONVERSION), "null when the catalogue has another weight or unit by now"
                    ),
                    "counted": said(BASE_UNITS, "the sum of the shares, which is what the row has of it"),
                    "shares": said(list_of(_SHARE), "of the days, or the hour, asked"),
                }
            )
        ),
    }
)

_IN_VIEW = or_null(object_of({"factor": said(COUNT, "its number"), "kg_co2e": _FRACTION}))
_SUM = object_of(
    {
        "category": TEXT,
        "flow": OPTIONAL,
        "meter": said(
            OPTIONAL, "only readings of this meter, which has factors of its own; null: the others"
        ),
        "from": DATE,
        "to": said(DATE, "the day after the last"),
        "base_unit": TEXT,
        "base_quantity": BASE_UNITS,
        "readings": COUNT,
        "current": said(_IN_VIEW, "null without a factor"),
        "constant": _IN_VIEW,
    }
)
_REPORTED = object_of(
    {
        "publication": TEXT,
        "as_of": said(MOMENT, "with it the same call explains the readings of then"),
        "base_quantity": BASE_UNITS,
        "readings": COUNT,
        "exact": _OPTIONAL_FRACTION,
        "sums": list_of(
            object_of(
                {
                    **{name: _SUM["properties"][name] for name in _SUM["required"][:-2]},
                    "as_reported": _IN_VIEW,
                }
            )
        ),
    }
)
_INCOMPLETE = TARGET["properties"]["incomplete_sources"]
_COMPLETENESS = object_of(
    {
        "on": said(DATE, "judged at the start of this day"),
        "through": said(DATE, "up to here nothing is still to come"),
        "ratio": said(OPTIONAL, "days with readings / days that were to be expected, mean of the sources"),
        "sources": COUNT,
        "incomplete_sources": _INCOMPLETE,
    }
)
_TOTAL = object_of(
    {
        **TOTAL["properties"],
        "exact": said(
            object_of({"current": _OPTIONAL_FRACTION, "constant": _OPTIONAL_FRACTION}), "kg CO2e, not rounded"
        ),
        "sums": said(list_of(_SUM), "between the days on which a factor changes; they add up to the row"),
        "reported": said(or_null(_REPORTED), "what the newest publication that covers the row says of it"),
        "completeness": said(
            or_null(_COMPLETENESS),
            "null for an hour, details, one method, over 800 days, or where nothing is expected",
        ),
    },
    optional=[name for name in TOTAL["properties"] if name not in TOTAL["required"]],
)
_FACTOR = object_of(
    {
        "factor": said(COUNT, "its number"),
        "kind": TEXT,
        "category": TEXT,
        "meter": said(OPTIONAL, "the only meter that it is of; null: of all without factors of their own"),
        "chain": TEXT,
        "market": TEXT,
        "kg_co2e": said(TEXT, "for one unit"),
        "unit": TEXT,
        "base_unit": TEXT,
        "base_units_per_unit": _DIGITS,
        "valid_from": DATE,
        "valid_to": said(DATE, "the day after the last; on some of these days a newer version may hold"),
        "recorded_at": said(MOMENT, "since when it is known here"),
        "source": TEXT,
        "certainty": TEXT,
    }
)
_GROUP = {
    **dict.fromkeys(("team", "site"), TEXT),
    "flow": OPTIONAL,
    "method": TEXT,
    "detail": {"type": "boolean"},
    "base_unit": TEXT,
    "base_quantity": BASE_UNITS,
    "readings": COUNT,
}
_WHY = {"enum": ["detail", "no-detail", "team", "site", "flow", "method"]}
_BOUNDARY = object_of(
    {
        "counted": list_of(object_of(_GROUP)),
        "left_out": list_of(object_of(_GROUP | {"why": said(_WHY, "the first reason")})),
        "teams_without": said(list_of(TEXT), "teams with nothing of the kind and category on these days"),
        "sites_without": list_of(TEXT),
    }
)

_STREAM = dict.fromkeys(("kind", "category", "flow"), TEXT)
_EXACT = ("base", "limit", "limit_now", "actual", "drift", "completeness")
_POINT = object_of({"year": COUNT, "value": _FRACTION})
_BUDGET = object_of(
    {
        "sized_by": said(list_of(COUNT), "the years by which the limit is spread over the streams"),
        "streams": list_of(
            object_of(
                {
                    **_STREAM,
                    "share_of_base": _FRACTION,
                    "season": object_of(
                        {
                            "share": said(_FRACTION, "of its budget, up to `through`: the mean of the years"),
                            "years": list_of(object_of({"year": COUNT, "to": DATE})),
                            "by_degree_days": {"type": "boolean"},
                        }
                    ),
                    "allowed": said(_OPTIONAL_FRACTION, "limit x share_of_base x share"),
                }
            )
        ),
        "degree_days": {
            "type": ["object", "null"],
            "description": "of a normal year's months, where followed",
        },
    }
)
_AMOUNT = object_of(
    {
        **_STREAM,
        "from": DATE,
        "to": DATE,
        "base_unit": TEXT,
        "base_quantity": BASE_UNITS,
        "factor": said(OPTIONAL_COUNT, "the fixed one by which it is kg CO2e; null where it is not"),
        "amount": said(_FRACTION, "in the target's unit; of a share in base units"),
        "explain": {"type": "object", "description": "parameters of this call that explain the amount"},
    }
)
_FIXED_FACTOR = object_of({**_FACTOR["properties"], "year": said(COUNT, "of the list that it is from")})
_TARGET = object_of(
    {
        **TARGET["properties"],
        "definition": {"type": "object", "description": "by what it is judged: anchors, parts, thresholds"},
        "base_units_per_unit": said(_DIGITS, "in one of the target's unit"),
        "exact": object_of(dict.fromkeys(_EXACT, _OPTIONAL_FRACTION)),
        "level": said(
            or_null(object_of({"year": COUNT, "value": _FRACTION, "between": list_of(_POINT)})),
            "what the path gives for the year",
        ),
        "budget": said(or_null(_BUDGET), "null where the limit of the whole year counts, or none"),
        "amounts": list_of(_AMOUNT),
        "factors": list_of(_FIXED_FACTOR),
    }
)

# On the first page, before the readings: of a total the first three, of a target the fourth.
EXPLANATION = {
    "totals": said(list_of(_TOTAL), "the row, as `/v1/totals` answers it; several when it has several units"),
    "factors": list_of(_FACTOR),
    "boundary": said(_BOUNDARY, "what of the same kind, category and days is in, and what is not"),
    "target": said(_TARGET, "the row of `/v1/targets`, with what it was worked out from"),
    "rules": list_of(object_of({"code": TEXT, **BOTH["properties"]})),
    "words": said(object_of({"nl": _SENTENCES, "en": _SENTENCES}), "the same in sentences"),
}
