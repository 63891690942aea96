"""Ons team / Our team: everything that one team measures."""

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.frame import Section, bucket, frame, listed
from dashboards.language import Language, kinds, units
from dashboards.panels import NUMBER, About, Column, bars, cycle, heading, table_of
from dashboards.quality import corrections, missing, newest, not_counted
from dashboards.sql import OF_TEAM, PER, TEAM, date, over_time, quoted, sums
from dashboards.targets import targets_table
from schemas.catalogue import category_names

NAME = "team"


def team(t: Language) -> Dashboard:
    """The dashboard in one language."""
    words = t(
        "Alles wat **${team:text}** meet, ook wat al bij de inzamelaar is meegeteld: voor het team telt het "
        "mee, in een totaal van de organisatie niet nog eens.",
        "Everything that **${team:text}** measures, also what is already in the collector's weight: it "
        "counts for the team, and not once more in a total of the organisation.",
    )
    sections: list[Section] = [
        (t("Doelen van het team", "Targets of the team"), [_targets(t)]),
        (t("Wat we meten", "What we measure"), [_amounts(t)]),
        (
            t("Door de tijd", "Over time"),
            [
                _over_time(t, "waste", t("Afval", "Waste"), "mg", "suffix:kg"),
                _over_time(t, "food-waste", t("Voedselverspilling", "Food waste"), "mg", "suffix:kg"),
                _over_time(
                    t, "medication-waste", t("Medicijnverspilling", "Medication waste"), "piece", _pieces(t)
                ),
                _over_time(t, "energy", t("Elektriciteit en warmte", "Electricity and heat"), "J", "kwatth"),
            ],
        ),
        (
            t("Kloppen onze gegevens?", "Is our data right?"),
            [missing(t, OF_TEAM), newest(t, OF_TEAM, 12), not_counted(t, OF_TEAM), corrections(t, TEAM)],
        ),
    ]
    # Without any row Grafana would put nothing at all into the panels' SQL.
    nobody = quoted(t("nog geen team", "no team yet"))
    chosen = f"""
SELECT team AS __value, {t.slug} AS __text FROM dashboard_team
UNION ALL SELECT '', {nobody} WHERE NOT EXISTS (SELECT FROM dashboard_team)
ORDER BY 2
""".strip()  # noqa: S608 - the words are ours
    return frame(
        t,
        NAME,
        t("Ons team", "Our team"),
        heading(t, words),
        sections,
        variables=[listed("team", "team", chosen), bucket(t)],
        since="now-2y/y",
    )


def _targets(t: Language) -> table.Panel:
    return targets_table(t, t("Doelen van dit team", "Targets of this team"), OF_TEAM, height=6)


def _amounts(t: Language) -> table.Panel:
    about = About(
        t("Wat dit team gemeten heeft", "What this team measured"),
        t(
            "Elke soort in de gekozen periode: hoeveel, hoe vaak, en de laatste dag met gegevens.",
            "Each thing in the chosen period: how much, how often, and the last day with data.",
        ),
        _boundary(t),
        t("wat het team heeft ingestuurd", "what the team sent in"),
    )
    sql = f"""
SELECT kind, {t.slug} AS category, detail::text AS detail, sum(amount) AS amount, unit,
    sum(readings)::bigint AS readings, {date(t, "max(newest)")} AS newest
FROM {sums("'year'")} AS part
WHERE {OF_TEAM} AND (flow IS NULL OR flow = 'use')
GROUP BY 1, 2, 3, unit
ORDER BY 1, 2, 3, unit
""".strip()  # noqa: S608
    details = {
        "true": t("al bij de inzamelaar meegeteld", "in the collector's weight"),
        "false": t("ja", "yes"),
    }
    columns = [
        Column("kind", t("soort", "kind"), width=170, words=kinds(t)),
        Column("category", t("wat", "what")),
        Column("amount", t("hoeveelheid", "amount"), NUMBER, width=140),
        Column("unit", t("eenheid", "unit"), width=80, words=units(t)),
        Column("readings", t("metingen", "readings"), NUMBER, width=110, decimals=0),
        Column("newest", t("laatste dag", "last day"), width=120),
        Column("detail", t("telt in het geheel", "in the whole"), width=220, words=details),
    ]
    return table_of(t, about, sql, columns, height=11)


def _over_time(t: Language, kind: str, title: str, base_unit: str, unit: str) -> timeseries.Panel:
    about = About(
        title,
        t("Wat het team hiervan gemeten heeft, per onderdeel.", "What the team measured of this, by part."),
        _boundary(t),
        t("wat het team heeft ingestuurd", "what the team sent in"),
    )
    amount = "sum(quantity) / 3600000" if base_unit == "J" else "sum(amount)"
    where = f"kind = '{kind}' AND base_unit = '{base_unit}' AND (flow IS NULL OR flow = 'use') AND {OF_TEAM}"
    colours = cycle(str(getattr(entry, t.slug)) for entry in category_names(kind).values())
    return bars(t, about, over_time(t.slug, amount, sums(PER), where), unit, colours)


def _boundary(t: Language) -> str:
    return t(
        "dit team, met wat al bij de inzamelaar is meegeteld",
        "this team, with what is already in the collector's weight",
    )


def _pieces(t: Language) -> str:
    return t("suffix:stuks", "suffix:pieces")
