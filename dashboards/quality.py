"""Kloppen de gegevens? / Is the data right?: what is missing, late, corrected or not counted, and the lag."""

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.frame import frame
from dashboards.language import Language, kinds, nothing, units
from dashboards.panels import (
    BLUE,
    GREEN,
    NUMBER,
    SKY,
    VERMILION,
    About,
    Column,
    bars,
    figures,
    heading,
    table_of,
)
from dashboards.sql import date
from dashboards.targets import target_basis

NAME = "quality"
_RECEIVED = "$__timeFilter(recorded_at)"
_MOST = 200


def quality(t: Language) -> Dashboard:
    """The dashboard in one language."""
    words = t(
        "Een doel is zo goed als wat er gemeten is. Hier staat wat er ontbreekt, wat laat kwam, wat "
        "verbeterd is, wat niet geteld is en waarom het geheel zo actueel is als het is. Niets hiervan "
        "verdwijnt: alles staat in het grootboek.",
        "A target is as good as what was measured. Here is what is missing, what came late, what was "
        "corrected, what was not counted, and how current it all is. Nothing of it disappears: everything "
        "is in the ledger.",
    )
    return frame(
        t,
        NAME,
        t("Kloppen de gegevens?", "Is the data right?"),
        heading(t, words),
        [
            (t("Nu", "Now"), [_now(t), _lag(t), _received(t)]),
            (t("Wat ontbreekt", "What is missing"), [_unjudged(t), missing(t, "true"), newest(t, "true")]),
            (t("Niet geteld", "Not counted"), [_refused(t), not_counted(t, "true")]),
            (t("Laat en verbeterd", "Late and corrected"), [_late(t), corrections(t, "NULL")]),
        ],
        since="now-30d/d",
    )


def missing(t: Language, where: str) -> table.Panel:
    """What the targets miss, of those that `where` chooses."""
    about = About(
        t("Wat ontbreekt voor de doelen", "What the targets miss"),
        t(
            "Bronnen die naar hun eigen ritme al gemeten hadden moeten hebben. Staat hier niets, dan is van "
            "wat er gemeten wordt niets te laat; wat nooit gemeten werd, staat bij het doel zelf.",
            "Sources that by their own rhythm should have measured already. Nothing here means that nothing "
            "that is measured is overdue; what was never measured is told with the target itself.",
        ),
        t("de bronnen die meetellen in een doel", "the sources that count in a target"),
        t("het ritme van elke bron zelf", "each source's own rhythm"),
    )
    sql = f"""
SELECT dashboard_team.{t.slug} AS team, dashboard_missing.kind, catalogue_name.{t.slug} AS category, source,
    round(missing_days, 1) AS missing_days, {date(t, "since")} AS since
FROM dashboard_missing
JOIN dashboard_team USING (team)
JOIN catalogue_name USING (kind, category)
WHERE {where}
ORDER BY missing_days DESC, 1, 3
""".strip()  # noqa: S608
    columns = [
        Column("team", "team", width=210),
        Column("kind", t("soort", "kind"), width=150, words=kinds(t)),
        Column("category", t("wat", "what"), width=220),
        Column("source", t("bron", "source")),
        Column("missing_days", t("dagen die ontbreken", "days missing"), NUMBER, width=150, decimals=1),
        Column("since", t("sinds", "since"), width=110),
    ]
    return table_of(t, about, sql, columns, height=7, empty=nothing(t))


def not_counted(t: Language, where: str) -> table.Panel:
    """What was refused, without what was in it, of the teams that `where` chooses."""
    about = About(
        t("Niet geteld", "Not counted"),
        t(
            f"Wat na ontvangst geweigerd is, het nieuwste eerst, hoogstens {_MOST}. Waarom staat er met "
            "opzet niet bij: daar kan vrije tekst in staan. `groenmeter rejects` zegt het, en telt opnieuw "
            "met --replay.",
            f"What was refused after receipt, newest first, at most {_MOST}. Why is left out on purpose: it "
            "may hold free text. `groenmeter rejects` tells, and counts again with --replay.",
        ),
        _received_boundary(t),
        _ledger(t),
    )
    sql = f"""
SELECT reject_no, recorded_at, dashboard_team.{t.slug} AS team, kind,
    (replayed_at IS NOT NULL)::text AS replayed
FROM dashboard_reject
LEFT JOIN dashboard_team USING (team)
WHERE {_RECEIVED} AND {where}
ORDER BY recorded_at DESC, reject_no DESC
LIMIT {_MOST}
""".strip()  # noqa: S608
    again = {"true": t("✔ opnieuw geteld", "✔ counted again"), "false": t("✖ nog niet", "✖ not yet")}
    columns = [
        Column("reject_no", t("nummer", "number"), "none", width=90),
        Column("recorded_at", t("wanneer", "when"), f"time:{t.moment_format}", width=160),
        Column("team", "team"),
        Column("kind", t("soort", "kind"), width=150, words=kinds(t)),
        Column("replayed", t("opnieuw", "again"), width=150, words=again),
    ]
    return table_of(t, about, sql, columns, height=9, span=12, empty=nothing(t))


