"""The code of the baseline, taken out of the project's own history."""

import io
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.stacks import Stack

COMMIT = "93e7fb0c256cb11d3ad8ad9b7edb92a21ac93699"
ROOT = Path(__file__).parents[2]
PACKAGES = ("services", "schemas", "dashboards")


def old_code(directory: Path) -> Path:
    """A directory with the packages of that commit, to be put into `PYTHONPATH`.

    The test is skipped, loudly, where the history does not reach so far back.
    """
    command = ["git", "-C", ROOT, "archive", "--format=tar", COMMIT, *PACKAGES]
    result = subprocess.run(command, capture_output=True, check=False)
    if result.returncode:
        reason = result.stderr.decode(errors="replace").strip() or "no git"
        pytest.skip(
            f"NOT TESTED: the code of the baseline {COMMIT[:7]} is not in the history here ({reason}); "
            "a shallow clone has it after: git fetch --unshallow"
        )
    with tarfile.open(fileobj=io.BytesIO(result.stdout)) as archive:
        archive.extractall(directory, filter="data")
    environment = os.environ | {"PYTHONPATH": str(directory)}
    where = [sys.executable, "-c", "import services, schemas; print(services.__file__, schemas.__file__)"]
    found = subprocess.run(where, env=environment, cwd="/", capture_output=True, text=True, check=True)
    assert all(path.startswith(str(directory)) for path in found.stdout.split()), found.stdout
    return directory


@dataclass(frozen=True)
class OldStack(Stack):
    """A stack that runs the code of a directory in place of ours."""

    code: Path = field(default=Path())

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"PYTHONPATH": str(self.code)}
