"""What the door says of itself and of what is still to be counted."""

import http.client
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5.0  # it asks broker and database in its turn


@dataclass(frozen=True)
class Health:
    """The answer of `GET /health/ready`; `lag` is what was accepted and not yet counted.

    `stopped`: how many partitions are not read.
    """

    ready: bool
    lag: int | None
    freshness_seconds: float | None
    stopped: int | None


SILENT = Health(ready=False, lag=None, freshness_seconds=None, stopped=None)


def read_health(api: str) -> Health:
    """Ask the door at `api` (`http://host:port`); `SILENT` when there is no answer."""
    address = urlsplit(api)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return SILENT
    finally:
        connection.close()
    if not isinstance(answer, dict):
        return SILENT
    ready = response.status == http.client.OK
    return Health(ready, answer.get("lag"), answer.get("freshness_seconds"), answer.get("stopped"))
