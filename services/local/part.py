"""One child process that the supervisor keeps running."""

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.local.account import Account
from services.local.child import spawn
from services.local.processes import start_time
from services.local.stack import ProcessState

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 5.0
HEALTHY_SECONDS = 10.0


@dataclass
class Part:
    """How a child is started and ended, and what became of it. Moments are the caller's monotonic seconds."""

    name: str
    command: Callable[[], Sequence[str | Path]]  # made at each start
    log: Path
    environment: Mapping[str, str]
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    parent_death: signal.Signals = signal.SIGKILL
    stop_seconds: float = 10.0

    restarts: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _created: float | None = None
    _began: float = 0.0
    _delay: float = FIRST_DELAY_SECONDS
    _again_at: float | None = None

    @property
    def due(self) -> float | None:
        """When it is to be started again, if it is."""
        return self._again_at

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    def start(self, now: float) -> None:
        """Start it, for the first time or again."""
        self._process = spawn(
            self.command(),
            self.log,
            environment=self.environment,
            account=self.account,
            parent_death=self.parent_death,
        )
        self._created = start_time(self._process.pid)
        self._began = now
        self._again_at = None

    def check(self, now: float) -> str | None:
        """Start it again when it has died and its delay is over; a line for the log when it did either."""
        if self._process and self._process.poll() is not None:
            code = self._process.returncode
            self._process = None
            if now - self._began >= HEALTHY_SECONDS:
                self._delay = FIRST_DELAY_SECONDS
            self._again_at = now + self._delay
            wait = self._delay
            self._delay = min(2 * wait, LONGEST_DELAY_SECONDS)
            return f"{self.name} ended ({_ending(code)}); starting it again in {wait:.1f} s, see {self.log}"
        if self._again_at is not None and now >= self._again_at:
            self.restarts += 1
            self.start(now)
            return f"{self.name} started again"
        return None

    def renew(self, now: float) -> None:
        """End it and start it anew at once."""
        self.stop()
        self.restarts += 1
        self.start(now)

    def ask_to_stop(self) -> None:
        """Send the signal that ends it in good order."""
        self._again_at = None
        if self._process:
            self._process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """End it in good order, or after `stop_seconds` by force."""
        self.ask_to_stop()
        if self._process:
            try:
                self._process.wait(self.stop_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def describe(self) -> ProcessState:
        """Its line in the state file."""
        if self._process:
            state = "running"
        elif self._again_at is not None:
            state = "restarting"
        else:
            state = "stopped"
        return ProcessState(
            name=self.name,
            pid=self.pid,
            started=self._created if self._process else None,
            state=state,
            restarts=self.restarts,
            log=self.log,
        )


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
