"""A Grafana that fails in every way that one can, as a real HTTP server, and what people are told."""

import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from services.errors import UserError
from services.provisioning import port
from services.provisioning.port import Grafana, NotThere
from tests.integration.provisioning.traffic import TOKEN, Traffic

SECRET = SecretStr(TOKEN)
NEEDED = "You'll need additional permissions to perform this action. Permissions needed: folders:create"


class Failing(Traffic):
    """Answers everything alike."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__()
        self._answer = (status, answer)
        self.asked: list[str] = []

    def respond(self, method: str, path: str, body: Any) -> tuple[int, Any]:  # noqa: ARG002
        self.asked.append(f"{method} {path}")
        return self._answer


def _version(version: str) -> tuple[int, Any]:
    return 200, {"buildInfo": {"version": version}}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, {"message": "Invalid API key"}), "does not know this token (401)"),
        (
            (403, {"message": NEEDED}),
            "it lacks the right folders:create. Give its service account the role Admin",
        ),
        ((403, {"message": "no"}), "it lacks a right"),
        ((404, {"message": "Not found"}), "does not look like Grafana"),
        ((500, {"message": "database is locked"}), "would not look at it (500): database is locked"),
        ((502, "<html>Bad gateway</html>"), "(502)"),
        ((200, "<html>Please log in</html>"), "does not look like Grafana"),
        ((200, {"hello": "world"}), "does not look like Grafana"),
        ((200, ["hello"]), "does not look like Grafana"),
        (_version("8.5.27"), "is Grafana 8.5.27: too old, at least 9.4 is needed"),
        (_version("9.3.16"), "too old"),
        (_version("unknown"), "does not look like Grafana"),
    ],
)
def test_what_goes_wrong_is_said_in_words(answer: tuple[int, Any], said: str) -> None:
    failing = Failing(*answer)
    with failing.serving(), pytest.raises(UserError) as error:
        Grafana(failing.url, SECRET).version()

    assert said in str(error.value)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("9.4.0-pre", (9, 4, 0)),
        ("10.2.3", (10, 2, 3)),
        ("12.4.4+security-01", (12, 4, 4)),
        ("13.0.1", (13, 0, 1)),
    ],
)
def test_versions_of_grafana_are_understood(version: str, expected: tuple[int, int, int]) -> None:
    answering = Failing(*_version(version))
    with answering.serving():
        assert Grafana(answering.url, SECRET).version() == expected


def test_an_answer_that_sends_the_token_back_is_masked() -> None:
    failing = Failing(400, {"message": f"bad header Bearer {TOKEN}"})
    with failing.serving(), pytest.raises(UserError) as error:
        Grafana(failing.url, SECRET).create_folder("groenmeter", "Groenmeter")

    assert "would not add a folder (400)" in str(error.value)
    assert TOKEN not in "".join(traceback.format_exception(error.value))


def test_what_vanishes_while_we_write_is_said_and_what_is_gone_is_removed() -> None:
    failing = Failing(404, {"message": "Not found"})
    with failing.serving():
        grafana = Grafana(failing.url, SECRET)
        with pytest.raises(UserError, match="run it again"):
            grafana.update_rule("groenmeter-one", {})
        with pytest.raises(NotThere):
            grafana.folder("groenmeter")
        grafana.delete_dashboard("groenmeter-first-nl")


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        ((200, {"status": "OK", "message": "Database Connection OK"}), None),
        ((400, {"status": "ERROR", "message": "pq: no such role"}), "pq: no such role"),
        ((404, {"message": "no such call"}), None),
        ((403, {"message": NEEDED}), None),
        ((500, "oops"), None),
    ],
)
def test_only_what_grafana_says_of_the_database_counts(answer: tuple[int, Any], trouble: str | None) -> None:
    answering = Failing(*answer)
    with answering.serving():
        assert Grafana(answering.url, SECRET).datasource_trouble("groenmeter") == trouble


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


def test_where_nobody_listens_that_is_said() -> None:
    url = f"http://127.0.0.1:{_closed_port()}"
    with pytest.raises(UserError, match=r"cannot be reached: .*refused"):
        Grafana(url, SECRET).version()


def test_one_who_accepts_and_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "_TIMEOUT", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UserError, match="does not answer in time"):
            Grafana(url, SECRET).version()


def test_a_name_that_does_not_exist_is_said() -> None:
    with pytest.raises(UserError, match=r"grafana\.invalid cannot be reached"):
        Grafana("http://grafana.invalid", SECRET).version()


@pytest.fixture
def listening() -> Iterator[Callable[[type[BaseHTTPRequestHandler]], str]]:
    """Starts servers; gives their addresses."""
    servers = []

    def start(handler: type[BaseHTTPRequestHandler]) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Redirecting(BaseHTTPRequestHandler):
    """As a proxy does that wants HTTPS or a log-in."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/login")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


def test_an_address_that_redirects_is_not_followed(listening: Callable[..., str]) -> None:
    with pytest.raises(UserError, match="sends its callers elsewhere"):
        Grafana(f"http://{listening(Redirecting)}", SECRET).version()


def test_no_encryption_where_it_was_asked_for_is_said(listening: Callable[..., str]) -> None:
    with pytest.raises(UserError, match="no trusted connection to https://") as error:
        Grafana(f"https://{listening(Redirecting)}", SECRET).version()
    assert ssl.SSLError.__name__ not in str(error.value)


def test_a_grafana_below_a_path_is_called_there() -> None:
    answering = Failing(*_version("11.0.0"))
    with answering.serving():
        for url in (f"{answering.url}/grafana", f"{answering.url}/grafana/"):
            Grafana(url, SECRET).version()

    assert answering.asked == ["GET /grafana/api/frontend/settings"] * 2


@pytest.mark.parametrize(
    ("url", "token", "said"),
    [
        ("https://admin:hush@grafana.example", TOKEN, "make a service account with the role Admin"),
        ("https://grafana.example?verify=false", TOKEN, "must be like https://grafana.example"),
        ("https://grafana.example", "hush\nX-Other: 1", "copied as a whole"),
        ("https://grafana.example", "hüsh", "copied as a whole"),
    ],
)
def test_what_cannot_be_an_address_or_token_is_refused_without_showing_it(
    url: str, token: str, said: str
) -> None:
    with pytest.raises(UserError, match=said) as error:
        Grafana(url, SecretStr(token))
    assert "hush" not in str(error.value)
