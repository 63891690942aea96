import pytest

from services.store.connection import connect


@pytest.fixture
def owner(database):
    with connect(database) as connection:
        yield connection


@pytest.fixture
def writer(database):
    with connect(database, "writer") as connection:
        yield connection
