"""Afval en spillage / Waste: streams, the unsorted share, food and medication."""

from collections.abc import Mapping

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.frame import bucket, frame
from dashboards.language import Language, whole_organisation
from dashboards.panels import (
    BLUE,
    GREEN,
    GREY,
    NUMBER,
    ORANGE,
    PURPLE,
    VERMILION,
    About,
    Column,
    bars,
    cycle,
    heading,
    lines,
    table_of,
)
from dashboards.sql import COUNTED, PER, over_time, quoted, sums
from dashboards.targets import targets_table
from schemas.catalogue import FOOD_STAGES, MEDICATION_REASONS, Entry
from schemas.targets import TARGETS, Part

NAME = "waste"
SHARE = TARGETS["unsorted-share-2030"]
_PARTS = {part.slug: colour for part, colour in zip(SHARE.of, (VERMILION, GREEN, PURPLE, GREY), strict=True)}
_WASTE = f"kind = 'waste' AND base_unit = 'mg' AND {COUNTED}"
_FOOD = f"kind = 'food-waste' AND base_unit = 'mg' AND {COUNTED}"


def waste(t: Language) -> Dashboard:
    """The dashboard in one language."""
    words = t(
        "Afval per stroom, hoeveel daarvan ongesorteerd is, en wat er aan voedsel en medicijnen wordt "
        "weggegooid. Een kilo telt één keer: wat een afdeling zelf weegt en ook bij de inzamelaar op de "
        "weegschaal staat, telt hier alleen bij de inzamelaar.",
        "Waste of each stream, how much of it is unsorted, and what is thrown away of food and medicines. A "
        "kilo counts once: what a ward weighs itself and is also in the collector's weight is counted here "
        "with the collector only.",
    )
    chosen = "theme IN ('circular', 'medication')"
    targets = targets_table(t, t("Doelen voor afval en spillage", "Targets for waste"), chosen, height=10)
    return frame(
        t,
        NAME,
        t("Afval en spillage", "Waste"),
        heading(t, words),
        [
            (t("Doelen", "Targets"), [targets]),
            (t("Afval", "Waste"), [_streams_over_time(t), _unsorted_share(t), _streams(t)]),
            (t("Voedselverspilling", "Food waste"), [_food(t), _food_per_meal(t)]),
            (t("Medicijnverspilling", "Medication waste"), [_pieces(t), _cost(t), _share_of_dispensed(t)]),
        ],
        variables=[bucket(t)],
        since="now-2y/y",
    )


def _streams_over_time(t: Language) -> timeseries.Panel:
    about = About(
        t("Afval naar soort", "Waste by sort"),
        t(
            "Ton afval, verdeeld zoals het doel voor ongesorteerd afval dat doet.",
            "Tonnes of waste, divided as in the target for unsorted waste.",
        ),
        whole_organisation(t),
        _weighed(t),
    )
    cases = " ".join(f"WHEN category IN ({_slugs(part)}) THEN {quoted(_named(part, t))}" for part in SHARE.of)
    sql = over_time(f"CASE {cases} END", "sum(amount) / 1000", sums(PER), _WASTE)
    colours = {_named(part, t): _PARTS[part.slug] for part in SHARE.of}
    return bars(t, about, sql, "suffix:t", colours)


