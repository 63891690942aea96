"""Writes what `provision` would put into a Grafana as that Grafana's own provisioning files."""

import json
from pathlib import Path
from typing import Any

import yaml

from services.provisioning.wanted import SHORT_NAME, TITLE, UID, Json, Wanted, named_for

PASSWORD_VARIABLE = "GROENMETER_GRAFANA_DATABASE_PASSWORD"  # noqa: S105 the variable's name
FILE = "groenmeter.yaml"
ALERT_FOLDER = "Groenmeter alerts"
_FOLDER_OF_BOARDS = f"$GF_PATHS_PROVISIONING/dashboards/{UID}"  # Grafana's images set this variable


def export(wanted: Wanted, directory: Path, *, with_alerts: bool) -> list[Path]:
    """Write `datasources/`, `dashboards/` and, on demand, `alerting/`; the same input gives the same bytes.

    What is called PostgreSQL's plug-in here is the name that every Grafana knows, so that the files do not
    depend on its version. Ours that are no longer wanted are removed.

    Returns:
        the files, in the order they were written.
    """
    files = {
        Path("datasources", FILE): _yaml(_datasources(named_for(wanted.datasource, SHORT_NAME))),
        Path("dashboards", FILE): _yaml(_PROVIDER),
    }
    for board in wanted.dashboards:
        text = json.dumps(named_for(board, SHORT_NAME) | {"id": None}, ensure_ascii=False, indent=2)
        files[Path("dashboards", UID, f"{board['uid']}.json")] = f"{text}\n"
    alerts = Path("alerting", FILE)
    if with_alerts:
        files[alerts] = _yaml(_alerts(named_for(wanted.alerts, SHORT_NAME)))
    for old in (*directory.glob(f"dashboards/{UID}/*.json"), directory / alerts):
        if old.relative_to(directory) not in files:
            old.unlink(missing_ok=True)
    for path, text in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text, encoding="utf-8")
    return [directory / path for path in files]


def _datasources(datasource: Json) -> Json:
    literal = _literal(datasource)
    secret = {"password": f"${PASSWORD_VARIABLE}"}
    return {
        "apiVersion": 1,
        "prune": True,
        "datasources": [literal | {"orgId": 1, "editable": False, "secureJsonData": secret}],
    }


_PROVIDER: Json = {
    "apiVersion": 1,
    "providers": [
        {
            "name": UID,
            "orgId": 1,
            "type": "file",
            "folder": TITLE,
            "folderUid": UID,
            "allowUiUpdates": False,
            "disableDeletion": False,
            "options": {"path": _FOLDER_OF_BOARDS, "foldersFromFilesStructure": False},
        }
    ],
}


def _alerts(group: Json) -> Json:
    """The rules lie in a folder of their own.

    Grafana reads these files before the dashboards' and knows a folder here by its title only: it would make
    a second folder of our title, with a uid that is not ours (grafana/grafana#125079).
    """
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": group["title"],
                "folder": ALERT_FOLDER,
                "interval": "1m",  # Grafana's own default
                "rules": group["rules"],
            }
        ],
    }


def _literal(value: Any) -> Any:
    """The value as Grafana reads it back: in these files `$` begins a variable's name, unless doubled."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    return value


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # pyyaml has no types
    """Writes a text of several lines as such: SQL stays readable."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _yaml(document: Json) -> str:
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text
