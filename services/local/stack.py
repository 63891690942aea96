"""What the supervisor lets others know of the stack: a file in its home that it replaces as a whole."""

import os
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from services.errors import UserError
from services.local.processes import is_alive

STATE_FILE = "state.json"
LOGS = "logs"
Phase = Literal["starting", "ready", "stopping", "stopped", "failed"]


class ProcessState(BaseModel):
    """One process of the stack; `started` (seconds since 1970) tells it from a stranger with its old pid."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int | None = None
    started: float | None = None
    state: str
    restarts: int = 0
    log: Path

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return self.pid is not None and self.started is not None and is_alive(self.pid, self.started)


class StackState(BaseModel):
    """The stack as its supervisor last described it. It holds passwords: the file is its owner's only."""

    model_config = ConfigDict(frozen=True)

    supervisor: ProcessState
    phase: Phase = "starting"
    progress: tuple[str, ...] = ()
    failure: str | None = None
    processes: tuple[ProcessState, ...] = ()
    api: str | None = None
    broker: str | None = None
    owner_dsn: str | None = None
    writer_dsn: str | None = None
    reader_dsn: str | None = None
    data: Path | None = None

    def is_running(self) -> bool:
        """Whether the supervisor that wrote this is alive."""
        return self.supervisor.is_alive()


def read_state(home: Path) -> StackState | None:
    """The state of the stack in this home, running or not; `None` when there never was one.

    Raises:
        UserError: it is another user's.
    """
    try:
        return StackState.model_validate_json((home / STATE_FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    except PermissionError as error:
        raise UserError(f"The stack in {home} belongs to another user.") from error


def write_state(home: Path, state: StackState) -> None:
    """Replace the file at once: a reader sees the old text or the new."""
    write_private(home / STATE_FILE, state.model_dump_json(indent=1))


def write_private(path: Path, text: str) -> None:
    """Put a file with secrets in place at once, readable by its owner only."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
