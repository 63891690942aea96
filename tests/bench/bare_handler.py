"""What the door's server and its client of Kafka can do alone.

`python -m tests.bench.bare_handler PORT BROKER TOPIC` reads a post, puts its bytes on a topic, unread and in
records of some 500 events, and answers when all are acknowledged.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop
from aiokafka import AIOKafkaProducer

RECORD_BYTES = 150_000


async def serve(port: int, broker: str, topic: str) -> None:
    """Serve until ended."""
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all", max_batch_size=950_000)
    await producer.start()

    async def handle(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]) -> None:
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        parts = [bytes(body[start : start + RECORD_BYTES]) for start in range(0, len(body), RECORD_BYTES)]
        await asyncio.gather(*[await producer.send(topic, part) for part in parts])
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(handle, http="httptools", lifespan="off", log_config=None, access_log=False)
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), *sys.argv[2:]))
