"""The committed figures are those of the rules as they are."""

import json
from pathlib import Path

import pytest

from tests.bench.odd_values import FIGURES, measure

METER = Path(__file__).parents[2] / ".." / "shared" / "data" / "load_15min_nl.csv"


def test_the_figures_are_those_of_the_rules() -> None:
    if not METER.exists():
        pytest.skip(f"the real meter's readings are not there: {METER.resolve()}")

    assert measure(METER) == json.loads(FIGURES.read_text(encoding="utf-8"))
