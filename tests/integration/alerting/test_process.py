"""The teller as a process: it outlives its database connections and ends in order."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from services.alerting.webhook import new_secret
from services.store.subscribers import NewSubscriber, add_subscriber
from tests.integration.alerting.receivers import web_server
from tests.integration.alerting.telling import insert_change, messages
from tests.waiting import wait_until

SECONDS = 20
COMMAND = [sys.executable, "-m", "services.alerting"]
TELLER = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"


@pytest.fixture
def hook(owner):
    """A hook that is subscribed to everything."""
    with web_server() as (hook, url):
        add_subscriber(owner, NewSubscriber(name="hook", channel="webhook", address=url, secret=new_secret()))
        yield hook


@pytest.fixture
def teller(database, tmp_path):
    """A teller of this database."""
    environment = os.environ | {"GROENMETER_DATABASE_URL": database, "GROENMETER_HOME": str(tmp_path)}
    with subprocess.Popen(COMMAND, env=environment) as process:
        yield process
        process.kill()


def test_it_outlives_its_connection(database, owner, teller, hook):
    def pid():
        return owner.execute(TELLER, ("groenmeter-writer",)).fetchone()

    (first,) = wait_until(pid, SECONDS)
    insert_change(owner)
    wait_until(lambda: len(hook.posts) == 1, SECONDS)
    owner.execute("SELECT pg_terminate_backend(%s, 5000)", (first,))
    insert_change(owner, "other")
    wait_until(lambda: len(hook.posts) == 2, SECONDS)
    wait_until(lambda: messages(database) == [("sent", 1, None)] * 2, SECONDS)
    assert teller.poll() is None


def test_it_notes_what_is_in_hand_before_it_ends(database, owner, teller, hook):
    in_hand, go_on = threading.Event(), threading.Event()

    def answer(_):
        in_hand.set()
        return 204 if go_on.wait(SECONDS) else 500

    hook.answer = answer
    insert_change(owner)
    assert in_hand.wait(SECONDS)
    teller.send_signal(signal.SIGTERM)
    insert_change(owner, "too late")
    go_on.set()
    assert teller.wait(SECONDS) == 0
    assert messages(database) == [("sent", 1, None)]
    assert len(hook.posts) == 1


def test_it_waits_for_a_database(tmp_path):
    environment = os.environ | {"GROENMETER_DATABASE_URL": "postgresql://nobody:hush@127.0.0.1:1/none"}
    log = tmp_path / "log"
    with log.open("wb") as file, subprocess.Popen(COMMAND, env=environment, stderr=file) as process:
        wait_until(lambda: log.read_text().count("the database does not answer") > 1, SECONDS)
        process.terminate()
        assert process.wait(SECONDS) == 0
    assert "hush" not in log.read_text()
