"""Runs the Compose file's commands as they are written there: same words, same variables, same secrets.

What a machine without Docker has elsewhere is put in place of the container's: the hosts `kafka` and
`database` with their ports, `/run/secrets`, `/tmp`, and which Python it is.
"""

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.local.child import spawn
from tests.compose_file import environment_of, read_compose
from tests.stacks import COMMAND

CLUSTER_ID = "5L6g3nShT-eMCtK--X86sw"
SERVICES: dict[str, dict[str, Any]] = read_compose({"KAFKA_CLUSTER_ID": CLUSTER_ID})["services"]
COMMAND_SECONDS = 60


def move(text: str, places: Mapping[str, str]) -> str:
    """The text with what is named by the keys replaced, all at once, by the values."""
    return re.sub("|".join(map(re.escape, places)), lambda found: places[found[0]], text)


@dataclass
class Deployment:
    """What runs, and what on this machine stands for a container's names and places."""

    directory: Path
    places: dict[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def here(self, name: str, text: str) -> str:
        """A text of a service with this machine's names and places."""
        return move(text, self.places | {"/tmp": str(self._own(name))})  # noqa: S108

    def run(self, name: str, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in the place of a service to its end."""
        return subprocess.run(
            [self.here(name, word) for word in command],
            cwd=self._own(name),
            env=self._environment(name),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def operate(self, *command: str) -> str:
        """What a person gets who runs `docker compose run --rm migrate ...`; it must succeed."""
        result = self.run("migrate", list(command))
        assert result.returncode == 0, result.stderr
        return result.stdout

    def start(self, name: str) -> None:
        """Start a service and leave it running."""
        program, *words = (self.here(name, word) for word in SERVICES[name]["command"])
        command = [COMMAND.with_name(program), *words]
        self.running[name] = spawn(command, self.log(name), environment=self._environment(name))

    def is_well(self, name: str) -> bool:
        """What the service's own health check says; the service must not have ended."""
        assert self.running[name].poll() is None, self.log(name).read_text()
        sort, *command = SERVICES[name]["healthcheck"]["test"]
        if sort == "CMD-SHELL":
            command = ["sh", "-c", command[0].replace("$$", "$")]
        return self.run(name, command).returncode == 0

    def end(self, name: str) -> int:
        """Stop a service as Docker does; its exit code, if it ends in the time that it is given."""
        self.running[name].send_signal(signal.SIGTERM)
        return self.running[name].wait(float(SERVICES[name]["stop_grace_period"].removesuffix("s")))

    def log(self, name: str) -> Path:
        """What a service wrote."""
        return self.directory / f"{name}.log"

    def _own(self, name: str) -> Path:
        """The service's own directory, for what is in memory in a container."""
        directory = self.directory / "containers" / name
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def _environment(self, name: str) -> dict[str, str]:
        """The service's variables and no other: the settings of whoever runs the tests do not reach it."""
        own = {key: self.here(name, value) for key, value in environment_of(SERVICES[name]).items()}
        return {"PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"} | own
