"""Mail servers as settings give them."""

import pytest

from services.alerting.smtp_url import SmtpServer, read_smtp_url
from services.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    ("url", "server"),
    [
        (
            "smtp://groen:p%40ss@mail.example.nl:2587?from=meter@example.nl",
            SmtpServer("mail.example.nl", 2587, "meter@example.nl", "starttls", "groen", "p@ss"),
        ),
        (
            "smtps://mail.example.nl/?from=meter@example.nl",
            SmtpServer("mail.example.nl", 465, "meter@example.nl", "from the start"),
        ),
        (
            "smtp://relay.example.nl:25?from=meter@example.nl&tls=no",
            SmtpServer("relay.example.nl", 25, "meter@example.nl", "none"),
        ),
        (
            "smtp://u:p@127.0.0.1:2525?from=meter@example.nl",
            SmtpServer("127.0.0.1", 2525, "meter@example.nl", "none", "u", "p"),
        ),
        (
            "smtp://localhost?from=meter@example.nl",
            SmtpServer("localhost", 587, "meter@example.nl", "none"),
        ),
        ("smtp://[::1]:25?from=m@example.nl", SmtpServer("::1", 25, "m@example.nl", "none")),
    ],
)
def test_read(url, server):
    assert read_smtp_url(url) == server
    assert "p@ss" not in repr(read_smtp_url(url))


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://mail.example.nl?from=m@example.nl", "must be smtp://"),
        ("mail.example.nl:25", "must be smtp://"),
        ("smtp://u:hush@[mail?from=m@example.nl", "must be smtp://"),
        ("smtp://u:hush@mail.example.nl:high?from=m@example.nl", "must be smtp://"),
        ("smtp://u:hush@mail\u2100.example.nl?from=m@example.nl", "must be smtp://"),
        ("smtp://u:hush@mail.example.nl/path?from=m@example.nl", "must be smtp://"),
        ("smtp://u:hush@mail.example.nl?from=m@example.nl&starttls=no", "must be smtp://"),
        ("smtp://u:hush@mail.example.nl", "[?]from="),
        ("smtp://u:hush@mail.example.nl?from=Groenmeter", "[?]from="),
        ("smtp://u:hush@mail.example.nl?from=m@example.nl&tls=no", "never sent without encryption"),
    ],
)
def test_refused_without_showing_the_password(url, problem, tmp_path):
    with pytest.raises(SettingsError, match=problem) as error:
        load_settings({"GROENMETER_SMTP_URL": url}, tmp_path)
    assert "hush" not in str(error.value)
    assert "GROENMETER_SMTP_URL (environment): " in str(error.value)
