import json

import pytest
from pydantic import SecretStr

from services.errors import UserError
from services.local.stack import StackState
from services.provisioning.wanted import (
    LONG_NAME,
    SHORT_NAME,
    datasource_of,
    generated_dashboards,
    named_for,
    password_fingerprint,
    reader_url,
)
from services.settings import Settings

OWNER, READER = "postgresql://owner:o@127.0.0.1/g", "postgresql://reader:r@127.0.0.1/g"


def _stack(reader_dsn: str) -> StackState:
    supervisor = {"name": "supervisor", "state": "running", "log": "log"}
    return StackState.model_validate({"supervisor": supervisor, "owner_dsn": OWNER, "reader_dsn": reader_dsn})


def test_the_datasource_has_everything_of_the_address_but_the_password() -> None:
    datasource, password = datasource_of(
        "postgresql://reader:p%40ss%20w%C3%B6rd@db.example:6543/groen?sslmode=require"
    )

    assert (datasource["url"], datasource["user"]) == ("db.example:6543", "reader")
    assert (datasource["jsonData"]["database"], datasource["jsonData"]["sslmode"]) == ("groen", "require")
    assert password is not None
    assert password.get_secret_value() == "p@ss wörd"
    assert "wörd" not in json.dumps(datasource, ensure_ascii=False)


@pytest.mark.parametrize(
    ("address", "url", "sslmode"),
    [
        ("127.0.0.1", "127.0.0.1:5432", "disable"),
        ("[::1]:5433", "[::1]:5433", "disable"),
        ("database", "database:5432", "require"),
    ],
)
def test_a_connection_that_leaves_this_machine_is_encrypted(address: str, url: str, sslmode: str) -> None:
    datasource, password = datasource_of(f"postgresql://reader@{address}/groenmeter")

    assert (datasource["url"], datasource["jsonData"]["sslmode"], password) == (url, sslmode, None)


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("postgresql://reader:hush@/groenmeter", "must name a user, one host and a database"),
        ("postgresql://reader:hush@a,b/groenmeter", "one host"),
        ("postgresql://reader:hush@%2Fvar%2Frun/groenmeter", "one host"),
        ("postgresql://reader:hush@db/groenmeter?sslmode=prefer", "allowed: disable, require"),
        ("postgresql://reader:hush%zz@db/groenmeter", "percent-encoded"),
    ],
)
def test_an_address_that_grafana_cannot_use_is_refused_without_showing_it(dsn: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        datasource_of(dsn)

    assert "hush" not in str(error.value)


def test_grafana_never_gets_the_login_of_the_owner() -> None:
    given = Settings(grafana_database_url=SecretStr("postgresql://given@db/g"))

    assert reader_url(Settings(), _stack(READER)) == READER
    assert reader_url(given, _stack(READER)) == "postgresql://given@db/g"
    for settings, stack in (
        (Settings(), None),
        (Settings(), _stack(OWNER)),
        (Settings(database_url=SecretStr(OWNER)), _stack(READER)),
    ):
        with pytest.raises(UserError, match="GROENMETER_GRAFANA_DATABASE_URL"):
            reader_url(settings, stack)


def test_the_fingerprint_tells_passwords_apart_and_needs_the_token() -> None:
    token, other = SecretStr("token"), SecretStr("other token")
    first = password_fingerprint(SecretStr("first"), token)

    assert first == password_fingerprint(SecretStr("first"), token)
    assert first != password_fingerprint(SecretStr("second"), token)
    assert first != password_fingerprint(SecretStr("first"), other)
    assert password_fingerprint(None, token) == ""


def test_the_plug_in_is_renamed_wherever_it_is_named_as_a_type() -> None:
    value = {"a": [{"datasource": {"type": LONG_NAME, "uid": "x"}}], "title": LONG_NAME}

    assert named_for(value, SHORT_NAME) == {
        "a": [{"datasource": {"type": SHORT_NAME, "uid": "x"}}],
        "title": LONG_NAME,
    }


def test_the_generated_dashboards_are_what_provisioning_relies_on() -> None:
    boards = generated_dashboards()

    titles = [board["title"] for board in boards]
    assert len(set(titles)) == len(titles)  # Grafana takes a title once in a folder
    assert len(titles) >= 10
    for board in boards:
        assert board["uid"].startswith("groenmeter-")
        assert "groenmeter" in board["tags"]
        assert board["id"] is None
