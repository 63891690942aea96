"""A fail point does nothing unless it is set, and then ends its process as `kill -9` does."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.errors import UserError
from services.fail_points import NAMES, VARIABLE
from services.settings import load_settings

SERVICES = Path(__file__).parents[2] / "services"
PROGRAM = """
import atexit
from services.fail_points import fail_point
atexit.register(print, "ended in good order", flush=True)
for number in (1, 2, 3):
    fail_point("before-202")
    print(number, flush=True)
    fail_point("before-ack")
"""


def run(value: str | None) -> tuple[int, list[str]]:
    environment = {name: text for name, text in os.environ.items() if name != VARIABLE}
    if value is not None:
        environment[VARIABLE] = value
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("value", [None, "", "before-forget", "before-ack:4"])
def test_inert(value: str | None) -> None:
    assert run(value) == (0, ["1", "2", "3", "ended in good order"])


@pytest.mark.parametrize(
    ("value", "lines"), [("before-202", []), ("before-ack", ["1"]), ("before-202:3", ["1", "2"])]
)
def test_the_process_dies_there(value: str, lines: list[str]) -> None:
    assert run(value) == (-signal.SIGKILL, lines)


def test_a_file_is_one_death(tmp_path: Path) -> None:
    file = tmp_path / "fail-point"
    assert run(str(file))[0] == 0
    file.write_text("before-ack\n")
    assert run(str(file)) == (-signal.SIGKILL, ["1"])
    assert run(str(file))[0] == 0


@pytest.mark.parametrize("value", ["before-lunch", "before-ack:often", "before-ack:-1", "relative/path"])
def test_a_wrong_one_stops_the_start(value: str) -> None:
    with pytest.raises(UserError, match=rf"{VARIABLE}.*before-parse, after-copy"):
        load_settings({VARIABLE: value})


def test_each_is_in_one_place() -> None:
    """And that is the file that the list names."""
    listed = {}
    for line in (SERVICES / "fail_points.py").read_text().splitlines():
        name, _, place = line.strip().partition(",  # services/")
        if place:
            listed[ast.literal_eval(name)] = place.partition(":")[0]
    assert tuple(listed) == NAMES

    placed = [
        (ast.literal_eval(node.args[0]), str(file.relative_to(SERVICES)))
        for file in SERVICES.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "fail_point"
    ]
    assert sorted(placed) == sorted(listed.items())
