"""Starting a child process that leaves nothing behind: it ends when we end, and writes to a log file."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from services.local.account import Account

LOG_LIMIT_BYTES = 10_000_000
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def spawn(
    command: Sequence[str | Path],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    account: Account | None = None,
    parent_death: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, its output appended to `log`.

    Args:
        command: the program and its arguments.
        log: rotated first.
        environment: instead of ours.
        account: whom to run as; the working directory is then `/`, as ours may be closed to them.
        parent_death: what the kernel sends the child when we die in whatever way (Linux only).
    """
    rotate(log)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 no shell, and the commands are ours
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/" if account else None,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=True,  # ctrl-C in a terminal reaches us only: we end the children in order
            preexec_fn=_die_with_parent(parent_death) if sys.platform == "linux" else None,
        )


def rotate(log: Path) -> None:
    """Move a log that has become long aside, over the one moved before."""
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))


def _die_with_parent(death: signal.Signals) -> Callable[[], None]:
    """What the child runs before the program: after the change of user, which would clear it again."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(death), 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel knew of the bond
            os.kill(os.getpid(), signal.SIGKILL)

    return bind
