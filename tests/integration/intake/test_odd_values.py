"""Flags in the answer to a post."""

import asyncio

from services.store.connection import connect_async
from services.tracking.odd import OddValues
from tests.integration.intake.conftest import OwnBroker, Serve, closed
from tests.integration.query.asking import count, event
from tests.waiting import wait_until


def bag(day: int, quantity: object) -> dict[str, object]:
    data = {"stream": "residual", "quantity": quantity, "unit": "kg"}
    return event("waste", str(day), data, time=f"2026-03-{day:02}T12:00:00+01:00", team="keuken")


def test_the_poster_sees_what_is_odd_and_confirms_it(
    serve: Serve, own_broker: OwnBroker, organisation: str, postgres
) -> None:
    own_broker.start()
    door = serve()
    wait_until(lambda: door.parts.is_ready, 20)
    count(organisation, *[bag(day, 10 + day) for day in range(1, 8)])

    async def follow() -> None:
        async with await connect_async(organisation, "writer") as connection:
            while await OddValues(connection).step():
                pass

    asyncio.run(follow())
    keuken, viewer, lab = door.client(), door.client("viewer", []), door.client("team", ["lab"])

    answer = keuken.post([bag(8, 12_000), bag(9, 13)])

    assert answer.status == 202
    (flag,), nothing = [entry["flags"] for entry in answer.json["events"]]
    assert nothing == []
    assert (flag["rule"], flag["field"], flag["usual"]) == ("unit", "data.quantity", "14000000")
    assert set(flag["reason"]) == set(flag["what_to_do"]) == {"nl", "en"}

    count(organisation, bag(8, 12_000))
    asyncio.run(follow())
    (row,) = keuken.get("/v1/flags").json["rows"]
    path = f"/v1/flags/{row['flag']}/confirm"
    assert [client.post_to(path, {}).status for client in (viewer, lab)] == [403, 404]
    assert [keuken.post_to(path, {}).json["confirmed"] for _ in range(2)] == [True, False]
    assert keuken.get("/v1/flags").json["rows"] == []

    with closed(postgres, organisation):
        assert keuken.post([bag(10, 50_000)]).status == 202
