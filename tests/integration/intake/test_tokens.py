import uuid
from datetime import timedelta

from services.intake.authentication import MOST_IN_FLIGHT
from services.intake.receipts import Receipt, issue
from services.store.configuration import change
from services.store.tokens import create_token, revoke_token
from tests.door_client import JSON, Answer, Client
from tests.integration.intake.conftest import RunningDoor
from tests.integration.intake.test_answers import EVENT
from tests.waiting import wait_until


def assert_unauthorised(answer: Answer, says: str) -> None:
    assert answer.status == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert says in answer.json["detail"]


def test_without_a_token(door: RunningDoor) -> None:
    client = Client(door.port, "")

    assert_unauthorised(client.call("POST", "/v1/events", b"{}", {"Authorization": ""}), "a token is needed")
    assert_unauthorised(
        client.call("POST", "/v1/events", b"{}", {"Authorization": "Basic YTpi"}), "is needed"
    )


def test_an_unknown_token(door: RunningDoor) -> None:
    assert_unauthorised(Client(door.port, "gm_0_unknown").post(EVENT), "is not known")
    assert_unauthorised(Client(door.port, "t\xe9st").post(EVENT), "is not known")


def test_an_expired_token(door: RunningDoor) -> None:
    token = create_token(door.dsn, "team", ["keuken"], lifetime=timedelta(seconds=-1))

    assert_unauthorised(Client(door.port, token).post(EVENT), "expired")


def test_a_revoked_token_holds_at_once(door: RunningDoor) -> None:
    client = door.client()
    assert client.post(EVENT).status == 202

    revoke_token(door.dsn, client.token)

    assert_unauthorised(client.post(EVENT), "revoked")


def test_a_viewer_cannot_post(door: RunningDoor) -> None:
    answer = door.client("viewer").post(EVENT)

    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")


def test_a_team_posts_as_itself_only(door: RunningDoor) -> None:
    keuken = door.client()

    assert keuken.post(EVENT | {"team": "keuken"}).status == 202
    assert keuken.post(EVENT | {"team": "lab"}).problems == [("team", "the poster may not speak for 'lab'")]


def test_a_steward_names_a_team_that_it_may_speak_for(door: RunningDoor) -> None:
    some, all_ = door.client("steward", ["lab"]), door.client("steward")

    assert some.post(EVENT).problems == [("team", "is missing")]
    assert some.post(EVENT | {"team": "lab"}).status == 202
    assert some.post(EVENT | {"team": "keuken"}).status == 422
    assert all_.post([EVENT | {"team": team} for team in ("lab", "keuken")]).json["accepted"] == 2
    assert all_.post(EVENT | {"team": "nobody"}).problems == [("team", "'nobody' is not known")]


def test_a_team_that_was_just_added_can_post(door: RunningDoor) -> None:
    change(door.dsn, {"teams": {"new-team": {}}}, "test")

    assert door.client("team", ["new-team"]).post(EVENT).status == 202


def test_too_many_requests_of_one_token_are_429(door: RunningDoor) -> None:
    busy = door.client()
    # More than there is room for: on a busy machine some get 503, because their token was not found in time.
    waiting = [Client(door.port, busy.token).connection for _ in range(2 * MOST_IN_FLIGHT)]
    for connection in waiting:
        connection.putrequest("POST", "/v1/events")
        for name, value in {"Authorization": f"Bearer {busy.token}", "Content-Length": "2", **JSON}.items():
            connection.putheader(name, value)
        connection.endheaders()

    answer = wait_until(lambda: refused(busy.post(EVENT)), 10)

    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert door.client().post(EVENT).status == 202
    for connection in waiting:
        connection.close()
    wait_until(lambda: busy.post(EVENT).status == 202, 10)


def refused(answer: Answer) -> Answer | None:
    return answer if answer.status == 429 else None


def test_a_receipt_is_for_its_team_and_for_stewards(door: RunningDoor) -> None:
    keuken = door.client()
    path = f"/v1/receipts/{keuken.post(EVENT).json['receipt']}"

    assert keuken.get(path).json == {
        "receipt": path.rpartition("/")[2],
        "state": "pending",
        "events": 1,
        "new": 0,
        "repeats": 0,
        "rejected": 0,
    }
    assert door.client().get(path).status == 200
    assert door.client("steward", ["lab"]).get(path).status == 200
    assert door.client("team", ["lab"]).get(path).status == 404
    assert door.client("viewer").get(path).status == 403
    assert keuken.get(path[:-1]).status == 404


def test_a_steward_s_receipt_is_not_for_the_team_it_posted_for(door: RunningDoor) -> None:
    steward = door.client("steward")
    path = f"/v1/receipts/{steward.post(EVENT | {'team': 'keuken'}).json['receipt']}"

    assert steward.get(path).status == 200
    assert door.client().get(path).status == 404


def test_a_receipt_of_another_installation_is_unknown(door: RunningDoor, keuken: Client) -> None:
    forged = issue(bytes(32), Receipt(uuid.uuid4(), 1, 1))

    assert keuken.get(f"/v1/receipts/{forged}").status == 404


def test_a_receipt_of_nothing_accepted_is_done(keuken: Client) -> None:
    receipt = keuken.post([]).json["receipt"]

    assert keuken.get(f"/v1/receipts/{receipt}").json["state"] == "done"
