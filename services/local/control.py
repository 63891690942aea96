"""Starting, ending and finding the stack of a home from the command line."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.errors import UserError
from services.local.child import rotate
from services.local.stack import LOGS, StackState, read_state
from services.settings import PREFIX, Settings, as_environment

POLL_SECONDS = 0.05
STOP_SECONDS = 150.0  # more than all parts together are given
LEFT_OVER_SECONDS = 20.0
SUPERVISOR_LOCK = "supervisor.lock"
COMMAND_LOCK = "command.lock"


def supervise(settings: Settings) -> None:
    """Be the supervisor until told to stop.

    Raises:
        UserError: there is one already, or the stack does not start.
    """
    from services.local.assembly import Assembly  # not above: the other commands need no database driver
    from services.local.supervisor import Supervisor

    with home_of_our_own(settings.home) as home:
        end_left_overs(home)
        Assembly(settings, Supervisor(home)).run()


def start_detached(settings: Settings, show: Callable[[str], None]) -> StackState:
    """Start a supervisor that outlives us, unless there is one, and wait until the stack is ready.

    Args:
        settings: of the stack.
        show: is given each line of progress.

    Raises:
        UserError: it does not start; the text has the reason.
    """
    home = _make_home(settings.home)
    with _lock(home / COMMAND_LOCK):
        running = running_state(home)
        child = None if running else _spawn_supervisor(settings)
        try:
            return _follow(home, child, show)
        except KeyboardInterrupt:
            if child:
                child.terminate()
                child.wait()
            raise


def stop(home: Path) -> bool:
    """End the stack of this home and all that is left of it; whether there was anything. The data stay."""
    if not home.is_dir():
        return False
    with _lock(home / COMMAND_LOCK):
        state = running_state(home)
        if state and state.supervisor.pid:
            os.kill(state.supervisor.pid, signal.SIGTERM)
            if not _within(STOP_SECONDS, lambda: not state.is_running()):
                os.kill(state.supervisor.pid, signal.SIGKILL)
                _within(LEFT_OVER_SECONDS, lambda: not state.is_running())
        return end_left_overs(home) or state is not None


def running_state(home: Path) -> StackState | None:
    """The state of the stack in this home when its supervisor is alive."""
    state = read_state(home)
    return state if state and state.is_running() else None


def end_left_overs(home: Path) -> bool:
    """End the children that a dead supervisor left behind, and no one else; whether there were any."""
    state = read_state(home)
    if state is None or state.is_running():
        return False
    left = [process for process in state.processes if process.is_alive()]
    for process in left:
        how = signal.SIGINT if process.name == "database" else signal.SIGKILL
        os.kill(process.pid or 0, how)
    if not _within(LEFT_OVER_SECONDS, lambda: not any(process.is_alive() for process in left)):
        for process in left:
            if process.is_alive():
                os.kill(process.pid or 0, signal.SIGKILL)
    return bool(left)


@contextmanager
def home_of_our_own(home: Path) -> Iterator[Path]:
    """The home, made where there is none, without a supervisor in it meanwhile. Raises `UserError`."""
    with _lock(_make_home(home) / SUPERVISOR_LOCK, wait=False):
        yield home


def _make_home(home: Path) -> Path:
    try:
        (home / LOGS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{PREFIX}HOME = {home}: cannot be made: {error.strerror}.") from error
    return home


@contextmanager
def _lock(path: Path, *, wait: bool = True) -> Iterator[None]:
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise UserError(f"A supervisor is running already in {path.parent}.") from None
        yield


def _spawn_supervisor(settings: Settings) -> subprocess.Popen[bytes]:
    log = settings.home / LOGS / "supervisor.log"
    rotate(log)
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "services.local"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=others | as_environment(settings),
            start_new_session=True,
        )


def _follow(home: Path, child: subprocess.Popen[bytes] | None, show: Callable[[str], None]) -> StackState:
    """Show the supervisor's progress until it is ready."""
    shown = 0
    while True:
        ended = child is not None and child.poll() is not None
        state = read_state(home)
        if state and child and state.supervisor.pid != child.pid:
            state = None  # an earlier one's
        if state:
            for line in state.progress[shown:]:
                show(line)
            shown = len(state.progress)
            if state.phase == "ready":
                return state
            ended = ended or not state.is_running()
        if ended:
            reason = state.failure if state and state.failure else "its supervisor ended"
            raise UserError(f"The stack did not start: {reason}\nMore is in {home / LOGS / 'supervisor.log'}")
        time.sleep(POLL_SECONDS)


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
