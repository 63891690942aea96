"""Handing one message over, by the channel of its subscriber."""

import logging
import time
import traceback

from services.alerting.chat import send_chat
from services.alerting.mail import send_mail
from services.alerting.message import Message, compose
from services.alerting.outcome import Outcome
from services.alerting.smtp_url import SmtpServer, read_smtp_url
from services.alerting.webhook import send_webhook
from services.settings import PREFIX, Settings
from services.store.outbox import Attempt, Change
from services.store.subscribers import Channel, Language, NewSubscriber, Subscriber

NO_MAIL_SERVER = f"no mail server is set: {PREFIX}SMTP_URL"

log = logging.getLogger(__name__)


class Courier:
    """Hands messages over with the mail server and links of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._mail_server = mail_server(settings)

    @property
    def held_back(self) -> dict[Channel, str]:
        """The channels that cannot be used with these settings, each with the reason in words."""
        return {} if self._mail_server else {"email": NO_MAIL_SERVER}

    def deliver(self, subscriber: Subscriber, attempt: Attempt) -> Outcome:
        """Hand a message over; no fault of one message stands in the way of another."""
        try:
            link = link_to(self._settings, attempt.change, subscriber.language)
            message = compose(attempt.message_id, attempt.change, subscriber.language, subscriber.name, link)
            return send(self._mail_server, subscriber, message)
        except Exception as error:
            # Without the text of the error, which may hold an address.
            trace = "".join(traceback.format_tb(error.__traceback__))
            log.error("message %s: a fault of ours: %s\n%s", attempt.message_id, type(error).__name__, trace)
            return Outcome("failed", f"a fault of ours ({type(error).__name__}): see the teller's log")


def mail_server(settings: Settings) -> SmtpServer | None:
    """The mail server of the settings, None when there is none."""
    return read_smtp_url(settings.smtp_url.get_secret_value()) if settings.smtp_url else None


def link_to(settings: Settings, change: Change, language: Language) -> str | None:
    """Where to see a target: its dashboard, else the reading call, None when no address is set."""
    if settings.grafana_url:
        dashboard = f"{settings.grafana_url.rstrip('/')}/d/groenmeter-glance-{language}"
        return f"{dashboard}?var-target={change.target}"
    if settings.public_url:
        sort, _, slug = str(change.row["scope"]).partition("/")
        return f"{settings.public_url.rstrip('/')}/v1/targets" + (f"?team={slug}" if sort == "team" else "")
    return None


def send(server: SmtpServer | None, subscriber: NewSubscriber, message: Message) -> Outcome:
    """Hand a message over by the subscriber's channel."""
    if subscriber.channel == "webhook":
        return send_webhook(subscriber.address, subscriber.secret or "", message, int(time.time()))
    if subscriber.channel == "apprise":
        return send_chat(subscriber.address, message)
    if server is None:
        return Outcome("failed", NO_MAIL_SERVER)
    return send_mail(server, subscriber.address, message)
