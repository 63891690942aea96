"""Energie en CO2 / Energy and CO2."""

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.frame import basis, bucket, frame
from dashboards.language import Language, whole_organisation
from dashboards.panels import BLUE, NUMBER, ORANGE, About, Column, bars, cycle, heading, table_of
from dashboards.sql import COUNTED, END_DAY, FIRST_DAY, PER, co2e, co2e_sums, date, over_time, quoted, sums
from dashboards.targets import targets_table
from schemas.catalogue import CARRIERS
from schemas.factors import REFERENCE_YEAR

NAME = "energy"
_BASIS = "chain = ${chain:sqlstring} AND market = ${market:sqlstring}"
_USED = f"kind = 'energy' AND base_unit <> 'cent' AND {COUNTED}"


def energy(t: Language) -> Dashboard:
    """The dashboard in one language."""
    words = t(
        "Energie die de organisatie gebruikt en de CO2 die daarbij hoort. Gebruik, opwek en teruglevering "
        "staan apart en worden nooit opgeteld. CO2e is hoeveelheid maal factor, berekend bij het kijken: "
        f"met de factoren van nu, met vaste factoren ({REFERENCE_YEAR}) zodat jaren te vergelijken zijn, en "
        "daarnaast zoals het gemeld is.",
        "Energy that the organisation uses and the CO2 that goes with it. Use, generation and feed-in "
        "stand apart and are never added up. CO2e is quantity times factor, worked out when looked at: "
        f"with today's factors, with fixed factors ({REFERENCE_YEAR}) so that years compare, and beside "
        "these as it was reported.",
    )
    targets = targets_table(t, t("Doelen voor CO2", "Targets for CO2"), "theme = 'co2'", height=10)
    uses = [
        _use(t, t("Elektriciteit", "Electricity"), "J", "category = 'electricity'", "kwatth"),
        _use(t, t("Warmte", "Heat"), "J", "category = 'district-heat'", "suffix:GJ"),
        _use(t, "Gas", "ml_n", "true", "suffix:Nm3"),
        _use(t, t("Brandstof", "Fuel"), "ml", "true", "suffix:l"),
        _sites(t),
    ]
    return frame(
        t,
        NAME,
        t("Energie en CO2", "Energy and CO2"),
        heading(t, words),
        [
            (t("Doelen", "Targets"), [targets]),
            (t("Gebruik", "Use"), uses),
            (
                "CO2e",
                [_co2e(t, "current"), _co2e(t, "constant"), _reported(t), _years(t), _without_factor(t)],
            ),
            (t("Opwek", "Generation"), [_generation(t), _factors(t)]),
        ],
        variables=[bucket(t), *basis(t)],
        since="now-2y/y",
    )


def _use(t: Language, title: str, base_unit: str, carriers: str, unit: str) -> timeseries.Panel:
    about = About(
        title,
        t(
            "Wat er gebruikt is van elke energiesoort. Gassen en brandstoffen worden nooit bij elkaar "
            "opgeteld; de hoogte van gestapelde balken is daar geen hoeveelheid.",
            "What was used of each energy type. Gases and fuels are never added up; the height of stacked "
            "bars is no amount there.",
        ),
        whole_organisation(t),
        _measured(t),
    )
    sql = over_time(t.slug, "sum(amount)", sums(PER), f"{_USED} AND base_unit = '{base_unit}' AND {carriers}")
    return bars(t, about, sql, unit, cycle(_names(t)))


def _sites(t: Language) -> table.Panel:
    about = About(
        t("Per locatie", "By site"),
        t(
            "Wat elke locatie in de gekozen periode gebruikt heeft.",
            "What each site used in the chosen period.",
        ),
        whole_organisation(t),
        _measured(t),
    )
    sql = f"""
SELECT dashboard_site.{t.slug} AS site, part.{t.slug} AS category, sum(amount) AS amount, unit,
    sum(readings)::bigint AS readings
FROM {sums("'year'")} AS part
JOIN dashboard_site USING (site)
WHERE {_USED}
GROUP BY 1, 2, unit
ORDER BY 1, 2
""".strip()  # noqa: S608
    columns = [
        Column("site", t("locatie", "site")),
        Column("category", t("energiesoort", "energy type")),
        Column("amount", t("hoeveelheid", "amount"), NUMBER, width=160, decimals=0),
        Column("unit", t("eenheid", "unit"), width=100),
        Column("readings", t("metingen", "readings"), NUMBER, width=130, decimals=0),
    ]
    return table_of(t, about, sql, columns, height=8)


