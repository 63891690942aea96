"""Erased text stays erased: by a repeat, a correction, a replay, a second copy of the database."""

import asyncio
import json
from unicodedata import normalize

import psycopg
import pytest

from schemas.problems import Problem
from services.errors import UserError
from services.query.events import events_answer
from services.query.rejects import rejects_answer
from services.store.connection import connect
from services.store.ledger import Reject
from services.store.redactions import Wanted, apply_redactions, find, redact
from services.store.verify import verify
from tests.integration.query.asking import ask
from tests.integration.store.recording import batch_of, ledger_rows, provenance, query, record, value

NAME = "Jan de Vries"


def event(id_="1", revision=1, quantity=4, **texts):
    data = {"stream": "residual", "quantity": quantity, "unit": "kg", **texts}
    return {
        "specversion": "1.0",
        "type": "nl.groenmeter.waste.v1",
        "id": id_,
        "source": "/scale",
        "team": "ok-centrum",
        "revision": revision,
        "time": "2026-03-05T12:00:00Z",
        "data": data,
    }


def count(dsn, *events):
    """What became of each event: new, repeats, rejected."""
    return asyncio.run(record(dsn, [batch_of([json.dumps(each) for each in events])]))[0]


def refuse(dsn, *events, origin="r", identity=True):
    """Record rejects of a record, as a processor does."""
    batch = batch_of([])
    for position, each in enumerate(events):
        names = ("waste", "ok-centrum", "/scale", each["id"]) if identity else (None,) * 4
        came = provenance(origin, position, each)._replace(topic="measurements.waste")
        quoting = Problem("data.unit", f"{NAME!r} is not a unit here", "g, kg, t")
        batch.rejects.append(Reject(came, (quoting,), *names))
    asyncio.run(record(dsn, [batch]))


def texts(dsn):
    return query(dsn, "SELECT id, revision, texts, erased FROM free_text ORDER BY id, revision")


def whole_database(dsn):
    """Every row of every table of ours, and what the database sampled of them, as text."""
    tables = query(
        dsn,
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        " UNION ALL VALUES ('pg_stats')",
    )
    with psycopg.connect(dsn) as connection:
        return "\n".join(
            str(row)
            for (table,) in tables
            for row in connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
        )


def agrees(dsn):
    async def run():
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            return (await verify(connection, str)).differences

    return asyncio.run(run())


@pytest.fixture
def file(tmp_path):
    return tmp_path / "home" / "redactions.jsonl"


def erase(dsn, file, **wanted):
    return redact(dsn, Wanted(**wanted), "request 12", file)


