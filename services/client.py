"""The door as the command line uses it: posting, receipts and the ledger, over HTTP."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import niquests
from pydantic_core import to_json

from schemas.json_text import write_json
from services.errors import UserError
from services.local.stack import StackState, read_state
from services.operator import operator_dsn
from services.settings import PREFIX, Settings
from services.store.tokens import create_token, revoke_token

MOST_EVENTS = 10_000
MOST_BYTES = 9_000_000

_TRY_AGAIN = frozenset({429, 502, 503, 504})
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_LONGEST_WAIT = 3600.0
_TIMEOUT = (5.0, 120.0)
_OPERATOR_TOKEN_LIFETIME = timedelta(days=1)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

E = TypeVar("E")
Answer = dict[str, Any]


def as_json(event: Mapping[str, Any]) -> str:
    """The JSON text of one event."""
    return to_json(event).decode()


class Door:
    """One door and the token to open it.

    An answer of "not now" and, once the door has answered at all, a broken connection are tried again with
    the same body for `patience` seconds: an event that arrived after all is a repeat and changes nothing.
    """

    def __init__(self, url: str, token: str, patience: float = 60) -> None:
        self.url = url.rstrip("/")
        self._patience = patience
        self._reached = False
        self._session = niquests.Session()
        self._session.trust_env = urlsplit(url).hostname not in _LOOPBACK
        self._session.auth = token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def post(self, events: Iterable[Mapping[str, Any] | str]) -> Answer:
        """Post one batch, each event as a mapping or as its JSON text; the body of the 202 or of the 422."""
        texts = (event if isinstance(event, str) else as_json(event) for event in events)
        body = f"[{','.join(texts)}]".encode()
        return self._request("POST", "/v1/events", body=body, expected=(202, 422))

    def replay(self, wishes: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """Post rejects again: what became of each wish, of `POST /v1/rejects/replay`."""
        body = write_json({"rejects": [dict(wish) for wish in wishes]}).encode()
        answer = self._request("POST", "/v1/rejects/replay", body=body, expected=(202, 422))
        if "rejects" not in answer:
            raise UserError(f"the door refuses this: {answer['detail']}")
        rows: list[Answer] = answer["rejects"]
        return rows

    def post_all(
        self, events: Iterable[E], text: Callable[[E], str] | None = None
    ) -> Iterator[tuple[list[E], Answer]]:
        """Post any number of events, batch by batch; yields each batch with its answer.

        `text` makes an event its JSON text; without it the events are mappings.
        """
        as_text: Callable[[Any], str] = text or as_json
        batch: list[E] = []
        texts: list[str] = []
        size = 0
        for event in events:
            event_text = as_text(event)
            event_size = len(event_text.encode()) + 1
            if batch and (len(batch) == MOST_EVENTS or size + event_size > MOST_BYTES):
                yield batch, self.post(texts)
                batch, texts, size = [], [], 0
            batch.append(event)
            texts.append(event_text)
            size += event_size
        if batch:
            yield batch, self.post(texts)

    def receipt(self, receipt: str) -> Answer:
        """What became of a batch so far: `pending` or `done`, and how many were new, repeats, rejected."""
        return self._request("GET", f"/v1/receipts/{quote(receipt, safe='')}")

    def wait(self, receipt: str, seconds: float = 60) -> Answer:
        """The receipt once all of its events are counted or rejected.

        Others may be counted before it: `UserError` when it waits and nothing at all is counted for so long,
        or when it still waits after an hour.
        """
        began = time.monotonic()
        deadline = began + seconds
        pause = 0.02
        while (answer := self.receipt(receipt))["state"] == "pending":
            if (now := time.monotonic()) > deadline:
                deadline = now + seconds
                if now > began + _LONGEST_WAIT or not self._counts(seconds):
                    break
            time.sleep(pause)
            pause = min(pause * 1.5, 1)
        else:
            return answer
        answer = self.receipt(receipt)  # the last of all may have been counted meanwhile
        if answer["state"] == "pending":
            raise UserError(
                f"receipt {receipt} is not counted after {time.monotonic() - began:.0f} s. Nothing is lost: "
                f"look later with `groenmeter receipt {receipt}`, and see `groenmeter status`."
            )
        return answer

    def _counts(self, seconds: float) -> bool:
        """Whether something waits, nothing is stopped, and something was counted in the last `seconds`."""
        health = self._request("GET", "/health/ready", expected=(200, 503))
        freshness = health["freshness_seconds"]
        return bool(health["lag"]) and not health["stopped"] and freshness is not None and freshness < seconds

    def events(self, **query: str | None) -> Iterator[Answer]:
        """The rows of `GET /v1/events` of all pages; a parameter that is None is left out."""
        return self.rows("/v1/events", **query)

    def time_zone(self) -> str:
        """The time zone of the organisation."""
        zone: str = self._request("GET", "/v1/events", parameters={"limit": "1"})["time_zone"]
        return zone

    def rows(self, path: str, **query: str | None) -> Iterator[Answer]:
        """The rows of every page of a list."""
        parameters = {name: value for name, value in query.items() if value is not None}
        while True:
            page = self._request("GET", path, parameters=parameters)
            yield from page["rows"]
            if page["cursor"] is None:
                return
            parameters["cursor"] = page["cursor"]

    def _request(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: bytes | None = None,
        expected: tuple[int, ...] = (200,),
    ) -> Answer:
        deadline = time.monotonic() + self._patience
        pause = _FIRST_PAUSE
        while True:
            wait = pause
            try:
                response = self._session.request(
                    method,
                    self.url + path,
                    params=dict(parameters or {}),
                    data=body,
                    headers={"Content-Type": "application/json"} if body else None,
                    timeout=_TIMEOUT,
                )
            except niquests.RequestException as error:
                if not self._reached:
                    raise UserError(
                        f"no door answers at {self.url}: is it up? (`groenmeter status`)"
                    ) from error
                trouble = f"no answer ({type(error).__name__})"
            else:
                self._reached = True
                if response.status_code in expected:
                    answer: Answer = response.json()
                    return answer
                trouble = _readable(response)
                if response.status_code not in _TRY_AGAIN:
                    raise UserError(f"the door at {self.url} answers {trouble}")
                wait = _retry_after(response) or pause
            if time.monotonic() + wait > deadline:
                raise UserError(
                    f"the door at {self.url} still answers {trouble}, after {self._patience:.0f} s. "
                    "Do the same again later: what arrived after all does not count twice."
                )
            time.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE)


@contextmanager
def connect(settings: Settings) -> Iterator[Door]:
    """The door of these settings, opened with their token.

    Without a token the operator of the stack on this machine, who can read its database, gets a steward's
    token that is revoked at the end. Raises `UserError` when there is neither a token nor a database.
    """
    state = read_state(settings.home)
    running = state if state is not None and state.is_running() else None
    url = _url(settings, running)
    if settings.token is not None:
        with Door(url, settings.token.get_secret_value()) as door:
            yield door
        return
    if running is None and settings.database_url is None:
        raise UserError(f"no token: set {PREFIX}TOKEN to the token of your team")
    dsn = operator_dsn(settings)
    token = create_token(dsn, "steward", label="command line", lifetime=_OPERATOR_TOKEN_LIFETIME)
    try:
        with Door(url, token) as door:
            yield door
    finally:
        revoke_token(dsn, token)


def _url(settings: Settings, running: StackState | None) -> str:
    if running is not None and running.api is not None:
        return running.api
    if settings.public_url is not None:
        return settings.public_url
    if settings.port is not None:
        return f"http://{settings.host}:{settings.port}"
    raise UserError(
        f"no door: the stack in {settings.home} does not run. Start it with `groenmeter up`, or set "
        f"{PREFIX}PUBLIC_URL to the address of a door elsewhere."
    )


def _retry_after(response: niquests.Response) -> float | None:
    """The seconds that the door asks to wait; None when it does not say, or names a date."""
    value = str(response.headers.get("Retry-After", ""))
    return float(value) if value.isdecimal() else None


def _readable(response: niquests.Response) -> str:
    """An error of the door in one line: status, title and detail of its problem+json."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return f"{response.status_code} {response.reason}"
    words = [str(problem[name]) for name in ("title", "detail") if problem.get(name)]
    return f"{response.status_code} {': '.join(words)}"
