"""What OpenAPI says of publications and of what is not so any more."""

from services.query.openapi_parts import (
    BASE_UNITS,
    BOTH,
    CO2E_DIFFERENCE,
    COUNT,
    DATE,
    DECIMAL,
    KILOGRAMS,
    MOMENT,
    OPTIONAL,
    TEXT,
    list_of,
    object_of,
    said,
)

PUBLICATION = object_of(
    {
        "publication": said(TEXT, "its name, for ever"),
        "from": DATE,
        "to": said(DATE, "the day after the last"),
        "kinds": {"type": ["array", "null"], "items": TEXT, "description": "null: all"},
        "told_on": DATE,
        "told_to": TEXT,
        "note": TEXT,
        "as_of": said(MOMENT, "when the newest batch that is in it was counted; factors as known then"),
        "configuration": COUNT,
        "published_at": MOMENT,
        "published_by": said(OPTIONAL, "the account; for a steward only"),
        "figures": list_of(
            object_of(
                {
                    "kind": TEXT,
                    "category": TEXT,
                    "flow": OPTIONAL,
                    "unit": TEXT,
                    "quantity": {"type": "number"},
                    "base_unit": TEXT,
                    "base_quantity": BASE_UNITS,
                    "readings": COUNT,
                    "co2e": KILOGRAMS,
                    "factors": said(list_of(COUNT), "the numbers of the versions that it rests on"),
                }
            )
        ),
    }
)

RESTATEMENT = object_of(
    {
        "publication": TEXT,
        "told_on": DATE,
        "published_at": MOMENT,
        "start": said(DATE, "the first day of the bucket"),
        "kind": TEXT,
        "category": TEXT,
        "team": TEXT,
        "site": TEXT,
        "flow": OPTIONAL,
        "method": TEXT,
        "unit": TEXT,
        "before": {"type": "number"},
        "after": {"type": "number"},
        "change": said(DECIMAL, "(after - before) / before; null when nothing was reported"),
        "base_unit": TEXT,
        "base_before": BASE_UNITS,
        "base_after": BASE_UNITS,
        "readings": object_of({"before": COUNT, "after": COUNT}),
        "causes": said(
            list_of(
                object_of(
                    {
                        "cause": {"enum": ["late", "new", "corrected", "retracted"]},
                        "readings": COUNT,
                        "base_difference": said(TEXT, "base units; all causes add up to after - before"),
                    }
                )
            ),
            "late: first counted after it was published, about a time that was over; new: one that was not",
        ),
        "co2e": object_of({"before": KILOGRAMS, "after": KILOGRAMS, **CO2E_DIFFERENCE}),
        "text": said(BOTH, "the same in a sentence"),
    },
    optional=("category", "team", "site", "flow", "method"),
)
