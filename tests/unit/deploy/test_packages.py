"""The packages of the image: those of the lock file that everything is tested with, and enough to run."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from services.cli import PARTS
from tests.compose_file import DEPLOY

ROOT = DEPLOY.parent
PROGRAMS = ", ".join(
    [*PARTS, *(f"services.{name}.__main__" for name in ("intake", "processing", "tracking", "alerting"))]
)


def pins(file: Path) -> dict[str, frozenset[str]]:
    """`name==version` of each package, with the hashes that are allowed for it."""
    parts = re.split(r"^(?=[a-z0-9])", file.read_text(), flags=re.MULTILINE)
    found = ((re.match(r"\S+==[^\s;]+", part), part) for part in parts)
    return {name[0]: frozenset(re.findall(r"sha256:\w{64}", part)) for name, part in found if name}


def test_the_image_has_the_packages_that_the_tests_have() -> None:
    tested, image = pins(ROOT / "requirements.lock"), pins(DEPLOY / "requirements.lock")

    assert len(image) > 50
    assert image.items() <= tested.items()
    assert all(image.values())


def test_nothing_that_the_image_runs_needs_another() -> None:
    names = {pin.partition("==")[0].partition("[")[0] for pin in pins(DEPLOY / "requirements.lock")}
    missing = sorted(
        module
        for module, owners in packages_distributions().items()
        if not {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners} & (names | {"groenmeter"})
    )
    assert "hypothesis" in missing
    # `None` in `sys.modules` makes an import fail.
    program = f"import sys; sys.modules.update(dict.fromkeys({missing!r})); import {PROGRAMS}"

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
