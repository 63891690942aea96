"""A database with the target of these tests in it."""

import psycopg
import pytest

from schemas.targets import CATALOGUE
from services.store.configuration import change
from tests.integration.tracking.tracked import PAPER
from tests.strategies import ORGANISATION


@pytest.fixture
def organisation(database: str) -> str:
    """The owner's address of a fresh database with teams and one target, `less-paper`, tracked since 2018."""
    hidden = {slug: {"enabled": False} for slug in CATALOGUE}
    change(database, ORGANISATION | {"targets": hidden | {"less-paper": PAPER}}, "test")
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE tracker_cursor SET day = '2018-01-01'")
    return database
