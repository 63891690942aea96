"""Erasing text from records of the spool, open and closed."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.calendar import Calendar
from schemas.json_text import write_json
from schemas.measurement import Context, Measurement, measure
from schemas.moments import read_moment
from schemas.organisation import Organisation
from schemas.redaction import Identity, Redaction, Redactions, text_fingerprint
from services.intake.records import Record, pack
from services.intake.redacting import scrubbed
from services.intake.spool import Spool
from services.processing import records as processing
from services.store.configuration import Configuration, Version
from services.store.ledger import Accepted

KEY = b"k" * 32
NAME = "gewogen door Jan de Vries"
ORGANISATION = Organisation().with_changes({"teams": {"a4": {}}})
CONFIGURATION = Configuration((Version(1, 0, ORGANISATION),), Calendar.of_zone("Europe/Amsterdam"))
RECEIVED = read_moment("2026-06-01T12:00:00Z")
ERASED_AT = datetime(2026, 6, 2, tzinfo=UTC)


def event(id_: str, **texts: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": "nl.groenmeter.waste.v1",
        "id": id_,
        "source": "/scale",
        "team": "a4",
        "time": "2026-05-01T10:00:00+02:00",
        "data": {"stream": "residual", "quantity": "12.50", "unit": "kg", **texts},
    }


def measured(posted: dict[str, Any]) -> Measurement:
    measurement = measure(posted, Context(ORGANISATION, CONFIGURATION.calendar, RECEIVED))
    assert isinstance(measurement, Measurement)
    return measurement


def record_of(*events: dict[str, Any]) -> Record:
    (record,) = pack(
        [(measured(posted), posted) for posted in events],
        received=RECEIVED,
        token_number=1,
        receipt_id="r",
        configuration=1,
    )
    return record


def erasing(*texts: tuple[str, str]) -> Redactions:
    """The redactions of texts, each with the id that it is of."""
    entries = []
    for id_, text in texts:
        identity = Identity("a4", "waste", "/scale", id_)
        entries.append(Redaction(text_fingerprint(KEY, identity, text), ERASED_AT, identity))
    return Redactions.of(KEY, 1, entries)


def counted(record: Record) -> list[Accepted]:
    """What a processor makes of a record."""
    came = processing.Record("log", record.topic, 0, 7, RECEIVED, record.value, dict(record.headers))
    accepted = [item for item in processing.Judge(CONFIGURATION).judge(came) if isinstance(item, Accepted)]
    assert len(accepted) == record.events
    return accepted


def test_a_text_goes_and_the_measurement_is_the_one_that_was_posted() -> None:
    posted = event("1", note=NAME, evidence="bon 7")
    record = record_of(event("0", note=NAME), posted)
    redactions = erasing(("1", NAME))

    left = scrubbed(record, redactions, CONFIGURATION)

    assert left is not None
    assert left.value.count(NAME.encode()) == 1  # of another measurement
    untouched, item = counted(left)
    assert untouched == replace(counted(record)[0], provenance=untouched.provenance)
    expected, erased = redactions.applied(measured(posted))
    assert item.measurement == expected
    assert item.erased == erased == {"note": ERASED_AT}
    assert scrubbed(left, redactions, CONFIGURATION) is None


def test_a_second_text_of_it_goes_later() -> None:
    posted = event("1", note=NAME, evidence="bon van Jan de Vries")
    once = scrubbed(record_of(posted), erasing(("1", NAME)), CONFIGURATION)
    assert once is not None
    both = erasing(("1", NAME), ("1", "bon van Jan de Vries"))

    twice = scrubbed(once, both, CONFIGURATION)

    assert twice is not None
    assert b"Vries" not in twice.value
    (item,) = counted(twice)
    assert item.measurement == both.applied(measured(posted))[0]
    assert item.erased == {"note": ERASED_AT, "evidence": ERASED_AT}


@pytest.mark.parametrize("redactions", [Redactions(KEY), erasing(("2", NAME)), erasing(("1", "bon 7"))])
def test_nothing_else_changes(redactions: Redactions) -> None:
    assert scrubbed(record_of(event("1", note=NAME)), redactions, CONFIGURATION) is None


async def test_nothing_of_it_stays_on_the_disk(tmp_path: Path) -> None:
    redactions = erasing(*((str(number), NAME) for number in range(600)))
    async with Spool(tmp_path) as spool:
        records = [
            replace(record_of(event(str(number), note=NAME)), record_id=f"r/{number}")
            for number in range(600)
        ]
        await spool.deliver(records)
        await spool.forget(list(range(1, 301)))

        assert await spool.rewrite(lambda record: scrubbed(record, redactions, CONFIGURATION)) == 600

        assert NAME.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert await spool.rewrite(lambda record: scrubbed(record, redactions, CONFIGURATION)) == 0
        waiting = await spool.read(after=0)
        assert [item.record.record_id for item in waiting] == [f"r/{number}" for number in range(300, 600)]
        assert write_json(event("300")["data"]["quantity"]).encode() in waiting[0].record.value
