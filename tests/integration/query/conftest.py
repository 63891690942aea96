"""A database with an organisation in it."""

import pytest

from services.store.configuration import change
from tests.strategies import ORGANISATION


@pytest.fixture
def organisation(database: str) -> str:
    """The owner's address of a fresh database with teams ok-centrum and keuken (of which all is a detail)."""
    change(database, ORGANISATION, "test")
    return database
