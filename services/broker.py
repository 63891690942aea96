"""How every part reaches the Kafka-protocol broker, and what it may ask of it as administrator."""

import random
import ssl
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupIdNotFound,
    KafkaConnectionError,
    NodeNotReadyError,
    RequestTimedOutError,
    SecurityDisabled,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.protocol.admin import DeleteGroupsRequest

from schemas.topics import Topic
from services.access import Outcome, Permission
from services.errors import UserError
from services.settings import Settings
from services.topic_settings import PARTITIONS, TopicState, replicas_on, settings_of_new_topic, what_is_wrong

_REQUEST_MILLISECONDS = 10_000
_METADATA_MILLISECONDS = 10_000  # a broker that died is forgotten, one that came back is known


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


class _Client(AIOKafkaAdminClient):  # type: ignore[misc]
    async def _send_request(self, request: Any, node_id: int | None = None) -> Any:
        """Ask any broker that answers where none is named: one that is down is not the cluster."""
        if node_id is not None:
            return await super()._send_request(request, node_id)
        failure: Exception = NodeNotReadyError("the cluster names no broker")
        nodes = [broker.nodeId for broker in self._client.cluster.brokers()]
        for node in random.sample(nodes, len(nodes)):
            try:
                return await self._client.send(node, request)
            except (NodeNotReadyError, KafkaConnectionError, RequestTimedOutError) as error:
                failure = error
        raise failure


class Administration:
    """What we ask of a broker beside reading and writing; use as `async with`."""

    def __init__(self, settings: Settings) -> None:
        self._client = _Client(
            **client_arguments(settings),
            request_timeout_ms=_REQUEST_MILLISECONDS,
            metadata_max_age_ms=_METADATA_MILLISECONDS,
            client_id="groenmeter",
        )

    async def __aenter__(self) -> "Administration":
        try:
            await self._client.start()
        except BaseException:
            await self._client.close()
            raise
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
        if not missing:
            return []
        replicas = replicas_on(await self.brokers())
        answer = await self._client.create_topics(
            [
                NewTopic(
                    name,
                    num_partitions=PARTITIONS,
                    replication_factor=replicas,
                    topic_configs=settings_of_new_topic(replicas),
                )
                for name in missing
            ]
        )
        for name, code, *_ in answer.topic_errors:
            failure = for_code(code)
            if code and failure is not TopicAlreadyExistsError:
                raise failure(f"topic {name} could not be made")
        return missing

    async def our_topics(self) -> list[str]:
        """The topics of measurements that are there."""
        found = []
        for name in sorted(await self._client.list_topics()):
            with suppress(ValueError):
                found.append(Topic.of_name(name).name)
        return found

    async def faults(self, names: Iterable[str]) -> list[str]:
        """A line for each thing about these topics by which a measurement could be lost."""
        wanted = sorted(names)
        settings = await self._settings_of(wanted)
        described = await self._client.describe_topics(wanted)
        states = [
            TopicState(
                topic["topic"],
                min(len(partition["replicas"]) for partition in topic["partitions"]),
                settings.get(topic["topic"], {}),
            )
            for topic in described
            if topic["partitions"]
        ]
        lines = what_is_wrong(states, await self.brokers())
        if settings.keys() < set(wanted):
            lines.append("the settings of topics cannot be read: allow our user DescribeConfigs on them")
        return lines

    async def forget_group(self, name: str) -> None:
        """Let the broker forget a consumer group and its offsets; its members join it anew."""
        answer = await self._client._send_request(DeleteGroupsRequest([name]))
        for _, code in answer.results:
            if code and for_code(code) is not GroupIdNotFound:
                raise for_code(code)(f"group {name} could not be made anew")

    async def allow(self, permissions: Iterable[Permission]) -> Outcome:
        """Let the cluster's ACLs allow all of this, as far as it has ACLs and lets us."""
        for permission in permissions:
            answer = await self._client._send_request(permission.request())
            for code, message in answer.creation_responses:
                if code == SecurityDisabled.errno:
                    return Outcome.NO_ACLS
                if code == ClusterAuthorizationFailedError.errno:
                    return Outcome.REFUSED
                if code:
                    raise for_code(code)(message)
        return Outcome.ALLOWED

    async def _settings_of(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """The settings of each topic of which we may read them."""
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        found = {}
        for answer in await self._client.describe_configs(resources):
            for code, _, _, name, entries in answer.resources:
                if not code:
                    found[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
        return found


async def bounds(settings: Settings, topics: Collection[str]) -> dict[TopicPartition, tuple[int, int]]:
    """The first offset that each partition of the topics holds, and the one that the next record gets."""
    async with AIOKafkaConsumer(**client_arguments(settings)) as consumer:
        # Asking for one partition of a topic makes the client learn the others.
        await consumer.end_offsets([TopicPartition(topic, 0) for topic in topics])
        partitions = [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in consumer.partitions_for_topic(topic)
        ]
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
    return {partition: (begins[partition], ends[partition]) for partition in partitions}
