"""Panels: what all of them have, and the sorts that the dashboards use.

Series are told apart by the palette of Okabe and Ito (Color Universal Design, 2008), which people with every
common form of colour blindness see as different; a meaning never hangs on a colour alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from grafana_foundation_sdk.builders import barchart, common, stat, table, text, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    BarAlignment,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, DynamicConfigValue
from grafana_foundation_sdk.models.text import TextMode

from dashboards.language import Language, no_data

SOURCE = DataSourceRef(type_val="grafana-postgresql-datasource", uid="groenmeter")

ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY = PALETTE = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#999999",
)
BAND_COLOURS = {"green": GREEN, "amber": ORANGE, "red": VERMILION, "unknown": GREY}
STATUS_COLOURS = BAND_COLOURS | {"met": GREEN, "missed": VERMILION, "cannot-tell": GREY}

NUMBER = "locale"
WORDS = "string"


class Sql(Builder[Dataquery], Dataquery):
    """A query of Grafana's PostgreSQL data source; a time series has columns `time`, `metric` and `value`."""

    def __init__(self, sql: str, form: str) -> None:
        self.sql, self.form = sql, form

    def build(self) -> Dataquery:
        """Itself: the panels take a builder."""
        return self

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it."""
        return {
            "refId": "A",
            "datasource": SOURCE,
            "editorMode": "code",
            "format": self.form,
            "rawQuery": True,
            "rawSql": self.sql,
        }


class About(NamedTuple):
    """What a panel says of itself: what it shows, within which boundary, and what its figures rest on."""

    title: str
    shows: str
    boundary: str
    basis: str


class Column(NamedTuple):
    """How one column of a table is shown.

    `words`: what stands for each value; `colours`: the background of each value, beside its word.
    `link`: where a click goes, with Grafana's variables. `blank`: what stands where there is nothing to tell.
    `wrapped`: a long text goes on in the next line.
    """

    name: str
    title: str
    unit: str = WORDS
    width: int | None = None
    decimals: int | None = None
    words: Mapping[str, str] | None = None
    colours: Mapping[str, str] | None = None
    link: str | None = None
    blank: str | None = None
    wrapped: bool = False
    hidden: bool = False


_P = TypeVar("_P", table.Panel, timeseries.Panel, barchart.Panel, stat.Panel)


def table_of(
    t: Language,
    about: About,
    sql: str,
    columns: Sequence[Column],
    *,
    height: int,
    span: int = 24,
    empty: str | None = None,
) -> table.Panel:
    """A table; its columns are those of the query. `empty`: what it says without rows, instead of no data."""
    panel = _described(table.Panel(), t, about, sql, "table", WORDS).height(height).span(span)
    if empty is not None:
        panel = panel.no_value(empty)
    for column in columns:
        panel = panel.override_by_name(column.name, list(_properties(column)))
    return panel


def _properties(column: Column) -> Iterable[DynamicConfigValue]:
    yield DynamicConfigValue("displayName", column.title)
    yield DynamicConfigValue("unit", column.unit)
    if column.width is not None:
        yield DynamicConfigValue("custom.width", column.width)
    if column.decimals is not None:
        yield DynamicConfigValue("decimals", column.decimals)
    if column.words is not None:
        yield DynamicConfigValue("mappings", [_mapping(column.words, column.colours or {})])
    if column.colours is not None:
        yield DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"})
        yield DynamicConfigValue("custom.displayMode", "color-background-solid")  # Grafana before 9.5
        yield DynamicConfigValue("color", {"mode": "fixed", "fixedColor": "transparent"})
    if column.link is not None:
        yield DynamicConfigValue("links", [{"title": column.title, "url": column.link}])
    if column.blank is not None:
        yield DynamicConfigValue("noValue", column.blank)
    if column.wrapped:
        yield DynamicConfigValue(
            "custom.cellOptions", {"type": "auto", "wrapText": True}
        )  # from Grafana 11 on
    if column.hidden:
        yield DynamicConfigValue("custom.hidden", True)


def _mapping(words: Mapping[str, str], colours: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, dict[str, Any]] = {}
    for index, (value, word) in enumerate(words.items()):
        options[value] = {"text": word, "index": index}
        if value in colours:
            options[value]["color"] = colours[value]
    return {"type": "value", "options": options}


def bars(
    t: Language,
    about: About,
    sql: str,
    unit: str,
    colours: Mapping[str, str],
    *,
    span: int = 12,
    total: bool = True,
) -> timeseries.Panel:
    """Stacked bars over time, each beginning where its bucket does; `colours` by the name of a series.

    `total`: the legend adds up what is shown; not where a part of the range may have no value.
    """
    panel = (
        _over_time(t, about, sql, unit, colours, ["sum"] if total else [])
        .draw_style(GraphDrawStyle.BARS)
        .bar_alignment(BarAlignment.AFTER)
        .fill_opacity(80)
        .line_width(1)
        .min(0)
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    )
    return panel.height(9).span(span)


def lines(
    t: Language,
    about: About,
    sql: str,
    unit: str,
    colours: Mapping[str, str],
    limits: Sequence[str] = (),
    *,
    span: int = 12,
) -> timeseries.Panel:
    """Lines with points over time, with a gap where nothing is known; `limits` names the dashed series."""
    panel = (
        _over_time(t, about, sql, unit, colours, ["lastNotNull"])
        .draw_style(GraphDrawStyle.LINE)
        .line_width(2)
        .show_points(VisibilityMode.ALWAYS)
        .point_size(6)
        .axis_soft_min(0)
    )
    for limit in limits:
        dashed = {
            "custom.spanNulls": True,
            "custom.showPoints": "never",
            "custom.lineInterpolation": "stepAfter",
            "custom.lineStyle": {"fill": "dash", "dash": [10, 10]},
        }
        panel = panel.override_by_name(limit, [DynamicConfigValue(*one) for one in dashed.items()])
    return panel.height(9).span(span)


def _over_time(
    t: Language, about: About, sql: str, unit: str, colours: Mapping[str, str], calcs: list[str]
) -> timeseries.Panel:
    panel = _described(timeseries.Panel(), t, about, sql, "time_series", unit).legend(_legend(calcs))
    panel = panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    return _coloured(panel, colours)


def bars_by_name(
    t: Language, about: About, sql: str, unit: str, name: str, series: Mapping[str, tuple[str, str]]
) -> barchart.Panel:
    """Bars for each value of the column `name`; each other one is a series with a title and a colour."""
    panel = _described(barchart.Panel(), t, about, sql, "table", unit)
    panel = panel.legend(_legend([])).show_value(VisibilityMode.NEVER).fill_opacity(80).group_width(0.8)
    panel = panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    panel = _coloured(panel, {name: colour for name, (_, colour) in series.items()})
    panel = _titled(panel, {name: title for name, (title, _) in series.items()})
    return panel.override_by_name(name, [DynamicConfigValue("unit", WORDS)]).height(10).span(14)


def _legend(calcs: list[str]) -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST)
    return legend.placement(LegendPlacement.BOTTOM).show_legend(True).calcs(calcs)


def figures(
    t: Language,
    about: About,
    sql: str,
    unit: str,
    titles: Mapping[str, str],
    colours: Mapping[str, str] | None = None,
    *,
    span: int,
) -> stat.Panel:
    """Large figures, one for each column of the only row; `titles` and `colours` by column."""
    panel = _described(stat.Panel(), t, about, sql, "table", unit).height(4).span(span)
    panel = panel.reduce_options(
        common.ReduceDataOptions().values(False).calcs(["lastNotNull"]).fields("/.*/")
    )
    return _titled(_coloured(panel, colours or dict.fromkeys(titles, BLUE)), titles)


def heading(t: Language, content: str, height: int = 3) -> text.Panel:
    """Words at the top of a dashboard: what it is about, its boundary, and as of when."""
    content = f"{content} **{t('Stand van', 'As of')} ${{as_of}}.**"
    title = t("Waar gaat dit over?", "What is this about?")
    panel = text.Panel().title(title).mode(TextMode.MARKDOWN).content(content)
    return panel.transparent(True).height(height).span(24)


def cycle(names: Iterable[str]) -> dict[str, str]:
    """A colour of the palette for each name, in its order; the ninth has that of the first."""
    return {name: PALETTE[(index + 4) % len(PALETTE)] for index, name in enumerate(names)}


def _described(panel: _P, t: Language, about: About, sql: str, form: str, unit: str) -> _P:
    description = "\n\n".join(
        (
            about.shows,
            f"**{t('Grens', 'Boundary')}:** {about.boundary}.",
            f"**{t('Berust op', 'Rests on')}:** {about.basis}.",
            f"**{t('Stand van', 'As of')}:** ${{as_of}}.",
        )
    )
    return (
        panel.title(about.title)
        .description(description)
        .datasource(SOURCE)
        .with_target(Sql(sql, form))
        .unit(unit)
        .no_value(no_data(t))
    )


def _coloured(panel: _P, colours: Mapping[str, str]) -> _P:
    for name, colour in colours.items():
        fixed = DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})
        panel = panel.override_by_name(name, [fixed])
    return panel


def _titled(panel: _P, titles: Mapping[str, str]) -> _P:
    for name, title in titles.items():
        panel = panel.override_by_name(name, [DynamicConfigValue("displayName", title)])
    return panel
