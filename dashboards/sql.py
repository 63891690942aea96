"""The SQL that panels share, over the views `dashboard_*` of the store.

Days and not moments are chosen: `range_first_day` and `range_end_day` turn the ends of the chosen time range
into local days, whatever the browser's time zone, so that the rollups are read by their key.
"""

from dashboards.language import Language

FIRST_DAY = "range_first_day($__timeFrom())"
END_DAY = "range_end_day($__timeTo())"
COUNTED = "NOT detail AND (flow IS NULL OR flow = 'use')"
PER = "${per:sqlstring}"
TEAM = "${team:sqlstring}"
OF_TEAM = f"team = {TEAM}"


def sums(per: str) -> str:
    """What each leaf has in each bucket of the chosen range; `per` is a literal of SQL."""
    return f"dashboard_sums({per}, {FIRST_DAY}, {END_DAY})"


def co2e_sums(kind: str, per: str) -> str:
    """The same of a kind with kg CO2e, on the basis that is chosen."""
    basis = "${chain:sqlstring}, ${market:sqlstring}"
    return f"dashboard_co2e_sums('{kind}', {basis}, {per}, {FIRST_DAY}, {END_DAY})"


def over_time(metric: str, value: str, source: str, where: str) -> str:
    """`value` (an aggregate) of each `metric` in each day, week, month or year of the chosen range.

    A bucket starts on its first day, or on the range's where that is later, as those of the totals do.
    """
    return f"""
SELECT calendar_day.starts AS time, metric, value
FROM (
    SELECT start, {metric} AS metric, {value} AS value
    FROM {source} AS part
    WHERE {where}
    GROUP BY 1, 2
) AS bucket
JOIN calendar_day ON day = start
WHERE value IS NOT NULL
ORDER BY 1, 2
""".strip()  # noqa: S608 - no value of a user is in it; Grafana quotes those of its variables


def co2e(factors: str) -> str:
    """Tonnes CO2e by `current` or `constant` factors: none where a part has no factor, as in the totals."""
    return f"CASE WHEN bool_and({factors} IS NOT NULL OR quantity = 0) THEN sum({factors}) / 1000 END"


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def rounded(amount: str) -> str:
    """Whole from a thousand on, one decimal below: amounts of several units stand in one column."""
    return f"CASE WHEN abs({amount}) >= 1000 THEN round({amount}) ELSE trim_scale(round({amount}, 1)) END"


def number(t: Language, expression: str) -> str:
    """A number as people read it, with a comma in Dutch."""
    return f"replace(({expression})::text, '.', ',')" if t.slug == "nl" else f"({expression})::text"


def date(t: Language, expression: str) -> str:
    """A local day as people write it; as a text, so that no time zone moves it."""
    return f"to_char({expression}, '{'DD-MM-YYYY' if t.slug == 'nl' else 'YYYY-MM-DD'}')"
