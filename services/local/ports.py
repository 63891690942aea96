"""Ports on this machine that stay the same when what listens on them starts again."""

import errno
import random
import socket

# Below the range that Linux hands out to outgoing connections: while a child is being restarted nobody's
# connection takes its port.
LOWEST, HIGHEST = 20_000, 32_000
ATTEMPTS = 200


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now.

    Raises:
        OSError: not because of others: there is no such host here, or the port needs more rights.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            listener.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on now."""
    for _ in range(ATTEMPTS):
        port = random.randrange(LOWEST, HIGHEST)  # noqa: S311 not a secret
        if is_free(port, host):
            return port
    raise OSError(f"no free port between {LOWEST} and {HIGHEST}")
