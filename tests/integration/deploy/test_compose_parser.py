"""The Compose file read by compose-go, the parser that Docker Compose is made with.

It checks the file against the Compose schema, fills in the variables, and looks up what is referred to.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.compose_file import DEPLOY, environment_of, read_compose

SOURCE = Path(__file__).with_name("compose_parser")
BUILD_SECONDS = 300
VARIABLES = {"KAFKA_CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw", "PROCESSORS": "2", "GRAFANA_PORT": "3443"}

Parse = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parser as a program; Go keeps what it compiled for the next time."""
    if shutil.which("go") is None:
        pytest.skip("NOT TESTED: the Compose file was not read by Docker Compose's parser, which needs Go")
    modules = _go("mod", "download")
    if modules.returncode:
        pytest.skip(f"NOT TESTED: the modules of Docker Compose's parser cannot be had: {modules.stderr}")
    program = tmp_path_factory.mktemp("compose_parser") / "compose_parser"
    build = _go("build", "-buildvcs=false", "-mod=readonly", "-o", str(program), ".")
    assert build.returncode == 0, build.stderr
    return program


def _go(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["go", *words],
        cwd=SOURCE,
        env=os.environ | {"GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )


@pytest.fixture
def parse(parser: Path, tmp_path: Path) -> Parse:
    """Reads the text of a Compose file, ours unless another is given, with these variables in its `.env`."""

    def run(variables: dict[str, str], text: str | None = None) -> subprocess.CompletedProcess[str]:
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        file = tmp_path / "compose.yaml"
        file.write_text(text or (DEPLOY / "compose.yaml").read_text())
        return subprocess.run(
            [parser, file],
            cwd=tmp_path,
            env={},  # a variable of whoever runs the tests must not fill in one of the file's
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def project(parse: Parse) -> dict[str, Any]:
    result = parse(VARIABLES)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""  # no variable is left empty by mistake
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_it_is_read_as_we_read_it(project: dict[str, Any]) -> None:
    ours = read_compose(VARIABLES)

    assert project["name"] == "groenmeter"
    assert project["services"].keys() == ours["services"].keys()
    for name, service in project["services"].items():
        assert service["image"] == ours["services"][name]["image"]
        assert service["command"] == ours["services"][name].get("command")
        # Compose turns a doubled dollar sign into one.
        expected = {
            key: value.replace("$$", "$") for key, value in environment_of(ours["services"][name]).items()
        }
        assert (service.get("environment") or {}) == expected
    assert project["services"]["processor"]["scale"] == 2
    (port,) = project["services"]["grafana"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "3443", 3000)


def test_it_refuses_to_start_without_secrets_and_names_the_command(parse: Parse) -> None:
    result = parse({})

    assert result.returncode == 1
    assert "first run python3 make_secrets.py" in result.stderr


@pytest.mark.parametrize(
    ("sound", "broken", "complaint"),
    [
        ("  door:\n", "  door:\n    helthcheck: {}\n", "helthcheck"),
        ("migrate: { condition: service_comp", "migrations: { condition: service_comp", "migrations"),
        ("secrets: [services_url]", "secrets: [service_url]", "service_url"),
    ],
)
def test_the_parser_sees_a_mistake(parse: Parse, sound: str, broken: str, complaint: str) -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    assert sound in text

    result = parse(VARIABLES, text.replace(sound, broken))

    assert result.returncode == 1
    assert complaint in result.stderr
