"""A disk of its own for the spool that can be made full: a small tmpfs, or, where none may be mounted, a
bound on the size of the door's files. Both are the kernel's own refusal."""

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.stacks import Stack

MEGABYTES = 96
CHUNK = bytes(1 << 20)


class SpoolDisk:
    """The spool of a stack that has not been started yet."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._place = stack.home / "spool"
        self._place.mkdir(mode=0o700)
        command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=700", "tmpfs", self._place]
        self.is_mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0

    @contextmanager
    def full(self) -> Iterator[None]:
        """No byte more can be written meanwhile."""
        with self._ballast() if self.is_mounted else self._bound():
            yield

    @contextmanager
    def _ballast(self) -> Iterator[None]:
        ballast = self._place / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file:
                for chunk in (CHUNK, CHUNK[:4096]):
                    _write_until_full(file.fileno(), chunk)
            yield
        finally:
            ballast.unlink(missing_ok=True)

    @contextmanager
    def _bound(self) -> Iterator[None]:
        door = next(part for part in self._stack.state.processes if part.name == "door")
        process = psutil.Process(door.pid)
        before = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (4096, before[1]))
        try:
            yield
        finally:
            if process.is_running():
                process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, before[1]))

    def remove(self) -> None:
        """Unmount it; the stack is down."""
        if self.is_mounted:
            subprocess.run(["umount", "-l", self._place], check=True)


def _write_until_full(file: int, chunk: bytes) -> None:
    try:
        while True:
            os.write(file, chunk)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def describe(disk: SpoolDisk) -> str:
    """How it is made full."""
    return f"tmpfs of {MEGABYTES} MB" if disk.is_mounted else "RLIMIT_FSIZE of the door (no tmpfs here)"
