"""The table of targets, of all or of some, as more than one dashboard shows it."""

from grafana_foundation_sdk.builders import table

from dashboards.frame import uid
from dashboards.language import Language, bands, nothing, outcomes, themes, units
from dashboards.panels import NUMBER, STATUS_COLOURS, About, Column, table_of
from dashboards.sql import date, number, rounded


def target_boundary(t: Language) -> str:
    """The boundary of an evaluation, where each target has its own."""
    return t("die van elk doel: klik op een doel", "that of each target: click on a target")


def target_basis(t: Language) -> str:
    """What an evaluation rests on."""
    return t(
        "de totalen en vaste factoren (2023), zodat een nieuwe factor geen doel verschuift; de drempels van "
        "groen, oranje en rood zijn die van het doel zelf",
        "the totals and fixed factors (2023), so that a new factor moves no target; the thresholds of "
        "green, amber and red are the target's own",
    )


def targets_table(t: Language, title: str, where: str, *, height: int) -> table.Panel:
    """The targets that `where` chooses (over `dashboard_target`), by theme."""
    about = About(
        title,
        t(
            "Hoe elk doel er nu voor staat: wat er dit jaar gemeten is tegen wat er tot die dag mocht, wat "
            "het hele jaar naar verwachting wordt (laag en hoog), en wat er ontbreekt. Een streepje is niet "
            "bekend of niet van toepassing, nooit nul.",
            "How each target stands now: what was measured this year against what the path allows up to "
            "that day, what the whole year is expected to come to (low and high), and what is missing. A "
            "dash is not known or not applicable, never zero.",
        ),
        target_boundary(t),
        target_basis(t),
    )
    far = number(t, "trim_scale(round(100 * abs(drift), 1))")
    behind = f"""CASE
        WHEN drift > 0 THEN {far} || {t("' % achter'", "' % behind'")}
        WHEN drift < 0 THEN {far} || {t("' % voor'", "' % ahead'")}
        WHEN drift = 0 THEN {t("'precies op het pad'", "'exactly on the path'")}
    END"""
    to_date = ", ".join(f"{rounded(column)} AS {column}" for column in ("actual", "limit_now"))
    whole_year = ", ".join(f"{rounded(column)} AS {column}" for column in ("low", "high", "year_limit"))
    sql = f"""
SELECT target, theme, {t.slug} AS title, CASE outcome WHEN 'running' THEN band ELSE outcome END AS status,
    {behind} AS drift, missing_{t.slug} AS missing, {to_date}, unit, {whole_year},
    {date(t, "through")} AS through, completeness
FROM dashboard_target
WHERE {where}
ORDER BY theme_no, title
""".strip()  # noqa: S608
    detail = f"/d/{uid('glance', t)}?var-target=${{__data.fields.target}}"
    columns = [
        Column("target", t("sleutel", "key"), hidden=True),
        Column("theme", t("thema", "theme"), width=95, words=themes(t)),
        Column("title", t("doel", "target"), width=330, link=detail),
        Column("status", "status", width=105, words={**bands(t), **outcomes(t)}, colours=STATUS_COLOURS),
        Column("drift", t("achter of voor", "behind or ahead"), width=120, blank="–"),
        Column("missing", t("wat ontbreekt", "what is missing"), width=130, blank="–"),
        Column("actual", t("gemeten", "measured"), NUMBER, width=95, blank="–"),
        Column("limit_now", t("mocht tot nu", "allowed so far"), NUMBER, width=110, blank="–"),
        Column("unit", t("eenheid", "unit"), width=75, words=units(t), blank="–"),
        Column("low", t("jaar, laag", "year, low"), NUMBER, width=95, blank="–"),
        Column("high", t("jaar, hoog", "year, high"), NUMBER, width=95, blank="–"),
        Column("year_limit", t("mag dit jaar", "allowed, year"), NUMBER, width=110, blank="–"),
        Column("through", t("gemeten tot", "measured to"), width=100, blank="–"),
        Column("completeness", t("compleet", "complete"), "percentunit", width=85, decimals=0, blank="–"),
    ]
    return table_of(t, about, sql, columns, height=height, empty=nothing(t))
