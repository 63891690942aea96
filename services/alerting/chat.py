"""Messages to chat and push services, through apprise.

It is imported where it is used: that takes a fifth of a second, which no other command should wait for.
"""

import logging

from services.alerting.message import Message
from services.alerting.outcome import SENT, Outcome

TIMEOUT_SECONDS = 20.0

# It logs what it sends and where to; an address holds the service's secret.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


def is_apprise_url(url: str) -> bool:
    """Whether apprise knows the service and can read the address."""
    import apprise

    return apprise.Apprise.instantiate(url) is not None


def service_of(url: str) -> str:
    """The name of the service of an address, which says nothing secret."""
    return url.partition("://")[0]


def send_chat(url: str, message: Message) -> Outcome:
    """Hand a message over to the service of the address."""
    import apprise

    sender = apprise.Apprise()
    if not sender.add(url):
        return Outcome("failed", f"apprise cannot read this {service_of(url)} address")
    handed_over = sender.notify(
        body=message.text,
        title=message.subject,
        body_format=apprise.NotifyFormat.TEXT,
        notify_type=apprise.NotifyType.WARNING,
        timeout=TIMEOUT_SECONDS,
    )
    if not handed_over:
        return Outcome("failed", f"{service_of(url)} did not take it: is the address right, and reachable?")
    return SENT
