"""`deploy/compose.yaml` as the tests read it: variables filled in, anchors merged."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
# What Compose interpolates, as far as our file uses it: ${NAME:-default} and ${NAME:?message}.
_VARIABLE = re.compile(r"\$\{(?P<name>\w+):(?P<sort>[-?])(?P<text>[^}]*)\}")


def read_compose(variables: Mapping[str, str]) -> dict[str, Any]:
    """The Compose file with these variables. Raises `KeyError` with its message for one it insists on."""

    def fill_in(found: re.Match[str]) -> str:
        value = variables.get(found["name"])
        if not value and found["sort"] == "?":
            raise KeyError(found["text"])
        return value or found["text"]

    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(fill_in, text))
    return document


def environment_of(service: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a service, as texts."""
    return {name: str(value) for name, value in service.get("environment", {}).items()}
