"""A Grafana for each test: a real one where there is one to play with, else one that plays back."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.provisioning.traffic import Recorded, Recording, Traffic

RECORDINGS = Path(__file__).with_name("recordings")
REAL_URL, REAL_TOKEN, RECORD = (
    os.environ.get(f"GROENMETER_TEST_GRAFANA_{name}", "") for name in ("URL", "TOKEN", "RECORD")
)

# What these tests make in Grafana. It must be one to play with: it loses everything of ours.
TEAM = "team-of-the-tests"
_MADE = (
    "/api/folders/groenmeter?forceDeleteRules=true",
    "/api/folders/somebody-else?forceDeleteRules=true",
    "/api/datasources/uid/groenmeter",
    "/api/datasources/uid/somebody-else",
)


@pytest.fixture
def grafana(request: pytest.FixtureRequest) -> Iterator[Traffic]:
    """With a real one, named by the environment, the calls are new; `..._RECORD` writes them down."""
    path = RECORDINGS / f"{request.node.originalname}.json"
    traffic = Recording(REAL_URL, REAL_TOKEN) if REAL_URL else Recorded(path)
    if isinstance(traffic, Recording):
        _clean(traffic)
    with traffic.serving():
        yield traffic
    if isinstance(traffic, Recording):
        _clean(traffic)
    if request.node.stash.get(FAILED, False):
        return
    if isinstance(traffic, Recorded):
        traffic.end()
    elif RECORD:
        path.parent.mkdir(exist_ok=True)
        traffic.write(path)


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember that a test failed: its calls say nothing, neither those made nor those left out."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


def _clean(traffic: Recording) -> None:
    _, teams = traffic.real("GET", f"/api/teams/search?name={TEAM}")
    for team in teams["teams"]:
        traffic.real("DELETE", f"/api/teams/{team['id']}")
    for path in _MADE:
        status, answer = traffic.real("DELETE", path)
        assert status in (200, 404), answer