def corrections(t: Language, team: str) -> table.Panel:
    """What was corrected or taken back, of the team that this literal of SQL names, or with NULL of all."""
    about = About(
        t("Verbeterd of ingetrokken", "Corrected or taken back"),
        t(
            f"Metingen waarvan een nieuwe versie kwam, het nieuwste eerst, hoogstens {_MOST}: hoeveel het "
            "was en hoeveel het werd. De oude versie blijft in het grootboek. Een versie die na een hogere "
            "kwam heeft nooit geteld en staat hier niet.",
            f"Measurements of which a new revision came, newest first, at most {_MOST}: how much it was and "
            "became. The old revision stays in the ledger. A revision that came after a higher one never "
            "counted and is not here.",
        ),
        _received_boundary(t),
        _ledger(t),
    )
    sql = f"""
SELECT recorded_at, dashboard_team.{t.slug} AS team, catalogue_name.{t.slug} AS category, starts_at,
    amount_before, amount_after, unit, retracted::text AS retracted, id
FROM dashboard_corrections($__timeFrom(), $__timeTo(), {team}, {_MOST})
LEFT JOIN dashboard_team USING (team)
LEFT JOIN catalogue_name USING (kind, category)
ORDER BY recorded_at DESC, id
""".strip()  # noqa: S608
    taken_back = {"true": t("ingetrokken", "taken back"), "false": t("verbeterd", "corrected")}
    columns = [
        Column("recorded_at", t("wanneer", "when"), f"time:{t.moment_format}", width=150),
        Column("team", "team", width=190),
        Column("category", t("wat", "what"), width=190),
        Column("starts_at", t("gemeten op", "measured on"), f"time:{t.date_format}", width=110),
        Column("amount_before", t("was", "was"), NUMBER, width=110, blank="–"),
        Column("amount_after", t("werd", "became"), NUMBER, width=110, blank="–"),
        Column("unit", t("eenheid", "unit"), width=75, words=units(t)),
        Column("retracted", t("hoe", "how"), width=110, words=taken_back),
        Column("id", t("kenmerk", "id")),
    ]
    return table_of(t, about, sql, columns, height=8, empty=nothing(t))


def _unjudged(t: Language) -> table.Panel:
    about = About(
        t("Doelen zonder oordeel", "Targets without a verdict"),
        t(
            "De doelen waarvan de status onbekend is, en elke reden daarvan in woorden.",
            "The targets of which the status is unknown, and each reason of it in words.",
        ),
        t("alle doelen die nu gelden", "all targets in force now"),
        target_basis(t),
    )
    sql = f"""
SELECT dashboard_target.{t.slug} AS target, dashboard_target_reason.{t.slug} AS reason
FROM dashboard_target
JOIN dashboard_target_reason USING (target)
WHERE band = 'unknown'
ORDER BY theme_no, 1, place
""".strip()  # noqa: S608
    columns = [
        Column("target", t("doel", "target"), width=430),
        Column("reason", t("waarom", "why"), wrapped=True),
    ]
    return table_of(t, about, sql, columns, height=8, empty=nothing(t))


def _now(t: Language) -> stat.Panel:
    about = About(
        t("Laatst geteld", "Last counted"),
        t("Wanneer er voor het laatst iets geteld is.", "When something was last counted."),
        t("de hele organisatie", "the whole organisation"),
        _ledger(t),
    )
    sql = "SELECT recorded_at FROM dashboard_as_of"
    titles = {"recorded_at": t("laatst geteld", "last counted")}
    return figures(t, about, sql, f"time:{t.moment_format}", titles, span=7)


def _lag(t: Language) -> stat.Panel:
    about = About(
        t("Achterstand", "Lag"),
        t(
            "Hoe lang het bij de laatste twintig keren duurde van ontvangst tot geteld: het langste en het "
            "middelste.",
            "How long it took from receipt to counted in the last twenty batches: the longest and the "
            "median.",
        ),
        t("de hele organisatie", "the whole organisation"),
        _ledger(t),
    )
    sql = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY longest_seconds) AS median, max(longest_seconds) AS longest
FROM dashboard_lag
HAVING count(*) > 0
""".strip()
    titles = {"median": t("middelste", "median"), "longest": t("langste", "longest")}
    return figures(t, about, sql, "s", titles, span=7)


def _received(t: Language) -> stat.Panel:
    about = About(
        t("In de gekozen periode binnengekomen", "Received in the chosen period"),
        t(
            "Hoeveel metingen geteld zijn, hoeveel een herhaling waren van wat er al was, en hoeveel niet "
            "geteld zijn.",
            "How many measurements were counted, how many repeated what was there, and how many were not "
            "counted.",
        ),
        _received_boundary(t),
        _ledger(t),
    )
    sql = f"""
