"""Alert rules for those who would rather be told by Grafana than by the teller, in Grafana's own JSON.

Thresholds are not written here: `dashboard_target` has those of each target. The rules say nothing about a
target whose band is unknown, since what is incomplete is no drift; that has a rule of its own.
"""

import re
from typing import Any

Json = dict[str, Any]

GROUP = "groenmeter"

_DATASOURCE = {"type": "grafana-postgresql-datasource", "uid": "groenmeter"}
_EXPRESSION = {"type": "__expr__", "uid": "__expr__"}

# Each gives a series per thing to be told about, above 0 when it is so: the columns of text become labels.
# All rows of a query share `now()`, and none of them may be called `metric`.
_BEHIND = """
SELECT now() AS time, target, nl, en,
    CASE WHEN band = '{band}' THEN greatest(100 * (drift - {threshold}), 0.01) ELSE 0 END AS over
FROM dashboard_target
WHERE band <> 'unknown'
"""
_MISSING = """
SELECT now() AS time, team, source, category, max(missing_days) AS days
FROM dashboard_missing
GROUP BY team, source, category
"""
_LAG = """
SELECT now() AS time, 'counting' AS part, coalesce(max(longest_seconds), 0) AS seconds
FROM dashboard_lag
WHERE recorded_at > now() - interval '15 minutes'
UNION ALL
SELECT now() AS time, 'targets' AS part, coalesce(extract(epoch FROM now() - min(recorded_at)), 0) AS seconds
FROM batch_log
WHERE batch_no > (SELECT batch_no FROM tracker_cursor)
"""
_LAG_SECONDS = 120


def alert_group() -> Json:
    """The group of rules: its title, and the rules with their uids."""
    return {
        "title": GROUP,
        "rules": [
            _rule(
                "GroenmeterTargetAmber",
                _BEHIND.format(band="amber", threshold="amber_from"),
                severity="warning",
                pending="1h",
                summary="Een doel loopt achter. / A target is behind.",
                description="{{ .Labels.nl }} loopt achter op het pad. / "
                "{{ .Labels.en }} is behind its path.",
            ),
            _rule(
                "GroenmeterTargetRed",
                _BEHIND.format(band="red", threshold="red_from"),
                severity="critical",
                pending="1h",
                summary="Een doel loopt ver achter. / A target is far behind.",
                description="{{ .Labels.nl }} loopt ver achter op het pad. / "
                "{{ .Labels.en }} is far behind its path.",
            ),
            _rule(
                "GroenmeterDataMissing",
                _MISSING,
                severity="warning",
                pending="1h",
                summary="Er ontbreken metingen. / Measurements are missing.",
                description="Van {{ .Labels.team }} ontbreken metingen: {{ .Labels.category }} uit "
                "{{ .Labels.source }}. / Measurements of {{ .Labels.team }} are missing: "
                "{{ .Labels.category }} from {{ .Labels.source }}.",
            ),
            _rule(
                "GroenmeterLag",
                _LAG,
                above=_LAG_SECONDS,
                severity="warning",
                pending="10m",
                summary="De cijfers lopen achter op de metingen. / The figures lag behind the measurements.",
                description="Dit deel is te laat: {{ .Labels.part }}. Kijk met `groenmeter status`. / "
                "This part is late: {{ .Labels.part }}. Look with `groenmeter status`.",
            ),
        ],
    }


def _rule(
    title: str, sql: str, *, severity: str, pending: str, summary: str, description: str, above: float = 0
) -> Json:
    """A rule: the newest value of each series of a query, compared with a number."""
    return {
        "uid": re.sub(r"(?<!^)(?=[A-Z])", "-", title).lower(),
        "title": title,
        "condition": "C",
        "data": [
            _step(
                "A", _DATASOURCE, format="time_series", rawQuery=True, editorMode="code", rawSql=sql.strip()
            ),
            _step(
                "B", _EXPRESSION, type="reduce", expression="A", reducer="last", settings={"mode": "dropNN"}
            ),
            _step(
                "C",
                _EXPRESSION,
                type="threshold",
                expression="B",
                conditions=[{"type": "query", "evaluator": {"type": "gt", "params": [above]}}],
            ),
        ],
        "noDataState": "OK",  # no rows: nothing is missing, nothing is late
        "execErrState": "Error",
        "for": pending,
        "labels": {"severity": severity, "product": "groenmeter"},
        "annotations": {"summary": summary, "description": description},
    }


def _step(ref: str, datasource: Json, **model: Any) -> Json:
    return {
        "refId": ref,
        "datasourceUid": datasource["uid"],
        "relativeTimeRange": {"from": 600, "to": 0},
        "model": {"refId": ref, "datasource": datasource, **model},
    }
