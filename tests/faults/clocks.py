"""The clocks of the processes of a stack, each set by a test (libfaketime). What waits is not disturbed:
only the time of day jumps, as when a machine's clock is set right."""

import platform
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from services.local.timescale import BIN, PROGRAMS, obtain

SITE = Path(__file__).with_name("clock")
PROCESSES = ("door", "processor-1", "processor-2", "tracker", "teller", "supervisor", "database")
POSTGRES = """\
#!/bin/sh
export LD_PRELOAD='{library}' FAKETIME_TIMESTAMP_FILE='{file}' FAKETIME_CACHE_DURATION=1
export FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1 NO_FAKE_STAT=1
exec '{program}' "$@"
"""


class Clocks:
    """Files in a directory, one for each process, that say how far its clock is off."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._library = directory / "libfaketime.so.1"
        directory.mkdir(mode=0o755)
        shutil.copy(library(), self._library)
        self._library.chmod(0o755)
        for name in PROCESSES:
            self.set(name, 0)
        self.has_database = self._replace_postgres()

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a stack whose clocks these are."""
        ours = {
            "PYTHONPATH": str(SITE),
            "FAULTS_CLOCK_LIBRARY": str(self._library),
            "FAULTS_CLOCK_FILES": str(self._directory),
        }
        return ours | ({"XDG_CACHE_HOME": str(self._directory)} if self.has_database else {})

    def set(self, name: str, seconds: int) -> None:
        """Put a clock so far ahead (or, below zero, back); it is seen within a second."""
        new = self._directory / f"{name}.new"
        new.write_text(f"{seconds:+d}\n")
        new.chmod(0o644)
        new.replace(self._directory / name)

    def _replace_postgres(self) -> bool:
        """Put programs in the place where a stack looks for PostgreSQL that start the real ones with the
        clock; impossible where it is installed and not unpacked."""
        programs = obtain(print)
        prefix = next((parent for parent in programs.parents if parent / BIN == programs), Path("/"))
        if prefix == Path("/"):
            return False
        place = self._directory / "groenmeter" / prefix.name / BIN
        place.mkdir(parents=True)
        for name in PROGRAMS:
            text = POSTGRES.format(
                library=self._library, file=self._directory / "database", program=programs / name
            )
            (place / name).write_text(text)
            (place / name).chmod(0o755)
        for directory in (place, *place.parents):
            if directory == self._directory:
                break
            directory.chmod(0o755)
        return True


def library() -> Path:
    """libfaketime of the development packages."""
    package = find_spec("libfaketime")
    assert package is not None and package.origin is not None, "make setup installs libfaketime"
    return Path(package.origin).parent / "vendor/libfaketime/src/libfaketime.so.1"


def why_not() -> str | None:
    """Why clocks cannot be set here, None where they can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "libfaketime's package has a library for Linux on x86-64 only"
    return None
