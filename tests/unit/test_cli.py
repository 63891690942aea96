"""Every command is found, and none waits for the packages of others."""

import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.main import get_group

from services.cli import PARTS, command_for


def names(app: typer.Typer) -> set[str]:
    return set(get_group(app).commands)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_known_by_all_its_commands(part: str) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    import_module(part).register(app)

    assert names(app) == set(PARTS[part])


def test_without_a_command_there_are_all() -> None:
    every = {name for commands in PARTS.values() for name in commands}

    assert names(command_for([])) == names(command_for(["--help"])) == names(command_for(["statis"])) == every
    assert sum(map(len, PARTS.values())) == len(every)


def test_status_waits_for_no_package_that_it_does_not_need() -> None:
    program = "import sys; from services.cli import command_for; command_for(['status']); print(*sys.modules)"

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = set(result.stdout.split())
    assert "services.local.commands" in loaded
    assert not loaded & {
        "fastapi",
        "faust",
        "aiokafka",
        "niquests",
        "apprise",
        "grafana_client",
        "xlsxwriter",
    }
