"""How every part reaches the Kafka-protocol broker, and what it may ask of it as administrator."""

import ssl
from collections.abc import Iterable
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from services.errors import UserError
from services.settings import Settings

PARTITIONS = 6
_REQUEST_MILLISECONDS = 10_000
_RETENTION_MILLISECONDS = 30 * 24 * 3600 * 1000


def addresses(settings: Settings) -> list[str]:
    """The broker's addresses, `host:port` each. Raises `UserError` where none is set."""
    if settings.broker is None:
        raise UserError("no broker: set GROENMETER_BROKER, or start the local stack with `groenmeter up`")
    return settings.broker.split(",")


def client_arguments(settings: Settings) -> dict[str, Any]:
    """The keyword arguments that every aiokafka client takes: addresses, TLS and login."""
    protocol, _, mechanism = settings.broker_security.partition(":")
    arguments: dict[str, Any] = {
        "bootstrap_servers": addresses(settings),
        "security_protocol": protocol,
        "ssl_context": ssl_context(settings),
    }
    if mechanism and settings.broker_password is not None:
        arguments |= {
            "sasl_mechanism": mechanism,
            "sasl_plain_username": settings.broker_user,
            "sasl_plain_password": settings.broker_password.get_secret_value(),
        }
    return arguments


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """The TLS settings, None on a connection without TLS."""
    if "SSL" not in settings.broker_security.partition(":")[0].split("_"):
        return None
    return ssl.create_default_context(cafile=settings.broker_ca)


class Administration:
    """What we ask of a broker beside reading and writing; use as `async with`."""

    def __init__(self, settings: Settings) -> None:
        self._client = AIOKafkaAdminClient(
            **client_arguments(settings), request_timeout_ms=_REQUEST_MILLISECONDS, client_id="groenmeter"
        )

    async def __aenter__(self) -> "Administration":
        await self._client.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._client.close()

    async def log_id(self) -> str:
        """The Kafka cluster id: the embedded broker has a fresh one at every start.

        Offsets are only meaningful together with it.
        """
        return str((await self._client.describe_cluster())["cluster_id"])

    async def brokers(self) -> int:
        """How many brokers the cluster has now."""
        return len((await self._client.describe_cluster())["brokers"])

    async def ensure_topics(self, names: Iterable[str]) -> list[str]:
        """Create the topics that are not there yet, stamped with the broker's clock; returns those made.

        Three replicas of which two must acknowledge, where the cluster has three brokers.
        """
        missing = sorted(set(names) - set(await self._client.list_topics()))
        replicas = 3 if await self.brokers() >= 3 else 1
        configuration = {
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": str(_RETENTION_MILLISECONDS),
            "min.insync.replicas": str(max(1, replicas - 1)),
        }
        if not missing:
            return []
        answer = await self._client.create_topics(
            [
                NewTopic(
                    name, num_partitions=PARTITIONS, replication_factor=replicas, topic_configs=configuration
                )
                for name in missing
            ]
        )
        for name, code, *_ in answer.topic_errors:
            failure = for_code(code)
            if code and failure is not TopicAlreadyExistsError:
                raise failure(f"topic {name} could not be made")
        return missing