def _unsorted_share(t: Language) -> timeseries.Panel:
    about = About(
        t("Aandeel ongesorteerd", "Unsorted share"),
        t(
            "Hoeveel procent van het afval ongesorteerd is: de som van het een gedeeld door de som van het "
            "ander, nooit een gemiddelde van percentages. De streepjeslijnen zijn de grenzen van het doel.",
            "How many per cent of the waste is unsorted: the sum of one over the sum of the other, never a "
            "mean of percentages. The line is the limit of the target.",
        ),
        SHARE.boundary.nl.rstrip(".") if t.slug == "nl" else SHARE.boundary.en.rstrip("."),
        _weighed(t),
    )
    unsorted = ", ".join(_slugs(part) for part in SHARE.parts)
    counted = ", ".join(_slugs(part) for part in SHARE.of if part.left_out is None)
    measured, limit = t("ongesorteerd", "unsorted"), t("grens van het jaar", "limit of the year")
    final = t(f"grens in {SHARE.final_year}", f"limit in {SHARE.final_year}")
    share = over_time(
        quoted(measured),
        f"100 * sum(quantity) FILTER (WHERE category IN ({unsorted})) / nullif(sum(quantity), 0)",
        sums(PER),
        f"{_WASTE} AND category IN ({counted})",
    )
    sql = f"""
SELECT * FROM ({share}) AS share
UNION ALL
SELECT edge.moment, {quoted(limit)}, year_limit
FROM dashboard_target_path
JOIN calendar_day AS first ON first.day = make_date(year, 1, 1)
JOIN calendar_day AS last ON last.day = make_date(year, 12, 31)
CROSS JOIN LATERAL (
    VALUES (greatest(first.starts, $__timeFrom())),
        (CASE WHEN last.ends > $__timeTo() THEN $__timeTo()::timestamptz END)
) AS edge (moment)
WHERE target = {quoted(SHARE.slug)} AND first.starts < $__timeTo() AND last.ends > $__timeFrom()
    AND edge.moment IS NOT NULL
UNION ALL
SELECT edge.moment, {quoted(final)}, year_limit
FROM dashboard_target_path
CROSS JOIN (VALUES ($__timeFrom()::timestamptz), ($__timeTo()::timestamptz)) AS edge (moment)
WHERE target = {quoted(SHARE.slug)} AND year = {SHARE.final_year}
ORDER BY 1
""".strip()  # noqa: S608
    colours = {measured: BLUE, limit: VERMILION, final: ORANGE}
    return lines(t, about, sql, "percent", colours, [limit, final])


def _streams(t: Language) -> table.Panel:
    about = About(
        t("Afvalstromen", "Waste streams"),
        t(
            "Elke stroom in de gekozen periode: kilo's, aandeel in het geheel en metingen.",
            "Each stream in the chosen period: kilos, share of the whole and readings.",
        ),
        whole_organisation(t),
        _weighed(t),
    )
    sql = f"""
SELECT {t.slug} AS stream, sum(amount) AS amount,
    sum(quantity) / nullif(sum(sum(quantity)) OVER (), 0) AS share, sum(readings)::bigint AS readings
FROM {sums("'year'")} AS part
WHERE {_WASTE}
GROUP BY 1
ORDER BY 2 DESC
""".strip()  # noqa: S608
    columns = [
        Column("stream", t("stroom", "stream")),
        Column("amount", "kg", NUMBER, width=150, decimals=0),
        Column("share", t("aandeel", "share"), "percentunit", width=110, decimals=1),
        Column("readings", t("metingen", "readings"), NUMBER, width=120, decimals=0),
    ]
    return table_of(t, about, sql, columns, height=12)


def _food(t: Language) -> timeseries.Panel:
    about = About(
        t("Weggegooid voedsel", "Food thrown away"),
        t(
            "Kilo's weggegooid voedsel, naar waar het ontstond.",
            "Kilos of food thrown away, by where it arose.",
        ),
        t(
            "de keukens die wegen; swill van afdelingen en restaurants zit bij afval",
            "the kitchens that weigh; swill of wards and restaurants is in the waste",
        ),
        _weighed(t),
    )
    return bars(
        t, about, over_time(t.slug, "sum(amount)", sums(PER), _FOOD), "suffix:kg", _of(t, FOOD_STAGES)
    )


