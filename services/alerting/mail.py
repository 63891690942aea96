"""Messages by e-mail, over SMTP."""

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime

from services.alerting.message import Message
from services.alerting.outcome import SENT, Outcome
from services.alerting.smtp_url import SmtpServer

TIMEOUT_SECONDS = 10.0


def send_mail(server: SmtpServer, address: str, message: Message) -> Outcome:
    """Hand a message over to the mail server."""
    try:
        connection = _connected(server)
        try:
            connection.send_message(as_mail(server, address, message), server.sender, [address])
        finally:
            connection.close()
    except smtplib.SMTPRecipientsRefused as error:
        code = next(iter(error.recipients.values()))[0]
        return Outcome("failed", f"the mail server refuses this recipient ({code})")
    except smtplib.SMTPResponseException as error:
        return Outcome("failed", f"the mail server refuses it: {type(error).__name__} ({error.smtp_code})")
    except smtplib.SMTPNotSupportedError:
        return Outcome("failed", "the mail server does not offer encryption or login as SMTP_URL needs it")
    except ssl.SSLError as error:
        return Outcome("failed", f"no encryption with the mail server: {error.reason}")
    except (OSError, smtplib.SMTPException) as error:
        return Outcome("failed", f"the mail server cannot be reached ({type(error).__name__})")
    return SENT


def as_mail(server: SmtpServer, address: str, message: Message) -> EmailMessage:
    """The e-mail: text, and the same as HTML. Repeats have the same `Message-ID`."""
    mail = EmailMessage(SMTP)
    mail["Subject"] = message.subject
    mail["From"] = Address("Groenmeter", addr_spec=server.sender)
    mail["To"] = Address(addr_spec=address)
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = f"<{message.id}@{server.sender.partition('@')[2]}>"
    mail["X-Groenmeter-Message"] = str(message.id)
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = message.language
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail


def _connected(server: SmtpServer) -> smtplib.SMTP:
    """A connection, encrypted and logged in as the settings ask."""
    context = ssl.create_default_context()
    connection: smtplib.SMTP
    if server.encryption == "from the start":
        connection = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
    try:
        if server.encryption == "starttls":
            connection.starttls(context=context)
        if server.user is not None:
            connection.login(server.user, server.password or "")
    except BaseException:
        connection.close()
        raise
    return connection
