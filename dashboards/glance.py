"""In één oogopslag / At a glance: every target, and one of them from nearby."""

from grafana_foundation_sdk.builders import barchart, stat, table
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.frame import frame, listed
from dashboards.language import Language, bands, kinds, parts
from dashboards.panels import (
    BAND_COLOURS,
    BLUE,
    GREY,
    NUMBER,
    ORANGE,
    SKY,
    About,
    Column,
    bars_by_name,
    figures,
    heading,
    table_of,
)
from dashboards.sql import date, number, quoted, rounded
from dashboards.targets import target_basis, target_boundary, targets_table

NAME = "glance"
_CHOSEN = "target = ${target:sqlstring}"


def glance(t: Language) -> Dashboard:
    """The dashboard in one language."""
    words = t(
        "Hoe ver is de organisatie van de doelen van de Green Deal Duurzame Zorg 3.0 en van haar eigen "
        "doelen? Alleen wat compleet genoeg gemeten is, krijgt een kleur; klik op een doel om het hieronder "
        "van dichtbij te zien.",
        "How far is the organisation from the targets of the Dutch Green Deal for sustainable care 3.0 and "
        "from its own? Only what is measured completely enough gets a colour; click on a target to see it "
        "from nearby below.",
    )
    chosen = f"SELECT target AS __value, {t.slug} AS __text FROM dashboard_target ORDER BY theme_no, 2"  # noqa: S608
    return frame(
        t,
        NAME,
        t("In één oogopslag", "At a glance"),
        heading(t, words),
        [
            (
                t("Alle doelen", "All targets"),
                [_counts(t), targets_table(t, t("Doelen", "Targets"), "true", height=22)],
            ),
            (
                t("Eén doel van dichtbij: ${target:text}", "One target from nearby: ${target:text}"),
                [_path(t), _causes(t), _parts(t), _why(t)],
            ),
        ],
        variables=[listed("target", t("doel", "target"), chosen)],
        since="now/y",
    )


def _counts(t: Language) -> stat.Panel:
    about = About(
        t("Hoeveel doelen", "How many targets"),
        t("Hoeveel doelen welke status hebben.", "How many targets have which status."),
        t("alle doelen die nu gelden", "all targets in force now"),
        target_basis(t),
    )
    counts = ", ".join(f"count(*) FILTER (WHERE band = '{band}') AS {band}" for band in bands(t))
    sql = f"SELECT {counts} FROM dashboard_target HAVING count(*) > 0"  # noqa: S608
    return figures(t, about, sql, "none", bands(t), BAND_COLOURS, span=24)


def _path(t: Language) -> barchart.Panel:
    about = About(
        t("Gemeten tegen het pad", "Measured against the path"),
        t(
            "Per jaar wat er mag volgens het pad van het doel, en wat er gemeten is; van het lopende jaar "
            "ook wat het naar verwachting wordt. Een jaar dat niet helemaal gemeten is, lijkt gunstiger dan "
            "het is.",
            "For each year what the path of the target allows and what was measured; of the current year "
            "also what it is expected to come to. A year that was not measured completely looks better than "
            "it is.",
        ),
        target_boundary(t),
        target_basis(t),
    )
    sql = f"""
SELECT year::text AS year, year_limit, amount, low, high
FROM dashboard_target_year
WHERE {_CHOSEN}
ORDER BY dashboard_target_year.year
""".strip()  # noqa: S608
    series = {
        "year_limit": (t("mag", "allowed"), GREY),
        "amount": (t("gemeten", "measured"), BLUE),
        "low": (t("verwacht, laag", "expected, low"), SKY),
        "high": (t("verwacht, hoog", "expected, high"), ORANGE),
    }
    return bars_by_name(t, about, sql, NUMBER, "year", series)