def _food_per_meal(t: Language) -> timeseries.Panel:
    about = About(
        t("Gram weggegooid per maaltijd", "Grams thrown away per meal"),
        t(
            "Alle weggegooide kilo's gedeeld door alle maaltijden van dezelfde dagen.",
            "All kilos thrown away over all meals of the same days.",
        ),
        t("de keukens die wegen en maaltijden tellen", "the kitchens that weigh and count meals"),
        _weighed(t),
    )
    food = "kind = 'food-waste' AND base_unit = 'mg'"
    meals = "kind = 'activity' AND category = 'meals' AND base_unit = '1'"
    metric = t("gram per maaltijd", "grams per meal")
    sql = _ratio(metric, food, meals, "/ 1000")
    return lines(t, about, sql, "suffix:g", {metric: BLUE})


def _pieces(t: Language) -> timeseries.Panel:
    about = About(
        t("Weggegooide medicijnen", "Medicines thrown away"),
        t(
            "Stuks (kleinste eenheid die wordt uitgegeven), naar de reden. Stuks, kilo's en euro's worden "
            "nooit opgeteld.",
            "Pieces (the smallest unit dispensed), by reason. Pieces, kilos and euros are never added up.",
        ),
        _pharmacy(t),
        _counted(t),
    )
    where = f"kind = 'medication-waste' AND base_unit = 'piece' AND {COUNTED}"
    sql = over_time(t.slug, "sum(amount)", sums(PER), where)
    return bars(t, about, sql, t("suffix:stuks", "suffix:pieces"), _of(t, MEDICATION_REASONS), span=8)


def _cost(t: Language) -> timeseries.Panel:
    about = About(
        t("Waarde van weggegooide medicijnen", "Value of medicines thrown away"),
        t("Inkoopwaarde zonder btw, naar de reden.", "Purchase value without VAT, by reason."),
        _pharmacy(t),
        _counted(t),
    )
    where = f"kind = 'medication-waste' AND base_unit = 'cent' AND {COUNTED}"
    sql = over_time(t.slug, "sum(amount)", sums(PER), where)
    return bars(t, about, sql, "currencyEUR", _of(t, MEDICATION_REASONS), span=8)


def _share_of_dispensed(t: Language) -> timeseries.Panel:
    about = About(
        t("Weggegooid van wat is uitgegeven", "Thrown away of what was dispensed"),
        t(
            "Alle weggegooide stuks gedeeld door alle uitgegeven stuks van dezelfde dagen.",
            "All pieces thrown away over all pieces dispensed on the same days.",
        ),
        _pharmacy(t),
        _counted(t),
    )
    wasted = "kind = 'medication-waste' AND base_unit = 'piece'"
    dispensed = "kind = 'activity' AND category = 'medicines-dispensed' AND base_unit = '1'"
    metric = t("weggegooid", "thrown away")
    sql = _ratio(metric, wasted, dispensed, "* 100")
    return lines(t, about, sql, "percent", {metric: BLUE}, span=8)


def _ratio(metric: str, above: str, below: str, scale: str) -> str:
    """Sum over sum in each bucket, where both are known."""
    value = f"sum(quantity) FILTER (WHERE {above}) {scale} / nullif(sum(quantity) FILTER (WHERE {below}), 0)"
    return over_time(quoted(metric), value, sums(PER), f"({above} OR {below}) AND {COUNTED}")


def _slugs(part: Part) -> str:
    return ", ".join(quoted(category) for category in part.categories)


def _named(part: Part, t: Language) -> str:
    return part.nl if t.slug == "nl" else part.en


def _of(t: Language, entries: Mapping[str, Entry]) -> dict[str, str]:
    return cycle(entry.nl if t.slug == "nl" else entry.en for entry in entries.values())


def _weighed(t: Language) -> str:
    return t("gewogen hoeveelheden", "weighed amounts")


def _counted(t: Language) -> str:
    return t("tellingen van de apotheek", "counts by the pharmacy")


def _pharmacy(t: Language) -> str:
    return t(
        "wat de apotheek telt; niet wat opnieuw wordt uitgegeven",
        "what the pharmacy counts; not what is re-issued",
    )
