"""The client against a server that answers what a door answers in trouble."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from services.client import MOST_BYTES, MOST_EVENTS, Door
from services.errors import UserError
from services.local.ports import free_port

ACCEPTED = (202, {"receipt": "r", "accepted": 1, "rejected": 0, "events": []})
HANG_UP = (0, {})
COUNTING = {"ready": True, "lag": 5, "freshness_seconds": 0.01, "stopped": 0}

Answer = tuple[int, dict[str, Any]]
Script = Callable[[list[Answer]], "Server"]


class Server(ThreadingHTTPServer):
    """Gives its answers in turn, the last one for ever, and keeps what was asked.

    `health`: what it answers to that, in between.
    """

    daemon_threads = True

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.asked: list[tuple[str, str | None, Any]] = []
        self.health: Answer = (503, {})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
        self.server.asked.append((self.path, self.headers.get("Authorization"), body))
        answers = [self.server.health] if self.path == "/health/ready" else self.server.answers
        status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if not status:
            self.close_connection = True
            return
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        if status == 503:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def script() -> Iterator[Script]:
    servers: list[Server] = []

    def start(answers: list[Answer]) -> Server:
        servers.append(Server(answers))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("trouble", [(503, {}), (429, {}), (502, {})])
def test_not_now_is_tried_again_with_the_same_body(script: Script, trouble: Answer) -> None:
    server = script([trouble, trouble, ACCEPTED])

    with Door(server.url, "secret") as door:
        answer = door.post([{"id": "é"}, '{"id": 1.50}'])

    assert answer == ACCEPTED[1]
    assert server.asked == [("/v1/events", "Bearer secret", [{"id": "é"}, {"id": 1.5}])] * 3


def test_a_connection_that_breaks_is_tried_again_once_the_door_was_there(script: Script) -> None:
    server = script([ACCEPTED, HANG_UP, HANG_UP, ACCEPTED])

    with Door(server.url, "secret") as door:
        answers = [door.post([{"id": "a"}]), door.post([{"id": "b"}])]

    assert answers == [ACCEPTED[1]] * 2
    assert [body[0]["id"] for _, _, body in server.asked] == ["a", "b", "b", "b"]


def test_trouble_that_stays_is_told_with_what_to_do(script: Script) -> None:
    server = script([(503, {"title": "the spool is full"})])

    with Door(server.url, "secret", patience=0.5) as door, pytest.raises(UserError) as error:
        door.post([{}])

    assert "503 the spool is full" in str(error.value)
    assert "does not count twice" in str(error.value)


def test_a_door_that_is_not_there_is_told_at_once() -> None:
    with (
        Door(f"http://127.0.0.1:{free_port()}", "secret") as door,
        pytest.raises(UserError, match="no door answers"),
    ):
        door.post([{}])


@pytest.mark.parametrize("status", [400, 401, 403, 413, 415])
def test_what_cannot_be_mended_by_waiting_is_told_in_the_door_s_words(script: Script, status: int) -> None:
    server = script([(status, {"title": "No", "detail": "because of this"})])

    with Door(server.url, "secret") as door, pytest.raises(UserError, match=f"{status} No: because of this"):
        door.post([{}])

    assert len(server.asked) == 1


def test_any_number_of_events_goes_in_batches_that_the_door_accepts(script: Script) -> None:
    server = script([ACCEPTED])
    small = [{"id": str(number)} for number in range(MOST_EVENTS + 1)]
    large = [{"id": "x" * (MOST_BYTES // 2)} for _ in range(3)]

    with Door(server.url, "secret") as door:
        batches = [batch for batch, _ in door.post_all([*small, *large])]

    assert [len(batch) for batch in batches] == [MOST_EVENTS, 2, 1, 1]
    assert [event for batch in batches for event in batch] == [*small, *large]
    assert [body for _, _, body in server.asked] == batches


def test_a_list_is_read_to_its_last_page(script: Script) -> None:
    server = script([(200, {"rows": [1, 2], "cursor": "a=&"}), (200, {"rows": [3], "cursor": None})])

    with Door(server.url, "secret") as door:
        rows = list(door.events(source="/a b", id=None))

    assert rows == [1, 2, 3]
    assert [path for path, _, _ in server.asked] == [
        "/v1/events?source=%2Fa+b",
        "/v1/events?source=%2Fa+b&cursor=a%3D%26",
    ]


def test_a_receipt_is_waited_for(script: Script) -> None:
    pending, done = {"state": "pending"}, {"state": "done", "new": 1}
    server = script([(200, pending), (200, pending), (200, done)])

    with Door(server.url, "secret") as door:
        assert door.wait("r/1") == done

    assert {path for path, _, _ in server.asked} == {"/v1/receipts/r%2F1"}


def test_a_receipt_is_waited_for_as_long_as_something_is_counted(script: Script) -> None:
    pending: Answer = (200, {"state": "pending"})
    server = script([*[pending] * 6, (200, {"state": "done"})])
    server.health = (503, COUNTING)

    with Door(server.url, "secret") as door:
        assert door.wait("r", seconds=0.1) == {"state": "done"}

    assert "/health/ready" in [path for path, _, _ in server.asked]


@pytest.mark.parametrize(
    "changed",
    [{"lag": 0}, {"lag": None}, {"freshness_seconds": 0.1}, {"freshness_seconds": None}, {"stopped": 1}],
)
def test_waiting_has_an_end_when_nothing_is_counted(script: Script, changed: dict[str, Any]) -> None:
    server = script([(200, {"state": "pending"})])
    server.health = (200, COUNTING | changed)

    with Door(server.url, "secret") as door, pytest.raises(UserError, match="Nothing is lost"):
        door.wait("r", seconds=0.1)
