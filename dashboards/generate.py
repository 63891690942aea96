"""The dashboards as Grafana loads them, by path within `dashboards/generated/`."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import energy, glance, quality, team, waste
from dashboards.language import LANGUAGES, Language

GENERATED = Path(__file__).with_name("generated")

# In the order in which people read them.
DASHBOARDS: Mapping[str, Callable[[Language], Dashboard]] = {
    glance.NAME: glance.glance,
    energy.NAME: energy.energy,
    waste.NAME: waste.waste,
    team.NAME: team.team,
    quality.NAME: quality.quality,
}


def documents() -> dict[str, Any]:
    """Every dashboard in both languages, `LANGUAGE/NAME.json`."""
    return {
        f"{t.slug}/{name}.json": _document(build(t)) for t in LANGUAGES for name, build in DASHBOARDS.items()
    }


def _document(dashboard: Dashboard) -> Any:
    """As plain JSON, with the `id` that lets Grafana find it by its uid only."""
    return {"id": None, **json.loads(json.dumps(dashboard, cls=JSONEncoder))}
