"""`python -m services.intake`: the door, serving reading too."""

import logging
import socket
import sys

import uvicorn

from services.cycles import look_rarely
from services.errors import UserError
from services.intake.app import create_app
from services.settings import Settings, load_settings

log = logging.getLogger("services.intake")

BACKLOG = 512
KEEP_ALIVE_SECONDS = 75  # longer than the minute after which proxies close an idle connection themselves
STOP_SECONDS = 10


class _Server(uvicorn.Server):
    """A server that remembers whether it ends because a part of it crashed."""

    crashed = False

    def crash(self) -> None:
        """End, as an accident."""
        self.crashed = True
        self.should_exit = True


def serve(settings: Settings) -> bool:
    """Serve until told to stop; whether that was the reason to end."""
    listener = socket.create_server((settings.host, settings.port or 0), backlog=BACKLOG)
    log.info("listening on %s port %d", *listener.getsockname()[:2])
    server: _Server
    app = create_app(settings, lambda: server.crash())
    server = _Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )
    server.run(sockets=[listener])
    return server.started and not server.crashed


def main() -> None:
    """Run until told to stop; exit code 1 when it ends for another reason."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it repeats each attempt; the door says it once
    look_rarely()
    try:
        if not serve(load_settings()):
            sys.exit(1)
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
