"""What our image of Grafana is made of: the files that the build exports, and how the password gets in."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.compose_file import DEPLOY
from tests.integration.deploy.deployment import SERVICES, Deployment
from tests.stacks import COMMAND

STAGE = (DEPLOY / "Dockerfile").read_text().partition(" AS provisioning\n")[2]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The directory that the build's own line wrote, run with the build's own variable."""
    name, _, value = re.findall(r"^ENV (\S+)$", STAGE, re.MULTILINE)[0].partition("=")
    words = shlex.split(re.findall(r"^RUN (.+)$", STAGE, re.MULTILINE)[0])
    command = [word.replace("/tmp/provisioning", str(tmp_path / "provisioning")) for word in words]  # noqa: S108
    environment = {"PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}", name: value}
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return tmp_path / "provisioning"


def datasource(exported: Path) -> dict[str, Any]:
    (file,) = (exported / "datasources").iterdir()
    (only,) = yaml.safe_load(file.read_text())["datasources"]
    return only


def test_grafana_reads_the_database_of_the_deployment(exported: Path, deployment: Deployment) -> None:
    ours = datasource(exported)

    assert (ours["url"], ours["user"], ours["jsonData"]["database"]) == (
        "database:5432",
        "groenmeter_dashboards",
        "groenmeter",
    )
    assert ours["user"] in (deployment.directory / "secrets" / "dashboards_url").read_text()
    assert ours["jsonData"]["sslmode"] == "disable"  # the image of the database has no certificate


def test_the_password_comes_from_the_secret_when_grafana_starts(
    exported: Path, deployment: Deployment
) -> None:
    variable = datasource(exported)["secureJsonData"]["password"]
    assert re.fullmatch(r"\$\w+", variable)
    shell, option, script = SERVICES["grafana"]["entrypoint"]
    assert script.endswith(" exec /run.sh")

    seen = script.replace("$$", "$").replace("exec /run.sh", f'printf %s "{variable}"')
    result = deployment.run("grafana", [shell, option, seen])

    assert result.stdout == (deployment.directory / "secrets" / "dashboards_password").read_text()


def test_every_dashboard_is_exported(exported: Path) -> None:
    generated = Path("dashboards", "generated")
    made = {path.name for path in (DEPLOY.parent / generated).rglob("*.json")}

    assert made
    assert len(list((exported / "dashboards").rglob("*.json"))) == 2 * len(made)
