"""The supervisor with real children that do nothing."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.errors import UserError
from services.local.control import end_left_overs
from services.local.part import Part
from services.local.processes import start_time
from services.local.stack import LOGS, ProcessState, StackState, read_state, write_state
from services.local.supervisor import Supervisor, ToldToStop
from tests.waiting import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {15}); signal.pause()",
]
ORPHANS = """
import sys
from pathlib import Path
from services.local.child import spawn
print(spawn([sys.executable, "-c", "import time; time.sleep(600)"], Path(sys.argv[1])).pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    (tmp_path / LOGS).mkdir()
    supervisor = Supervisor(tmp_path)
    with supervisor.listening():
        yield supervisor
        supervisor.stop()


def part(home: Path, name: str, command: list[str], stop_seconds: float = 10.0) -> Part:
    return Part(
        name, lambda: command, home / LOGS / f"{name}.log", dict(os.environ), stop_seconds=stop_seconds
    )


def test_what_dies_comes_back_and_is_counted(supervisor: Supervisor, tmp_path: Path) -> None:
    sleeper = part(tmp_path, "sleeper", SLEEP)
    supervisor.begin(sleeper)
    first = sleeper.pid
    os.kill(first or 0, signal.SIGKILL)

    assert supervisor.wait_for(lambda: sleeper.restarts == 1, 10)

    assert sleeper.pid not in (None, first)
    state = read_state(tmp_path)
    assert state is not None
    assert [(process.name, process.pid, process.restarts) for process in state.processes] == [
        ("sleeper", sleeper.pid, 1)
    ]


def test_what_keeps_dying_ends_the_start_with_its_last_words(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.begin(part(tmp_path, "fool", [sys.executable, "-c", "raise SystemExit('no way')"]))

    with pytest.raises(UserError, match=r"fool does not stay up(.|\n)*no way"):
        supervisor.wait_until(lambda: False, 60, "It")


def test_what_does_not_come_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(UserError, match="The moon is not ready"):
        supervisor.wait_until(lambda: False, 0.1, "The moon")


def test_a_signal_ends_the_waiting(supervisor: Supervisor) -> None:
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()

    with pytest.raises(ToldToStop):
        supervisor.wait_until(lambda: False, 30, "It")


def test_stages_end_in_the_opposite_order(supervisor: Supervisor, tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = (
        "import signal, sys\n"
        "signal.signal(15, lambda *_: (open(sys.argv[1], 'a').write(sys.argv[2]), sys.exit()))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    for name in "abc":
        supervisor.begin(part(tmp_path, name, [sys.executable, "-c", script, str(order), name]))
    logs = [tmp_path / LOGS / f"{name}.log" for name in "abc"]
    assert supervisor.wait_for(lambda: all("ready" in log.read_text() for log in logs), 10)

    supervisor.stop()

    assert order.read_text() == "cba"


def test_what_does_not_listen_is_ended_by_force(supervisor: Supervisor, tmp_path: Path) -> None:
    stubborn = part(tmp_path, "stubborn", STUBBORN, stop_seconds=0.5)
    supervisor.begin(stubborn)
    pid, started = stubborn.pid or 0, start_time(stubborn.pid or 0)

    supervisor.stop()

    assert not ProcessState(name="", pid=pid, started=started, state="", log=tmp_path).is_alive()


def test_children_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHANS, str(tmp_path / "log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    child = ProcessState(name="child", pid=pid, started=start_time(pid), state="running", log=tmp_path)
    assert child.is_alive()

    parent.kill()
    parent.communicate()

    wait_until(lambda: not child.is_alive(), 10)


def test_left_overs_are_ended_and_strangers_are_not(tmp_path: Path) -> None:
    left, stranger = subprocess.Popen(SLEEP), subprocess.Popen(SLEEP)
    dead = ProcessState(name="supervisor", pid=None, state="running", log=tmp_path)
    started = start_time(stranger.pid)
    processes = (
        ProcessState(name="door", pid=left.pid, started=start_time(left.pid), state="running", log=tmp_path),
        ProcessState(name="broker", pid=stranger.pid, started=started - 60, state="running", log=tmp_path),
    )
    write_state(tmp_path, StackState(supervisor=dead, processes=processes))

    try:
        assert end_left_overs(tmp_path)
        assert left.wait(10) == -signal.SIGKILL
        assert stranger.poll() is None
        assert not end_left_overs(tmp_path)
    finally:
        stranger.kill()
        stranger.wait()