def test_a_search_erases_the_text_wherever_it_is_and_leaves_amounts_and_a_mark(database, file):
    other = {"note": "zakken gescheurd", "evidence": f"bon van {NAME.upper()}"}
    count(database, event(note=f"gewogen door  {NAME}"), event("2", **other), event("3", note="niets"))
    refuse(database, event("4", note=f"door {NAME}", evidence="bon 7") | {"team": "ok-centrum"})
    refuse(database, event("5") | {"subject": NAME}, origin="s")
    with connect(database) as connection:
        connection.execute("ANALYZE free_text, reject")
    before, amounts = ledger_rows(database), query(database, "SELECT * FROM rollup_day")

    found, applied = erase(database, file, search="jan  DE vries")

    assert [(text.identity.id, list(text.texts)) for text in found.texts] == [
        ("1", ["note"]),
        ("2", ["evidence"]),
    ]
    assert [(reject.identity.id, reject.whole) for reject in found.rejects] == [("4", True), ("5", True)]
    assert (applied.texts, applied.rejects) == (2, 2)
    assert NAME.lower() not in whole_database(database).lower()
    assert "zakken gescheurd" in whole_database(database)
    assert ledger_rows(database) == before
    assert query(database, "SELECT * FROM rollup_day") == amounts
    assert agrees(database) == []
    (first, second, third) = ask(database, events_answer)["rows"]
    assert first["revisions"][0]["texts"] == {}
    assert first["revisions"][0]["erased"]["note"].startswith("20")
    assert second["revisions"][0]["texts"] == {"note": other["note"]}
    assert third["revisions"][0]["erased"] is None
    rejects = ask(database, rejects_answer)["rows"]
    assert [(row["excerpt"], row["problems"][0]["problem"]) for row in rejects] == [
        (None, "'…' is not a unit here")
    ] * 2
    assert all(row["erased_at"] for row in rejects)
    assert NAME.lower() not in file.read_text().lower()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("stored", "typed"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_search_finds_a_name_however_its_characters_are_composed(database, file, stored, typed):
    name = normalize(stored, "Zoë Brontë")
    count(database, event(name.replace(" ", "-"), note=f"gewogen door {name}"))
    refuse(database, event("2", evidence=name), event("3") | {"subject": name})

    found, applied = erase(database, file, search=normalize(typed, "zoë brontë"))

    assert (len(found.texts), len(found.rejects)) == (1, 2)
    assert (applied.texts, applied.rejects) == (1, 2)
    with connect(database) as connection:
        assert find(connection, Wanted(search=normalize(typed, "Zoë-Brontë"))).names == 1


def test_of_a_reject_the_texts_go_and_the_rest_can_still_be_replayed(database, file):
    refuse(database, event("4", note=NAME, evidence="bon 7"))

    erase(database, file, id="4")

    ((payload, problems),) = query(database, "SELECT payload, problems FROM reject")
    assert json.loads(payload) == {
        key: value if key != "data" else {"stream": "residual", "quantity": 4, "unit": "kg"}
        for key, value in event("4").items()
    }
    assert NAME not in json.dumps(problems)


def test_what_comes_back_is_erased_in_the_same_transaction(database, file):
    post = event(note=NAME, evidence="bon 7")
    count(database, post, event("2", note=NAME))
    erase(database, file, id="1")

    assert count(database, post) == (0, 1, 0)  # a repeat is a repeat
    assert count(database, event(note=f" {NAME.lower()} ", revision=2, quantity=5)) == (1, 0, 0)
    assert count(database, event(note=NAME, revision=2, quantity=6)) == (0, 0, 1)  # a conflict keeps no text
    assert count(database, event(note="wat anders", revision=3, quantity=5)) == (1, 0, 0)
    refuse(database, event(note=NAME), origin="later")

    assert [(id_, revision, left) for id_, revision, left, _ in texts(database)] == [
        ("1", 1, {}),
        ("1", 2, {}),
        ("1", 3, {"note": "wat anders"}),
        ("2", 1, {"note": NAME}),
    ]
    assert value(database, "SELECT count(*) FROM reject WHERE erased_at IS NOT NULL") == 2
    assert b"Vries" not in b"".join(bytes(row[0]) for row in query(database, "SELECT payload FROM reject"))
    assert agrees(database) == []


def test_what_a_reject_had_lost_when_it_was_replayed_makes_no_conflict_of_a_repeat(database, file):
    post = event(note=f"door {NAME}", evidence="bon van Jan")
    refuse(database, post)
    erase(database, file, id="1", fields=frozenset(["note"]))
    scrubbed = json.loads(value(database, "SELECT payload FROM reject"))
    assert count(database, scrubbed) == (1, 0, 0)  # the replay

    assert count(database, post) == (0, 1, 0)
    erase(database, file, id="1", fields=frozenset(["evidence"]))
    assert count(database, post) == (0, 1, 0)
    assert count(database, event(note="iets anders")) == (0, 0, 1)
    assert count(database, event(quantity=5, note=f"door {NAME}")) == (0, 0, 1)
    assert agrees(database) == []


def test_a_payload_that_nobody_can_read_is_known_again(database, file):
    refuse(database, {"id": "9", "who": NAME}, identity=False)
    (number,) = query(database, "SELECT reject_no FROM reject")[0]
    erase(database, file, rejects=(number,))
    refuse(database, {"id": "9", "who": NAME}, origin="again", identity=False)
    refuse(database, {"id": "9", "who": "somebody"}, origin="other", identity=False)

    kept = query(database, "SELECT payload, erased_at IS NOT NULL FROM reject ORDER BY reject_no")
    assert [(bytes(payload) == b"", erased) for payload, erased in kept] == [
        (True, True),
        (True, True),
        (False, False),
    ]


def test_an_erased_content_cannot_be_guessed_from_its_fingerprint(database, file):
    count(database, event(note=NAME))
    (plain,) = batch_of([json.dumps(event(note=NAME))]).accepted
    erase(database, file, id="1")

    rows = query(database, "SELECT fingerprint FROM measurement UNION ALL SELECT fingerprint FROM identity")
    assert len(rows) == 2
    assert all(bytes(row[0]) != plain.measurement.fingerprint for row in rows)
    erase(database, file, id="1")  # nothing is left; the fingerprint stays the same
    assert rows == query(
        database, "SELECT fingerprint FROM measurement UNION ALL SELECT fingerprint FROM identity"
    )
    assert count(database, event(note=NAME)) == (0, 1, 0)


@pytest.fixture
def copy(database, postgres):
    """Makes a copy of the database as it is now: the restored backup."""
    made = []

    def restored():
        made.append(f"{psycopg.conninfo.conninfo_to_dict(database)['dbname']}_copy_{len(made)}")
        postgres.create_database(made[-1], psycopg.conninfo.conninfo_to_dict(database)["dbname"])
        return postgres.dsn(made[-1])

    yield restored
    for name in made:
        postgres.drop_database(name)


def test_behind_a_restore_everything_is_erased_again(database, file, copy):
    count(database, event(note=NAME), event("2", note="blijft"))
    refuse(database, event("4", note=NAME), origin="r")
    refuse(database, {"id": "9", "who": NAME}, origin="s", identity=False)
    backup = copy()
    count(database, event(note=NAME, revision=2))
    erase(database, file, search=NAME)
    erased = texts(database)

    applied = apply_redactions(backup, file)

    assert (applied.texts, applied.rejects) == (1, 2)
    assert applied.added == applied.known == 4
    assert NAME not in whole_database(backup)
    assert texts(backup) == [erased[0], erased[2]]
    assert agrees(backup) == []
    assert count(backup, event(note=NAME), event(note=NAME, revision=2)) == (1, 1, 0)  # what came since
    assert texts(backup) == erased
    again = apply_redactions(backup, file)
    assert (again.added, again.texts, again.rejects) == (0, 0, 0)


def test_a_lost_file_is_made_again_and_one_of_another_installation_refused(database, file, copy):
    count(database, event(note=NAME))
    erase(database, file, id="1")
    before = file.read_text()
    file.unlink()
    apply_redactions(database, file)
    assert file.read_text() == before

    other = copy()
    with connect(other) as connection:
        connection.execute("UPDATE installation SET id = gen_random_uuid()")
    with pytest.raises(UserError, match="another installation"):
        apply_redactions(other, file)
    file.write_text(before[:-9])
    with pytest.raises(UserError, match="damaged"):
        apply_redactions(database, file)


def test_nothing_is_erased_when_it_cannot_be_kept(database, tmp_path):
    count(database, event(note=NAME))
    (tmp_path / "home").write_text("a file where a directory should be")
    with pytest.raises(UserError, match=r"redactions in .* cannot be read"):
        erase(database, tmp_path / "home" / "redactions.jsonl", id="1")
    assert texts(database)[0][2] == {"note": NAME}


def test_a_batch_on_its_way_is_waited_for_and_its_text_found(database, file):
    count(database, event(note=NAME))

    async def run():
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as first:
            async with first.transaction():
                await first.execute("SELECT * FROM begin_batch()")
                erasing = asyncio.create_task(asyncio.to_thread(erase, database, file, id="1"))
                await asyncio.sleep(0.3)
                assert not erasing.done()
                await first.execute(
                    "INSERT INTO measurement (written_at, batch_id, source_no, id, revision, retracted,"
                    " fingerprint, received_at, origin, detail)"
                    " VALUES (now(), 1, 1, '1', 2, true, '\\x00', now(), 'r', false)"
                )
                await first.execute(
                    "INSERT INTO free_text (source_no, id, revision, texts) VALUES (1, '1', 2, %s)",
                    (json.dumps({"note": NAME}),),
                )
            return await erasing

    _, applied = asyncio.run(run())
    assert applied.texts == 2


def test_only_what_fits_all_that_is_given_is_found(database):
    count(database, event(note=NAME, evidence="bon 7"), event("2", note=NAME))
    count(database, event(revision=2, note=NAME))

    def found(**wanted):
        with connect(database) as connection:
            return [
                (text.identity.id, text.revision, sorted(text.texts))
                for text in find(connection, Wanted(**wanted)).texts
            ]

    assert found(id="1") == [("1", 1, ["evidence", "note"]), ("1", 2, ["note"])]
    assert found(id="1", revision=2) == [("1", 2, ["note"])]
    assert found(source="/scale", fields=frozenset(["evidence"])) == [("1", 1, ["evidence"])]
    assert found(search=NAME, team="keuken") == []
    receipt = value(database, "SELECT receipt FROM receipt_part ORDER BY record_id LIMIT 1")
    assert found(receipt=receipt, id="1") in ([("1", 1, ["evidence", "note"])], found(id="1"))


def test_the_audit_tells_of_an_erasure_and_not_the_text(database, file):
    count(database, event(note=NAME))
    erase(database, file, id="1")

    ((subject, after),) = query(database, "SELECT subject, after FROM audit WHERE about = 'redaction'")
    assert subject == "ok-centrum/waste//scale/1"
    assert (after["why"], after["field"]) == ("request 12", "note")
    assert "fingerprint" not in after
    refuse(database, event("2") | {"subject": NAME})
    erase(database, file, rejects=(1,), whole=True)
    assert query(database, "SELECT subject FROM audit WHERE about = 'redaction' ORDER BY audit_no")[1:] == [
        ("1",)
    ]
