"""The stack on one machine, by its commands only."""

import resource
import signal
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest

from tests.stacks import COMMAND, Stack
from tests.waiting import wait_until

NewStack = Callable[..., Stack]
SERVICES = {"processor-1", "door", "tracker", "teller"}
CHILDREN = {"database", "broker"} | SERVICES


def test_up_returns_when_everything_is_ready(stack: Stack) -> None:
    status = stack.status()

    assert {process["name"] for process in status["processes"]} == {"supervisor"} | CHILDREN
    assert {process["state"] for process in status["processes"]} == {"running"}
    assert set(status) == {"processes", "urls", "lag", "freshness_seconds", "stopped"}
    assert set(status["urls"]) == {"api", "broker", "database"}
    assert urlopen(f"{status['urls']['api']}/health/ready").status == 200  # noqa: S310
    assert stack.state.owner_dsn is not None
    assert ":" not in status["urls"]["database"].partition("://")[2].partition("@")[0]


def test_up_again_starts_nothing_and_changes_nothing(stack: Stack) -> None:
    before = stack.status()["processes"]

    status_seconds = _processor_seconds(lambda: stack.run("status"))
    up_seconds = _processor_seconds(lambda: stack.run("up", "--detach"))

    assert up_seconds < 3 * status_seconds
    assert "up already" in stack.run("up", "--detach")
    assert stack.status()["processes"] == before


def test_two_at_once_start_one_supervisor(new_stack: NewStack) -> None:
    stack = new_stack()

    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda _: stack.call("up", "--detach"), range(2)))

    assert [result.returncode for result in results] == [0, 0]
    assert stack.status()["processes"][0]["pid"] == stack.state.supervisor.pid


@pytest.mark.parametrize("name", sorted(CHILDREN))
def test_what_dies_is_started_again_on_its_port(stack: Stack, name: str) -> None:
    urls, supervisor, before = stack.status()["urls"], stack.process("supervisor"), stack.process(name)

    stack.kill(name)

    wait_until(lambda: stack.process(name).restarts > before.restarts and _is_ready(stack), 60)
    assert stack.process(name).state == "running"
    assert stack.status()["urls"] == urls
    assert stack.process("supervisor") == supervisor


def test_after_a_crash_nothing_is_left_and_the_data_are_there(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.up()
    _note(stack, "before the crash")
    children = stack.state.processes

    stack.kill("supervisor")

    wait_until(lambda: not any(child.is_alive() for child in children), 20)
    assert stack.call("status").returncode == 1
    assert {process["state"] for process in stack.status()["processes"]} == {"dead"}
    stack.up()
    assert _notes(stack) == ["before the crash"]


def test_down_keeps_data_and_ports(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.up()
    _note(stack, "before down")
    urls = stack.status()["urls"]
    children = stack.state.processes

    stack.run("down")

    assert not any(child.is_alive() for child in children)
    assert stack.call("status").returncode == 1
    stack.up()
    assert stack.status()["urls"] == urls
    assert _notes(stack) == ["before down"]


def test_down_when_nothing_runs(new_stack: NewStack) -> None:
    assert "Nothing runs" in new_stack().run("down")


def test_two_homes_side_by_side(stack: Stack, new_stack: NewStack) -> None:
    other = new_stack(WORKERS="2")
    other.up()

    assert set(other.status()["urls"].values()).isdisjoint(stack.status()["urls"].values())
    assert other.process("processor-2").state == "running"
    other.run("down")
    assert _is_ready(stack)


def test_a_database_and_a_broker_of_ones_own_replace_the_embedded_ones(
    new_stack: NewStack, database: str, broker: str
) -> None:
    stack = new_stack(DATABASE_URL=database, BROKER=broker)
    stack.up()

    status = stack.status()
    assert {process["name"] for process in status["processes"]} == {"supervisor"} | SERVICES
    assert status["urls"]["broker"] == broker


def test_in_the_foreground_ctrl_c_ends_it(new_stack: NewStack) -> None:
    stack = new_stack()
    command = subprocess.Popen([COMMAND, "up"], env=stack.environment, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: stack.call("status").returncode == 0 and stack.state.phase == "ready", 60)
        children = stack.state.processes

        command.send_signal(signal.SIGINT)

        assert command.wait(60) == 0
    finally:
        command.kill()
    assert not any(child.is_alive() for child in children)


def test_logs_are_where_status_says(stack: Stack) -> None:
    directory = next(
        line.split(maxsplit=1)[1].strip()
        for line in stack.run("status").splitlines()
        if line.startswith("logs")
    )

    assert {path.stem for path in Path(directory).iterdir()} >= {"supervisor"} | CHILDREN


def test_what_is_secret_is_its_owners_only(stack: Stack) -> None:
    password = str(stack.state.owner_dsn).partition("groenmeter:")[2].partition("@")[0]
    readable = [path for path in stack.home.iterdir() if path.is_file() and path.stat().st_mode & 0o077]

    assert password
    assert not [path for path in readable if password in path.read_text()]
    assert not [path for path in (stack.home / "logs").iterdir() if password in path.read_text()]
    assert password not in stack.run("status") + stack.run("status", "--json")


def test_an_unknown_setting_stops_the_start_and_names_itself(new_stack: NewStack) -> None:
    stack = new_stack()

    result = stack.call("up", "--detach", PROT="8000", WORKERS="many")

    assert result.returncode == 1
    assert "GROENMETER_PROT" in result.stderr
    assert "did you mean GROENMETER_PORT?" in result.stderr
    assert "GROENMETER_WORKERS" in result.stderr
    assert list(stack.home.iterdir()) == []


def test_a_port_in_use_is_named(new_stack: NewStack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        stack = new_stack(PORT=port)

        result = stack.call("up", "--detach")

    assert result.returncode == 1
    assert f"GROENMETER_PORT = {port}" in result.stdout + result.stderr


def test_wrong_usage_exits_with_2(new_stack: NewStack) -> None:
    assert new_stack().call("up", "--sideways").returncode == 2


def _processor_seconds(command: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _is_ready(stack: Stack) -> bool:
    try:
        return bool(urlopen(f"{stack.api}/health/ready").status == 200)  # noqa: S310
    except OSError:
        return False


def _note(stack: Stack, text: str) -> None:
    with psycopg.connect(stack.state.owner_dsn or "") as connection:
        connection.execute("CREATE TABLE note (text text)")
        connection.execute("INSERT INTO note VALUES (%s)", (text,))


def _notes(stack: Stack) -> list[str]:
    with psycopg.connect(stack.state.owner_dsn or "") as connection:
        return [text for (text,) in connection.execute("SELECT text FROM note")]