def _parts(t: Language) -> table.Panel:
    about = About(
        t("Wat telt mee", "What is counted"),
        t(
            "Elk deel van de grens van het doel: gemeten, geschat, ontbreekt, of weggelaten en waarom. "
            "Zolang er een deel ontbreekt, is de status onbekend.",
            "Each part of the target's boundary: measured, estimated, missing, or left out and why. As long "
            "as a part is missing the status is unknown.",
        ),
        target_boundary(t),
        target_basis(t),
    )
    sql = f"""
SELECT {t.slug} AS part, state, why_{t.slug} AS why
FROM dashboard_target_part
WHERE {_CHOSEN}
ORDER BY place
""".strip()  # noqa: S608
    columns = [
        Column("part", t("deel", "part"), width=330),
        Column("state", t("hoe", "how"), width=120, words=parts(t)),
        Column("why", t("waarom", "why"), blank="–", wrapped=True),
    ]
    return table_of(t, about, sql, columns, height=9)


def _causes(t: Language) -> table.Panel:
    about = About(
        t("Waar komt het verschil vandaan?", "Where does the difference come from?"),
        t(
            "Wat elk onderdeel dit jaar bijdraagt, tegen wat er tot die dag mocht; het grootste verschil "
            "bovenaan.",
            "What each part adds this year, against what was allowed up to that day; the largest difference "
            "first.",
        ),
        target_boundary(t),
        target_basis(t),
    )
    amounts = ", ".join(f"{rounded(column)} AS {column}" for column in ("actual", "budget", "difference"))
    sql = f"""
SELECT kind, {t.slug} AS category, {amounts}
FROM dashboard_target_cause
WHERE {_CHOSEN}
ORDER BY dashboard_target_cause.difference DESC NULLS LAST, dashboard_target_cause.actual DESC
""".strip()  # noqa: S608
    columns = [
        Column("kind", t("soort", "kind"), width=95, words=kinds(t)),
        Column("category", t("onderdeel", "part")),
        Column("actual", t("gemeten", "measured"), NUMBER, width=100),
        Column("budget", t("mocht tot nu", "allowed so far"), NUMBER, width=110, blank="–"),
        Column("difference", t("verschil", "difference"), NUMBER, width=100, blank="–"),
    ]
    return table_of(t, about, sql, columns, height=10, span=10)


def _why(t: Language) -> table.Panel:
    about = About(
        t("Waarom deze status?", "Why this status?"),
        t(
            "De redenen in woorden, de grens, de bron van het doel en wanneer het voor het laatst is "
            "bekeken.",
            "The reasons in words, the boundary, where the target comes from and when it was last looked at.",
        ),
        target_boundary(t),
        target_basis(t),
    )
    base = f"{number(t, rounded('base'))} || ' ' || unit || ' (' || base_year || ')'"
    said = {
        t("grens", "boundary"): f"boundary_{t.slug}",
        t("uitgangspunt", "base"): base,
        t("oranje boven", "amber above"): _percent(t, "amber_from"),
        t("rood boven", "red above"): _percent(t, "red_from"),
        t("bron van het doel", "source of the target"): "source",
        t("bekeken op", "looked at on"): date(t, "evaluated_at"),
    }
    rows = ", ".join(
        f"({place}, {quoted(label)}, {words})" for place, (label, words) in enumerate(said.items(), start=100)
    )
    sql = f"""
SELECT label, words
FROM (
    SELECT place, {quoted(t("reden", "reason"))} AS label, {t.slug} AS words
    FROM dashboard_target_reason
    WHERE {_CHOSEN}
    UNION ALL
    SELECT place, label, words
    FROM dashboard_target
    CROSS JOIN LATERAL (VALUES {rows}) AS said (place, label, words)
    WHERE {_CHOSEN}
) AS line
WHERE words <> ''
ORDER BY place
""".strip()  # noqa: S608
    columns = [
        Column("label", t("wat", "what"), width=170),
        Column("words", t("in woorden", "in words"), wrapped=True),
    ]
    return table_of(t, about, sql, columns, height=11)


def _percent(t: Language, ratio: str) -> str:
    return f"{number(t, f'trim_scale(100 * {ratio})')} || {quoted(t(' % achter', ' % behind'))}"
