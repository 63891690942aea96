"""The baseline in a database of its own, brought to the newest migration."""

from collections.abc import Iterator

import pytest

from services.local.postgres import Cluster
from tests.baseline.restoring import restore_baseline


@pytest.fixture(scope="module")
def baseline(postgres: Cluster) -> Iterator[str]:
    """The owner's address of a database with the baseline, shared by the tests of a module."""
    name = "test_baseline"
    postgres.create_database(name)
    try:
        restore_baseline(postgres.dsn(name))
        yield postgres.dsn(name)
    finally:
        postgres.drop_database(name)
