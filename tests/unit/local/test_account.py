import os
from pathlib import Path

import pytest

from services.local.account import Account, can_enter

STRANGER = Account(uid=54321, gid=54321)


@pytest.fixture
def directory(open_directory: Path) -> Path:
    path = open_directory / "above" / "below"
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
    path.parent.chmod(0o755)
    return path


def test_all_above_must_let_them_pass(directory: Path) -> None:
    assert can_enter(directory, STRANGER)

    directory.parent.chmod(0o700)

    assert not can_enter(directory, STRANGER)


def test_owner_and_group_have_their_own_bits(directory: Path) -> None:
    directory.parent.chmod(0o710)

    assert can_enter(directory, Account(os.getuid(), 54321))
    assert can_enter(directory, Account(54321, directory.parent.stat().st_gid))
    assert not can_enter(directory, STRANGER)


def test_what_does_not_exist_yet_may_be(directory: Path) -> None:
    assert can_enter(directory / "later", STRANGER)
