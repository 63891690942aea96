"""Keeps child processes running, tells others how they are, and ends them; what they do is not known here."""

import logging
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from services.errors import UserError
from services.local.part import Part
from services.local.processes import start_time
from services.local.stack import LOGS, ProcessState, StackState, write_state

log = logging.getLogger(__name__)

TICK_SECONDS = 0.05
TRIES = 5  # a child that dies this often before the stack is ready will not come up
LOG_LINES = 15


class ToldToStop(Exception):
    """A signal came while something was waited for."""


class Supervisor:
    """The parent of the parts, in the stages in which they were begun."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._stages: list[Sequence[Part]] = []
        self._signals = 0
        me = ProcessState(
            name="supervisor",
            pid=os.getpid(),
            started=start_time(os.getpid()),
            state="running",
            log=home / LOGS / "supervisor.log",
        )
        self.state = StackState(supervisor=me)
        self.publish()

    @property
    def told_to_stop(self) -> bool:
        """Whether a signal to stop has come."""
        return self._signals > 0

    def publish(self, **changes: Any) -> None:
        """Write the state with these changes for others to see."""
        parts = tuple(part.describe() for part in self._parts())
        state = self.state.model_copy(update=changes | {"processes": parts})
        if state != self.state or not changes:
            self.state = state
            write_state(self._home, state)

    def report(self, text: str) -> None:
        """Tell the log, and whoever waits for the stack, what is going on."""
        log.info("%s", text)
        self.publish(progress=(*self.state.progress, text))

    def begin(self, *stage: Part) -> None:
        """Start parts that are ended together, before everything begun earlier."""
        self._stages.append(stage)
        for part in stage:
            part.start(time.monotonic())
        self.publish()

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Keep the parts running until the condition holds.

        Raises:
            UserError: it did not in time, or a part keeps dying.
            ToldToStop: a signal came first.
        """
        if self.told_to_stop or not self.wait_for(lambda: self._stays_up() and condition(), seconds):
            if self.told_to_stop:
                raise ToldToStop
            raise UserError(f"{what} is not ready after {seconds:.0f} s; the logs are in {self._home / LOGS}")

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Keep the parts running until the condition holds (true), time is up or a signal comes (false)."""
        deadline = time.monotonic() + seconds
        signals = self._signals
        while not condition():
            if self._signals > signals or time.monotonic() > deadline:
                return False
            self.tick(TICK_SECONDS)
        return True

    def tick(self, seconds: float) -> None:
        """Wait so long, or until a child or a signal needs us, and start again what died."""
        now = time.monotonic()
        due = [part.due - now for part in self._parts() if part.due is not None]
        select.select([self._wake], [], [], max(0.0, min([seconds, *due])))
        self._drain()
        for part in self._parts():
            if line := part.check(time.monotonic()):
                log.warning("%s", line)
        self.publish(phase=self.state.phase)

    def renew(self, part: Part) -> None:
        """Replace a running part by a new one."""
        part.renew(time.monotonic())
        self.publish()

    def stop(self) -> None:
        """End the stages, the last one first."""
        for stage in reversed(self._stages):
            for part in stage:
                part.ask_to_stop()
            for part in stage:
                part.stop()
            self.publish()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals of this process: to stop, and that a child has ended."""
        self._wake, signal_end = os.pipe()
        for end in (self._wake, signal_end):
            os.set_blocking(end, False)
        signals = [signal.SIGTERM, signal.SIGINT, signal.SIGCHLD]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup's wish
            signals.append(signal.SIGHUP)
        handlers = {number: signal.signal(number, self._handle) for number in signals}
        before = signal.set_wakeup_fd(signal_end, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(self._wake)
            os.close(signal_end)

    def _parts(self) -> list[Part]:
        return [part for stage in self._stages for part in stage]

    def _stays_up(self) -> bool:
        for part in self._parts():
            if part.restarts >= TRIES:
                raise UserError(f"{part.name} does not stay up. The end of {part.log}:\n{_tail(part.log)}")
        return True

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._signals += 1

    def _drain(self) -> None:
        try:
            while os.read(self._wake, 4096):
                pass
        except BlockingIOError:
            return


def _tail(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-LOG_LINES:])
