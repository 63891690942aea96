"""A real mail server and a real web server that keep what they get."""

import base64
import hashlib
import hmac
import threading
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller

from services.local.ports import free_port


class Mailbox:
    """Takes every mail, or answers with `refusal`."""

    def __init__(self):
        self.mails = []
        self.refusal = None

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 its name
        if self.refusal:
            return self.refusal
        mail = message_from_bytes(envelope.content, policy=default)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, mail))
        return "250 OK"


@contextmanager
def mail_server(**arguments):
    """A mailbox and the port of its server."""
    mailbox = Mailbox()
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, **arguments)
    controller.start()
    try:
        yield mailbox, port
    finally:
        controller.stop()


class Hook:
    """Keeps the headers and body of each post; `answer` is called with the hook and gives the status."""

    def __init__(self):
        self.posts = []
        self.headers = {}
        self.answer = lambda _: 204


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        """The sender is gone before it has its answer: some tests kill it."""


@contextmanager
def web_server():
    """A hook and the URL of its server."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posts.append((self.headers, body))
            status = hook.answer(hook)
            self.send_response(status)
            for name, value in hook.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 its name

        def log_message(self, *_):
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield hook, f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        server.server_close()


def is_signed(headers, body, secret):
    """Whether a post is signed with the secret, read from the convention and not from the product."""
    content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    key = base64.b64decode(secret.split("_", 1)[1])
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    version, _, signature = headers["webhook-signature"].partition(",")
    return version == "v1" and hmac.compare_digest(signature, expected)
