"""A stack of our own, driven by the command line only."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.local.stack import ProcessState, StackState, read_state
from services.settings import PREFIX
from tests.waiting import wait_until

COMMAND = Path(sys.executable).with_name("groenmeter")
PATIENCE_SECONDS = 180


@dataclass(frozen=True)
class Stack:
    """A home with settings; nothing runs in it before `up`."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)  # of the environment, beside the settings

    @property
    def environment(self) -> dict[str, str]:
        """Ours without the settings of whoever runs the tests, and with this stack's."""
        others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        ours = {f"{PREFIX}{name}": value for name, value in self.settings.items()}
        return others | self.variables | {f"{PREFIX}HOME": str(self.home)} | ours

    def call(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `groenmeter` with these arguments, whatever its exit code."""
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=self.home.parent,
            env=self.environment | {f"{PREFIX}{name}": value for name, value in settings.items()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def run(self, *arguments: str) -> str:
        """The output of `groenmeter` with these arguments; it must succeed."""
        result = self.call(*arguments)
        assert result.returncode == 0, f"groenmeter {' '.join(arguments)}: {result.stderr}{result.stdout}"
        return result.stdout

    def up(self) -> None:
        """Start it and wait until it is ready."""
        self.run("up", "--detach")

    def status(self) -> dict[str, Any]:
        """The object of `status --json`, running or not."""
        answer: dict[str, Any] = json.loads(self.call("status", "--json").stdout)
        return answer

    def process(self, name: str) -> ProcessState:
        """One process as the supervisor describes it, which costs less than `status`."""
        return next(one for one in (self.state.supervisor, *self.state.processes) if one.name == name)

    def kill(self, name: str) -> None:
        """End one process as a crash would, once it runs: without a broker a processor ends by itself."""
        os.kill(wait_until(lambda: self.process(name).pid, PATIENCE_SECONDS), signal.SIGKILL)

    def health(self) -> dict[str, Any]:
        """What the door says of itself, for waiting: the command costs a second; nothing while it is away."""
        try:
            with closing(HTTPConnection(urlsplit(self.api).netloc, timeout=10)) as connection:
                connection.request("GET", "/health/ready")
                answer: dict[str, Any] = json.loads(connection.getresponse().read())
        except (OSError, HTTPException):
            return {}
        return answer

    @property
    def state(self) -> StackState:
        """What the supervisor wrote down, addresses with passwords among it."""
        state = read_state(self.home)
        assert state is not None
        return state

    @property
    def api(self) -> str:
        """The door's address."""
        return str(self.state.api)

    def end(self) -> None:
        """End whatever still runs; by force what does not end by itself."""
        try:
            self.call("down")
        finally:
            state = read_state(self.home)
            for process in (state.supervisor, *state.processes) if state else ():
                if process.pid and process.is_alive():
                    os.kill(process.pid, signal.SIGKILL)


@contextmanager
def temporary_stacks() -> Iterator[Callable[..., Stack]]:
    """Makes stacks in fresh homes with the given settings (`WORKERS="2"`); all are ended at the end."""
    stacks: list[Stack] = []

    def make(**settings: str) -> Stack:
        # Not in pytest's directory: as root that is closed to the account that runs the database.
        home = Path(tempfile.mkdtemp(prefix="groenmeter-stack-"))
        home.chmod(0o755)
        stacks.append(Stack(home, settings))
        return stacks[-1]

    try:
        yield make
    finally:
        for stack in stacks:
            stack.end()
            shutil.rmtree(stack.home)