def _co2e(t: Language, factors: str) -> timeseries.Panel:
    fixed = t(f"vaste factoren ({REFERENCE_YEAR})", f"fixed factors ({REFERENCE_YEAR})")
    views = {
        "current": (
            t("factoren van nu", "today's factors"),
            t("de factor van elke dag", "the factor of each day"),
        ),
        "constant": (fixed, t("voor elke dag dezelfde factor", "the same factor for every day")),
    }
    title, rests = views[factors]
    about = About(
        f"CO2e, {title}",
        t(
            "Ton CO2e van het energiegebruik, per energiesoort. Een soort zonder factor in die tijd "
            "ontbreekt hier: zie 'Nog zonder CO2e'.",
            "Tonnes CO2e of the energy used, by energy type. A type without a factor in that time is not "
            "here: see 'Not in CO2e yet'.",
        ),
        whole_organisation(t),
        f"{rests}; {_factor_basis(t)}",
    )
    sql = over_time(t.slug, co2e(factors), co2e_sums("energy", PER), _USED)
    return bars(t, about, sql, "suffix:t CO2e", cycle(_names(t)), total=False)


def _years(t: Language) -> table.Panel:
    about = About(
        t("Per jaar", "By year"),
        t(
            "Hoeveelheid en CO2e van elke energiesoort in elk jaar van de gekozen periode. Leeg betekent: "
            "geen factor.",
            "Amount and CO2e of each energy type in each year of the chosen period. Empty means: no factor.",
        ),
        whole_organisation(t),
        f"{_measured(t)}; {_factor_basis(t)}",
    )
    sql = f"""
SELECT extract(year FROM start)::integer::text AS year, {t.slug} AS category, sum(amount) AS amount, unit,
    {co2e("current")} AS current, {co2e("constant")} AS constant
FROM {co2e_sums("energy", "'year'")} AS part
WHERE {_USED}
GROUP BY 1, 2, unit
ORDER BY 1 DESC, 2
""".strip()  # noqa: S608
    columns = [
        Column("year", t("jaar", "year"), width=70),
        Column("category", t("energiesoort", "energy type")),
        Column("amount", t("hoeveelheid", "amount"), NUMBER, width=130, decimals=0),
        Column("unit", t("eenheid", "unit"), width=80),
        Column("current", t("t CO2e, nu", "t CO2e, today's"), NUMBER, width=130, decimals=0),
        Column("constant", t("t CO2e, vast", "t CO2e, fixed"), NUMBER, width=130, decimals=0),
    ]
    return table_of(t, about, sql, columns, height=10, span=14)


def _reported(t: Language) -> table.Panel:
    about = About(
        t("Zoals gemeld", "As reported"),
        t(
            "Wat er gemeld is over dagen uit de gekozen periode, en wat het nu is: met de factoren van nu en "
            "met vaste factoren. Waarom het verschilt, zegt `groenmeter restatements`.",
            "What was reported of days in the chosen range, and what it is now: with today's factors and "
            "with fixed ones. Why they differ, `groenmeter restatements` tells.",
        ),
        whole_organisation(t),
        t("wat met `groenmeter publish` is vastgelegd", "what was kept with `groenmeter publish`")
        + f"; {_factor_basis(t)}",
    )
    sql = f"""
SELECT publication, {date(t, "told_on")} AS told_on, {date(t, "from_day")} AS from_day,
    {date(t, "to_day")} AS to_day, {t.slug} AS category, amount_reported, amount, unit,
    reported / 1000 AS reported, current / 1000 AS current, constant / 1000 AS constant
FROM dashboard_publications('energy', ${{chain:sqlstring}}, ${{market:sqlstring}},
    {FIRST_DAY}, {END_DAY}) AS told
WHERE base_unit <> 'cent'
ORDER BY told.told_on DESC, publication, category
""".strip()  # noqa: S608
    columns = [
        Column("publication", t("gemeld in", "reported in")),
        Column("told_on", t("op", "on"), width=100),
        Column("from_day", t("vanaf", "from"), width=100),
        Column("to_day", t("tot", "until"), width=100),
        Column("category", t("energiesoort", "energy type"), width=170),
        Column("amount_reported", t("gemeld", "reported"), NUMBER, width=110, decimals=0),
        Column("amount", t("nu", "now"), NUMBER, width=110, decimals=0),
        Column("unit", t("eenheid", "unit"), width=80),
        Column("reported", t("t CO2e, gemeld", "t CO2e, reported"), NUMBER, width=130, decimals=0),
        Column("current", t("t CO2e, nu", "t CO2e, today's"), NUMBER, width=130, decimals=0),
        Column("constant", t("t CO2e, vast", "t CO2e, fixed"), NUMBER, width=130, decimals=0),
    ]
    return table_of(t, about, sql, columns, height=8)