SELECT sum(added)::bigint AS added, sum(repeats)::bigint AS repeats, sum(rejected)::bigint AS rejected
FROM batch_log
WHERE {_RECEIVED} AND events > 0
HAVING count(*) > 0
""".strip()  # noqa: S608
    titles = _outcomes(t)
    return figures(
        t, about, sql, NUMBER, titles, {"added": GREEN, "repeats": SKY, "rejected": VERMILION}, span=10
    )


def _refused(t: Language) -> timeseries.Panel:
    about = About(
        t("Binnengekomen per dag", "Received by day"),
        t(
            "Metingen naar de dag waarop ze geteld zijn: nieuw, herhaald of niet geteld.",
            "Measurements by the day on which they were counted: new, repeated or not counted.",
        ),
        _received_boundary(t),
        _ledger(t),
    )
    words = _outcomes(t)
    rows = ", ".join(f"('{words[column]}', {column})" for column in words)
    sql = f"""
SELECT starts AS time, metric, sum(value)::bigint AS value
FROM calendar_day
JOIN batch_log ON recorded_at >= starts AND recorded_at < ends
CROSS JOIN LATERAL (VALUES {rows}) AS outcome (metric, value)
WHERE starts <= $__timeTo() AND ends > $__timeFrom() AND {_RECEIVED} AND events > 0
GROUP BY 1, 2
ORDER BY 1, 2
""".strip()  # noqa: S608
    colours = {words["added"]: BLUE, words["repeats"]: SKY, words["rejected"]: VERMILION}
    return bars(t, about, sql, NUMBER, colours)


def newest(t: Language, where: str, span: int = 24) -> table.Panel:
    """The last day with data of what the teams that `where` chooses measure."""
    about = About(
        t("Tot wanneer er gegevens zijn", "Up to when there is data"),
        t(
            "De laatste dag met gegevens van alles wat een team meet, het oudste eerst.",
            "The last day with data of everything that a team measures, oldest first.",
        ),
        t("alles wat ooit gemeten is", "everything that was ever measured"),
        _ledger(t),
    )
    sql = f"""
SELECT dashboard_team.{t.slug} AS team, kind, dashboard_newest.{t.slug} AS category,
    {date(t, "newest")} AS newest, (SELECT local_time::date FROM dashboard_as_of) - newest AS days
FROM dashboard_newest
JOIN dashboard_team USING (team)
WHERE {where}
ORDER BY dashboard_newest.newest, 1, 2, 3
""".strip()  # noqa: S608
    columns = [
        Column("team", "team", width=190),
        Column("kind", t("soort", "kind"), width=150, words=kinds(t)),
        Column("category", t("wat", "what")),
        Column("newest", t("laatste dag", "last day"), width=110),
        Column("days", t("dagen geleden", "days ago"), NUMBER, width=120, decimals=0),
    ]
    return table_of(t, about, sql, columns, height=9, span=span)


def _late(t: Language) -> table.Panel:
    about = About(
        t("Laat binnengekomen", "Received late"),
        t(
            "Metingen die meer dan 31 dagen na het einde van hun periode kwamen. Wie een verleden inleest, "
            "ziet dat hier terug. Ze tellen op de dag waar ze horen.",
            "Measurements that came more than 31 days after the end of their period. Whoever reads in a "
            "past sees it here. They count on the day where they belong.",
        ),
        _received_boundary(t),
        _ledger(t),
    )
    sql = f"""
SELECT dashboard_team.{t.slug} AS team, kind, catalogue_name.{t.slug} AS category, readings, days_late,
    earliest, received_at
FROM (
    SELECT team, kind, category, sum(readings)::bigint AS readings,
        round(sum(days_late) / sum(readings)) AS days_late, min(starts_at) AS earliest,
        max(received_at) AS received_at
    FROM received_late
    WHERE $__timeFilter(written_at)
    GROUP BY team, kind, category
) AS late
JOIN dashboard_team USING (team)
JOIN catalogue_name USING (kind, category)
ORDER BY readings DESC, 1, 2, 3
""".strip()  # noqa: S608
    columns = [
        Column("team", "team", width=220),
        Column("kind", t("soort", "kind"), width=170, words=kinds(t)),
        Column("category", t("wat", "what")),
        Column("readings", t("metingen", "readings"), NUMBER, width=120, decimals=0),
        Column(
            "days_late",
            t("dagen te laat (gemiddeld)", "days after (average)"),
            NUMBER,
            width=210,
            decimals=0,
        ),
        Column("earliest", t("oudste meting van", "oldest of"), f"time:{t.date_format}", width=150),
        Column("received_at", t("laatst ontvangen", "last received"), f"time:{t.moment_format}", width=160),
    ]
    return table_of(t, about, sql, columns, height=9, empty=nothing(t))


def _outcomes(t: Language) -> dict[str, str]:
    return {
        "added": t("geteld", "counted"),
        "repeats": t("herhaald", "repeated"),
        "rejected": t("niet geteld", "not counted"),
    }


def _received_boundary(t: Language) -> str:
    return t("wat in de gekozen periode binnenkwam", "what was received in the chosen period")


def _ledger(t: Language) -> str:
    return t("het grootboek en het logboek van wat geteld is", "the ledger and the log of what was counted")
