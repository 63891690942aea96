"""Addresses and secrets of subscribers are for the owner and the teller only."""

import psycopg
import pytest

from services.alerting.outcome import SENT
from services.alerting.teller import Teller
from services.store.connection import connect
from tests.integration.alerting.telling import insert_change, settle, subscribe

WRITER_MAY_NOT = """
UPDATE subscriber SET address = 'x'
UPDATE subscriber SET secret = 'x'
DELETE FROM subscriber
INSERT INTO subscriber (name, channel, address, severity, language) VALUES ('x', 'email', 'x', 'red', 'nl')
UPDATE told_change SET change_no = 99
DELETE FROM told_change
UPDATE message SET change_no = 99
UPDATE message SET message_id = gen_random_uuid()
DELETE FROM message
""".strip().splitlines()

READER_MAY_NOT = """
SELECT address FROM subscriber
SELECT secret FROM subscriber
SELECT name FROM subscriber
SELECT state FROM message
SELECT change_no FROM told_change
SELECT id FROM installation
""".strip().splitlines()


def test_refused(database, owner, writer):
    subscribe(owner)
    insert_change(owner)
    settle(Teller(lambda *_: SENT, {}), writer)
    for role, statements in (("writer", WRITER_MAY_NOT), ("reader", READER_MAY_NOT)):
        with connect(database, role) as connection:
            for statement in statements:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
