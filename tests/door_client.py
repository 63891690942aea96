"""A client of the door that hides nothing of HTTP."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What the door answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Field and problem of everything that was wrong with the events."""
        return [
            (error["field"], error["problem"]) for event in self.json["events"] for error in event["errors"]
        ]


@dataclass
class Client:
    """Posts as the owner of a token; an event may be a JSON value or the bytes of a body."""

    port: int
    token: str
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        all_headers = {"Authorization": f"Bearer {self.token}"} | dict(headers or {})
        self.connection.request(method, path, body, all_headers)
        response = self.connection.getresponse()
        return Answer(response.status, dict(response.headers.items()), response.read())

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, body: Any, headers: Mapping[str, str] = JSON) -> Answer:
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.call("POST", "/v1/events", body, headers)

    def post_to(self, path: str, body: Any) -> Answer:
        return self.call("POST", path, json.dumps(body).encode(), JSON)
