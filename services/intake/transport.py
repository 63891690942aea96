"""Around every request: answers are counted, and a body that nobody read is read to its end first."""

from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.intake.door import Door

MOST_DRAINED_BYTES = 64_000_000


class Transport:
    """ASGI middleware.

    An answer before the body was read (401, 413, 415) would reach a client that still sends as a broken
    connection, not as an answer. So the rest is read and thrown away first, up to a bound; not for a client
    that waits for `100 Continue`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection's request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_body = scope["method"] in {"POST", "PUT", "PATCH"}
        waits = any(name == b"expect" for name, _ in scope["headers"])
        unread = has_body and not waits

        async def reading() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and bool(message.get("more_body"))
            return message

        async def answering(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                drained = 0
                while unread and drained < MOST_DRAINED_BYTES:
                    drained += len((await reading()).get("body", b""))
                door: Door = scope["app"].state.door
                door.metrics.responses.labels(str(message["status"])).inc()
            await send(message)

        await self._app(scope, reading, answering)
