"""Each channel against a real receiver, willing and not."""

import json
import logging
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import replace
from uuid import UUID

import pytest
from aiosmtpd.smtp import AuthResult

from services.alerting.chat import send_chat
from services.alerting.mail import send_mail
from services.alerting.message import compose
from services.alerting.outcome import SENT
from services.alerting.smtp_url import SmtpServer
from services.alerting.webhook import new_secret, send_webhook
from services.local.ports import free_port
from tests.integration.alerting.receivers import is_signed, mail_server, web_server
from tests.unit.alerting.changes import change

ID = UUID("6f3f1c3e-6f57-5a44-8d3e-0f3c1c9d2b11")
MESSAGE = compose(ID, change(), "nl", "nurse", "https://meter.example/v1/targets")
SENDER = "meter@example.nl"


def plain(port):
    return SmtpServer("127.0.0.1", port, SENDER, "none")


def test_mail():
    with mail_server() as (mailbox, port):
        assert send_mail(plain(port), "nurse@example.nl", MESSAGE) == SENT
    ((sender, recipients, mail),) = mailbox.mails
    assert (sender, recipients) == (SENDER, ["nurse@example.nl"])
    assert mail["Subject"] == MESSAGE.subject
    assert mail["From"] == f"Groenmeter <{SENDER}>"
    assert mail["Message-ID"] == f"<{ID}@example.nl>"
    assert mail["X-Groenmeter-Message"] == str(ID)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_body(["plain"]).get_content().replace("\r\n", "\n") == MESSAGE.text
    assert mail.get_body(["html"]).get_content().replace("\r\n", "\n") == MESSAGE.html


def test_mail_that_is_not_taken():
    with mail_server() as (mailbox, port):
        mailbox.refusal = "451 try later"
        assert send_mail(plain(port), "nurse@example.nl", MESSAGE).problem == (
            "the mail server refuses it: SMTPDataError (451)"
        )
        login = replace(plain(port), user="groen", password="hush")
        assert "does not offer encryption or login" in send_mail(login, "nurse@example.nl", MESSAGE).problem
        starttls = replace(plain(port), encryption="starttls")
        outcome = send_mail(starttls, "nurse@example.nl", MESSAGE)
        assert "does not offer encryption" in outcome.problem, "never without when it is required"
        assert mailbox.mails == []
    assert send_mail(plain(free_port()), "nurse@example.nl", MESSAGE).problem == (
        "the mail server cannot be reached (ConnectionRefusedError)"
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    directory = tmp_path_factory.mktemp("certificate")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout key -out certificate"
    )
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command.split(), *names], cwd=directory, check=True, capture_output=True)
    return directory / "certificate", directory / "key"


@pytest.mark.parametrize("encryption", ["starttls", "from the start"])
def test_mail_with_encryption_and_login(certificate, encryption, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    tls = {"tls_context": context} if encryption == "starttls" else {"ssl_context": context}

    def authenticate(_server, _session, _envelope, _mechanism, data):
        right = (data.login, data.password) == (b"groen", b"hush")
        return AuthResult(success=right, handled=False)

    login = {"authenticator": authenticate, "auth_require_tls": encryption == "starttls"}
    with mail_server(**tls, **login) as (mailbox, port):
        server = SmtpServer("127.0.0.1", port, SENDER, encryption, "groen", "hush")
        unknown = send_mail(server, "nurse@example.nl", MESSAGE)
        assert "CERTIFICATE_VERIFY_FAILED" in unknown.problem
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert send_mail(server, "nurse@example.nl", MESSAGE) == SENT
        wrong = send_mail(replace(server, password="guess"), "nurse@example.nl", MESSAGE)
        assert wrong.problem == "the mail server refuses it: SMTPAuthenticationError (535)"
    assert len(mailbox.mails) == 1


def test_webhook():
    secret, now = new_secret(), int(time.time())
    with web_server() as (hook, url):
        assert send_webhook(url, secret, MESSAGE, now) == SENT
        assert send_webhook(url, secret, MESSAGE, now + 60) == SENT
    (headers, body), (later, again) = hook.posts
    assert body == again
    assert headers["webhook-id"] == later["webhook-id"] == str(ID)
    assert (headers["webhook-timestamp"], later["webhook-timestamp"]) == (str(now), str(now + 60))
    assert is_signed(headers, body, secret)
    assert is_signed(later, again, secret)
    assert not is_signed(headers, body + b" ", secret)
    assert not is_signed(headers, body, new_secret())
    assert json.loads(body)["data"]["evaluation"]["title"]["nl"] == "Restafval 25 % minder in 2026"


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, "sent"), (299, "sent"), (302, "failed"), (404, "failed"), (410, "gone"), (500, "failed")],
)
def test_what_a_webhook_answers(status, state):
    with web_server() as (hook, url):
        hook.answer = lambda _: status
        hook.headers = {"Location": "/elsewhere"}
        outcome = send_webhook(url, new_secret(), MESSAGE, 0)
    assert outcome.state == state
    assert len(hook.posts) == 1, "redirects are not followed"
    assert state == "sent" or str(status) in outcome.problem


def test_an_endless_answer_is_not_read():
    """The receiver says yes and goes on for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def say():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 1000)
                connection.recv(65536)

        thread = threading.Thread(target=say)
        thread.start()
        outcome = send_webhook(f"http://127.0.0.1:{server.getsockname()[1]}/", new_secret(), MESSAGE, 0)
        assert outcome == SENT
        thread.join(5)


def test_nothing_secret_is_in_a_problem_or_log(caplog):
    caplog.set_level(logging.DEBUG, "services")
    address = f"http://user:hush@127.0.0.1:{free_port()}/hush?token=hush"
    problem = send_webhook(address, new_secret(), MESSAGE, 0).problem
    assert problem == "the receiver cannot be reached (ConnectionError)"
    chat = send_chat(f"json://user:hush@127.0.0.1:{free_port()}/hush", MESSAGE)
    assert chat.problem == "json did not take it: is the address right, and reachable?"
    assert "hush" not in caplog.text


def test_apprise():
    with web_server() as (hook, url):
        hook.answer = lambda _: 200
        assert send_chat(url.replace("http://", "json://"), MESSAGE) == SENT
    ((_, body),) = hook.posts
    received = json.loads(body)
    assert received["title"] == MESSAGE.subject
    assert received["message"].strip() == MESSAGE.text.strip()
