"""The audit log: who changed what, when, and how it was before."""

from datetime import timedelta

import psycopg
import pytest

from services.store.configuration import change
from services.store.connection import account, connect
from services.store.tokens import create_token, list_tokens, revoke_token
from tests.integration.store.recording import query
from tests.strategies import ORGANISATION

ENTRIES = "SELECT about, subject, before, after FROM audit ORDER BY audit_no"


def entries(dsn, about):
    return [entry[1:] for entry in query(dsn, ENTRIES) if entry[0] == about]


def test_a_token_is_there_from_its_making_to_its_end_and_never_its_secret(database):
    secret = create_token(database, "viewer", lifetime=timedelta(days=3))
    (token,) = list_tokens(database)
    revoke_token(database, secret)
    revoke_token(database, secret)  # changes nothing

    (made, revoked) = entries(database, "token")
    assert made[0] == revoked[0] == token.name
    assert made[1] is None
    assert made[2]["sort"] == "viewer"
    assert revoked[1] == {"revoked_at": None}
    assert list(revoked[2]) == ["revoked_at"]
    (written,) = query(database, "SELECT string_agg(audit::text, ' ') FROM audit")
    assert secret.split("_", 2)[2] not in written[0]
    (hashed,) = query(database, "SELECT encode(hash, 'hex') FROM token")
    assert hashed[0] not in written[0]
    assert "hash" not in written[0]


def test_of_a_configuration_each_thing_that_changed_is_an_entry(database):
    before = len(query(database, ENTRIES))
    change(database, {"teams": {"keuken": {"nl": "Keuken"}}}, "test")
    change(database, {"teams": {"keuken": {"detail": True}, "oogheelkunde": {}}, "base_year": 2018}, "test")

    found = query(database, ENTRIES)[before:]
    assert [(about, subject) for about, subject, _, _ in found] == [
        ("configuration", "teams/keuken"),
        ("configuration", "base_year"),
        ("configuration", "teams/keuken"),
        ("configuration", "teams/oogheelkunde"),
    ]
    assert found[0][2] is None
    assert found[0][3]["nl"] == "Keuken"
    assert found[1][2:] == (None, 2018)
    assert (found[2][2]["detail"], found[2][3]["detail"]) == (False, True)


def test_a_target_is_an_entry_by_its_own_name(database):
    target = "residual-waste-2026"
    change(database, {"targets": {target: {"enabled": False}}}, "test")
    change(database, {"targets": {target: {"enabled": True}}}, "test")

    (first, second) = entries(database, "target")
    assert (first[0], second[0]) == (target, target)
    assert first[1] is None
    assert second[1] == first[2] == {"enabled": False}
    assert second[2] == {"enabled": True}


def test_it_says_who(database):
    create_token(database, "viewer")
    assert query(database, "SELECT DISTINCT actor, login FROM audit WHERE about = 'token'") == [
        (account(), psycopg.conninfo.conninfo_to_dict(database)["user"])
    ]


@pytest.mark.parametrize("name", ["alice", "alice de boer", "back\\slash", "tab\there"])
def test_any_account_s_name_arrives_whole(database, monkeypatch, name):
    monkeypatch.setenv("SUDO_USER", name)
    create_token(database, "viewer")

    assert query(database, "SELECT actor FROM audit WHERE about = 'token'") == [(name,)]


def test_a_change_that_another_program_makes_is_there_as_well(database):
    change(database, ORGANISATION, "test")
    create_token(database, "viewer")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM token")

    *_, (actor, before, after) = query(database, "SELECT actor, before, after FROM audit ORDER BY audit_no")
    assert actor == psycopg.conninfo.conninfo_to_dict(database)["user"]
    assert before["sort"] == "viewer"
    assert "hash" not in before
    assert after is None


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit", "TRUNCATE audit CASCADE"],
)
def test_not_even_the_owner_changes_it(database, statement):
    create_token(database, "viewer")
    with connect(database) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(statement)
