"""The frame of every dashboard: its names, links, variables and the order of its panels."""

from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardLinkType,
    Panel,
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
)

from dashboards.language import LANGUAGES, Language
from dashboards.panels import SOURCE
from schemas.organisation import Organisation

TAG = "groenmeter"

# Days and months come from the database in the organisation's own time zone; this one is that of the axes,
# because a dashboard is one text for every installation.
TIME_ZONE = Organisation().time_zone

_REFRESH = "5m"

Section = tuple[str, Sequence[Builder[Panel]]]


def frame(
    t: Language,
    name: str,
    title: str,
    heading: Builder[Panel],
    sections: Sequence[Section],
    *,
    variables: Sequence[Builder[VariableModel]] = (),
    since: str,
) -> Dashboard:
    """A dashboard `groenmeter-NAME-LANGUAGE` over the time from `since` (like `now-2y/y`) to now."""
    builder = (
        board.Dashboard(title)
        .uid(uid(name, t))
        .tags([TAG, t.slug])
        .timezone(TIME_ZONE)
        .time(since, "now")
        .refresh(_REFRESH)
        .readonly()
        .with_variable(_as_of(t))
    )
    for variable in variables:
        builder = builder.with_variable(variable)
    for link in _links(t, name):
        builder = builder.link(link)
    builder = builder.with_panel(heading)
    for section, panels in sections:
        builder = builder.with_row(board.Row(section))
        for panel in panels:
            builder = builder.with_panel(panel)
    built = builder.build()
    for number, placed in enumerate(built.panels or [], start=1):
        placed.id_val = number
    for asked in (built.templating.list_val if built.templating else None) or []:
        # In an address, as of a bookmark, an old moment would stand over today's numbers.
        asked.skip_url_sync = asked.name == AS_OF
    return built


AS_OF = "as_of"


def uid(name: str, t: Language) -> str:
    """The identity of a dashboard in Grafana."""
    return f"{TAG}-{name}-{t.slug}"


def choice(name: str, label: str, options: Mapping[str, str]) -> board.CustomVariable:
    """A variable with fixed values, each with its words; the first is chosen."""
    first = next(iter(options))
    written = ", ".join(f"{words} : {value}" for value, words in options.items())
    return (
        board.CustomVariable(name)
        .label(label)
        .values(written)
        .current(VariableOption(True, options[first], first))
        .options([VariableOption(value == first, words, value) for value, words in options.items()])
    )


def listed(name: str, label: str, sql: str) -> board.QueryVariable:
    """A variable with the rows of a query, whose columns are `__value` and `__text`."""
    return _queried(name, sql).label(label)


def bucket(t: Language) -> board.CustomVariable:
    """The variable `per`: over which time is added up."""
    options = {
        "month": t("maand", "month"),
        "week": t("week", "week"),
        "day": t("dag", "day"),
        "year": t("jaar", "year"),
    }
    return choice("per", t("per", "by"), options)


def basis(t: Language) -> tuple[board.CustomVariable, ...]:
    """The variables `chain` and `market`: on which basis CO2e is counted."""
    chains = {"wtw": t("hele keten", "whole chain"), "ttw": t("alleen direct", "direct only")}
    markets = {
        "location": t("gemiddelde van het net", "average of the grid"),
        "market": t("ingekochte stroom", "electricity as bought"),
    }
    return (
        choice("chain", t("CO2e telt", "CO2e counts"), chains),
        choice("market", t("stroom als", "electricity as"), markets),
    )


def _as_of(t: Language) -> board.QueryVariable:
    """The hidden variable `as_of`, which every panel's description shows."""
    shown = "DD-MM-YYYY HH24:MI" if t.slug == "nl" else "YYYY-MM-DD HH24:MI"
    sql = f"SELECT to_char(local_time, '{shown}') FROM dashboard_as_of"  # noqa: S608
    return _queried(AS_OF, sql).hide(VariableHide.HIDE_VARIABLE)


def _queried(name: str, sql: str) -> board.QueryVariable:
    return (
        board.QueryVariable(name).datasource(SOURCE).query(sql).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def _links(t: Language, name: str) -> list[Any]:
    other = next(language for language in LANGUAGES if language != t)
    pages = (
        board.DashboardLink("Groenmeter")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG, t.slug])
        .icon("dashboard")
    )
    translation = (
        board.DashboardLink(t("In English", "In het Nederlands"))
        .type(DashboardLinkType.LINK)
        .url(f"/d/{uid(name, other)}")
        .icon("external link")
        .keep_time(True)
        .include_vars(True)
    )
    return [pages, translation]
