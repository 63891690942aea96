"""The tracker as a process: killed, restarted, and without its database for a while."""

import os
import signal
import subprocess
import sys
from datetime import date

import psycopg
import pytest

from services.local.child import spawn
from services.store.configuration import change
from tests.integration.query.asking import count
from tests.integration.store.recording import query, value
from tests.integration.tracking.tracked import changes, evaluations, paper, step
from tests.waiting import wait_until

PATIENCE = 60.0
YEAR = range(1, 13)


@pytest.fixture
def start(organisation, tmp_path):
    """Starts trackers, which are ended at the end; the target is one whose last year is over."""
    anchors = [{"year": 2018, "value": 100}, {"year": 2025, "value": 70}]
    change(organisation, {"targets": {"less-paper": {"anchors": anchors}}}, "test")
    children: list[subprocess.Popen[bytes]] = []

    def start():
        ready = tmp_path / f"ready-{len(children)}"
        environment = {name: text for name, text in os.environ.items() if not name.startswith("GROENMETER_")}
        environment |= {
            "GROENMETER_DATABASE_URL": organisation,
            "GROENMETER_HOME": str(tmp_path / "home"),
            "GROENMETER_READY_FILE": str(ready),
        }
        command = [sys.executable, "-m", "services.tracking"]
        children.append(spawn(command, tmp_path / "tracker.log", environment=environment))
        wait_until(ready.exists, PATIENCE)
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.wait()


def wait_for_the_newest_batch(dsn):
    behind = "SELECT (SELECT max(batch_no) FROM batch_log) - batch_no FROM tracker_cursor"
    wait_until(lambda: value(dsn, behind) == 0, PATIENCE)


def test_killed_and_started_again_it_tells_everything_once(organisation, start):
    tracker = start()
    count(organisation, *paper(2018, YEAR, 100))
    wait_for_the_newest_batch(organisation)

    tracker.send_signal(signal.SIGKILL)
    tracker.wait()
    count(organisation, *paper(2025, YEAR, 75))  # 900 kg where 840 are allowed
    assert changes(organisation) == []
    tracker = start()
    wait_for_the_newest_batch(organisation)
    tracker.send_signal(signal.SIGKILL)
    tracker.wait()
    start()

    assert changes(organisation) == [("green", "red", date(2025, 2, 1), True)]
    assert evaluations(organisation)[-1] == ("red", "0.071429", "900")
    assert value(organisation, "SELECT outcome FROM current_evaluation") == "missed"
    before = query(organisation, "SELECT count(*) FROM evaluation")
    step(organisation, value(organisation, "SELECT day FROM tracker_cursor"))
    assert query(organisation, "SELECT count(*) FROM evaluation") == before


def test_a_lost_connection_is_made_again(organisation, start):
    tracker = start()
    with psycopg.connect(organisation, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'groenmeter-writer'"
        )

    count(organisation, *paper(2018, YEAR, 100))

    wait_for_the_newest_batch(organisation)
    assert tracker.poll() is None


def test_told_to_stop_it_ends_well(start):
    tracker = start()

    tracker.send_signal(signal.SIGTERM)

    assert tracker.wait(PATIENCE) == 0
