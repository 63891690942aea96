"""The commands of factors on a database of their own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from services.factors import commands
from services.store.configuration import change
from tests.strategies import ORGANISATION

Run = Callable[..., Result]


@pytest.fixture
def organisation(database: str) -> str:
    """The owner's address of a fresh database with teams ok-centrum and keuken."""
    change(database, ORGANISATION, "test")
    return database


@pytest.fixture
def run(organisation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `groenmeter factors` with these words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GROENMETER_DATABASE_URL", organisation)
    app = typer.Typer()
    commands.register(app)
    return lambda *words: CliRunner().invoke(app, ["factors", *words])


@pytest.fixture
def listed(run: Run) -> Callable[..., list[dict[str, Any]]]:
    """The rows of `groenmeter factors --json` with these words."""

    def rows(*words: str) -> list[dict[str, Any]]:
        result = run(*words, "--json")
        assert result.exit_code == 0, result.output
        found: list[dict[str, Any]] = json.loads(result.stdout)["rows"]
        return found

    return rows