def _without_factor(t: Language) -> table.Panel:
    about = About(
        t("Nog zonder CO2e", "Not in CO2e yet"),
        t(
            "Wat gemeten is en in geen CO2e hierboven zit, omdat voor die tijd geen factor bekend is. Er "
            "wordt geen factor verzonnen.",
            "What was measured and is in no CO2e above, because no factor is known for that time. None is "
            "made up.",
        ),
        whole_organisation(t),
        _factor_basis(t),
    )
    sql = f"""
SELECT extract(year FROM start)::integer::text AS year, {t.slug} AS category, sum(amount) AS amount, unit,
    bool_or(current IS NULL) AS no_current, bool_or(constant IS NULL) AS no_constant
FROM {co2e_sums("energy", "'year'")} AS part
WHERE {_USED} AND quantity <> 0 AND (current IS NULL OR constant IS NULL)
GROUP BY 1, 2, unit
ORDER BY 1 DESC, 2
""".strip()  # noqa: S608
    missing = {"true": t("✖ geen factor", "✖ no factor"), "false": t("✔ factor", "✔ factor")}
    columns = [
        Column("year", t("jaar", "year"), width=70),
        Column("category", t("energiesoort", "energy type")),
        Column("amount", t("hoeveelheid", "amount"), NUMBER, width=115, decimals=0),
        Column("unit", t("eenheid", "unit"), width=80),
        Column("no_current", t("van nu", "today's"), width=110, words=missing),
        Column("no_constant", t("vast", "fixed"), width=110, words=missing),
    ]
    return table_of(t, about, sql, columns, height=10, span=10)


def _generation(t: Language) -> timeseries.Panel:
    about = About(
        t("Eigen opwek en teruglevering", "Own generation and feed-in"),
        t(
            "Elektriciteit die zelf is opgewekt of teruggeleverd; geen deel van het gebruik.",
            "Electricity that was generated or fed in; no part of the use.",
        ),
        whole_organisation(t),
        _measured(t),
    )
    flows = {"generation": t("opwek", "generation"), "feed-in": t("teruglevering", "feed-in")}
    words = " ".join(f"WHEN {quoted(flow)} THEN {quoted(word)}" for flow, word in flows.items())
    sql = over_time(
        f"CASE flow {words} END",
        "sum(amount)",
        sums(PER),
        "kind = 'energy' AND base_unit = 'J' AND NOT detail AND flow <> 'use'",
    )
    return bars(t, about, sql, "kwatth", {flows["generation"]: ORANGE, flows["feed-in"]: BLUE}, span=9)


def _factors(t: Language) -> table.Panel:
    about = About(
        t("Factoren die gelden", "Factors in force"),
        t(
            "De factoren van energie, met hun bron en hoe zeker ze zijn.",
            "The factors of energy, with source and how sure.",
        ),
        t("alle energiesoorten", "all energy types"),
        t("de ingelezen factorlijsten", "the factor lists that were read in"),
    )
    sql = f"""
SELECT catalogue_name.{t.slug} AS category, meter, kg_co2e, 'kg CO2e/' || unit AS unit,
    {date(t, "valid_from")} AS valid_from, {date(t, "valid_to")} AS valid_to, source, certainty
FROM factors_known('infinity') AS factor
JOIN catalogue_name USING (kind, category)
WHERE kind = 'energy' AND {_BASIS}
    AND (meter IS NULL
        OR factor_no IN (SELECT factor_no FROM emission_factor WHERE emission_factor.meter IS NOT NULL))
ORDER BY 1, meter NULLS FIRST, factor.valid_from DESC
""".strip()  # noqa: S608
    sure = {
        "seen": t("gezien in de bron", "seen in the source"),
        "computed": t("berekend", "computed"),
        "background": t("niet nagegaan", "not verified"),
        "unknown": t("onbekend", "unknown"),
    }
    columns = [
        Column("category", t("energiesoort", "energy type"), width=210),
        Column("meter", t("alleen van meter", "of this meter only"), width=140),
        Column("kg_co2e", t("factor", "factor"), NUMBER, width=80),
        Column("unit", t("eenheid", "unit"), width=110),
        Column("valid_from", t("vanaf", "from"), width=100),
        Column("valid_to", t("tot", "until"), width=100),
        Column("certainty", t("hoe zeker", "how sure"), width=140, words=sure),
        Column("source", t("bron", "source")),
    ]
    return table_of(t, about, sql, columns, height=9, span=15)


def _names(t: Language) -> list[str]:
    return [str(getattr(carrier, t.slug)) for carrier in CARRIERS.values()]


def _measured(t: Language) -> str:
    return t(
        "gemeten of gefactureerde hoeveelheden, zonder factor",
        "measured or invoiced amounts, without a factor",
    )


def _factor_basis(t: Language) -> str:
    return t(
        "factoren van CO2emissiefactoren.nl of uw leverancier, "
        "CO2e telt: ${chain:text}, stroom als: ${market:text}",
        "factors of CO2emissiefactoren.nl or your supplier, "
        "CO2e counts: ${chain:text}, electricity as: ${market:text}",
    )
