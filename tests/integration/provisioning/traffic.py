"""HTTP calls to Grafana between us and it: passed on to a real one and written down, or played back.

Both are real HTTP servers, so that the client under test speaks HTTP either way. What is written down holds
no secret: the token is put in only on the way to the real Grafana, and passwords in bodies are masked.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import niquests

POLL_SECONDS = 0.02  # how soon a server notices that it is to end
TOKEN = "the-token-of-these-tests"
_GIVEN_BACK = ("GET", "/api/frontend/settings")  # long; only the version in it is of use


class Call(NamedTuple):
    """A request and its answer; bodies are JSON values or, if they are not JSON, text."""

    method: str
    path: str
    body: Any
    status: int
    answer: Any


class Traffic:
    """A server that answers each request by `respond` and keeps the calls."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.url = ""

    def respond(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """The status and body to answer with."""
        raise NotImplementedError

    def by_hand(self, method: str, path: str, body: Any = None) -> Any:
        """What a person does in Grafana, or sees there; it must go well."""
        response = niquests.request(
            method, f"{self.url}{path}", json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
        )
        assert response.status_code is not None
        assert response.status_code < 300, f"{method} {path}: {response.text}"
        return response.json() if response.content else None

    def writes(self) -> list[str]:
        """The calls that were no mere reading."""
        return [f"{call.method} {call.path}" for call in self.calls if call.method != "GET"]

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Listens at `url` meanwhile."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class Recorded(Traffic):
    """Plays back the calls of a file, in their order and no other."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._to_come = [Call(**call) for call in json.loads(path.read_text(encoding="utf-8"))]

    def respond(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        expected = self._to_come.pop(0) if self._to_come else None
        if expected is None or (expected.method, expected.path, expected.body) != (method, path, body):
            self._to_come = []
            return 599, {"message": f"not recorded: {method} {path} {body}; recorded here: {expected}"}
        self.calls.append(expected)
        return expected.status, expected.answer

    def end(self) -> None:
        """Fails when not all calls came."""
        assert self._to_come == []


class Recording(Traffic):
    """Passes each call on to a real Grafana; `write` keeps them."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__()
        self._real = niquests.Session(base_url=url)
        self._real.headers["Authorization"] = f"Bearer {token}"

    def respond(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        status, answer = self.real(method, path, body)
        if (method, path) == _GIVEN_BACK and status == 200:
            answer = {"buildInfo": {"version": answer["buildInfo"]["version"]}}
        self.calls.append(Call(method, path, _masked(body), status, answer))
        return status, answer

    def real(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A call that is not written down."""
        response = self._real.request(method, path, json=body, timeout=30)
        assert response.status_code is not None
        try:
            return response.status_code, response.json()
        except niquests.exceptions.JSONDecodeError:
            return response.status_code, response.text

    def write(self, path: Path) -> None:
        calls = ",\n".join(json.dumps(call._asdict(), ensure_ascii=False) for call in self.calls)
        path.write_text(f"[\n{calls}\n]\n", encoding="utf-8")


def _masked(body: Any) -> Any:
    if isinstance(body, dict) and "secureJsonData" in body:
        return body | {"secureJsonData": dict.fromkeys(body["secureJsonData"], "***")}
    return body


def _handler(traffic: Traffic) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, answer = 401, {"message": "Unauthorized"}
            else:
                shown = _masked(body) if isinstance(traffic, Recorded) else body
                status, answer = traffic.respond(self.command, self.path, shown)
            is_text = isinstance(answer, str)
            content = answer.encode() if is_text else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if is_text else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 the names that the server looks for

        def log_message(self, *_: object) -> None:
            """Silent."""

    return Handler
