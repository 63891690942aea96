"""Who may do what on a cluster that has ACLs: an integrator writes to its own topics, and nothing else.

What we may not allow ourselves is said as commands for whoever administers the cluster.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, IntEnum
from typing import NamedTuple

from aiokafka.protocol.admin import CreateAclsRequest


class Operation(IntEnum):
    """Kafka's numbers of what one may do."""

    WRITE = 4
    DESCRIBE = 8


class Outcome(Enum):
    """What became of asking the cluster for a permission."""

    ALLOWED = "allowed"
    NO_ACLS = "the cluster keeps no ACLs"
    REFUSED = "we may not change the cluster's ACLs"


class Permission(NamedTuple):
    """A principal, like `User:lab`, may do something with a topic, from anywhere."""

    principal: str
    operation: Operation
    topic: str

    def request(self) -> CreateAclsRequest:
        """As Kafka's protocol has it."""
        topic, literal, allow = 2, 3, 3
        return CreateAclsRequest(topic, self.topic, literal, self.principal, "*", int(self.operation), allow)


def permissions_of(principal: str, topics: Iterable[str]) -> list[Permission]:
    """What an integrator needs for its topics: to write, and to find out where."""
    return [Permission(principal, operation, topic) for topic in topics for operation in Operation]


def commands(permissions: Iterable[Permission], addresses: str) -> Iterator[str]:
    """Kafka's own commands for these permissions, one for each topic."""
    by_topic: dict[tuple[str, str], list[str]] = {}
    for principal, operation, topic in permissions:
        by_topic.setdefault((principal, topic), []).append(f"--operation {operation.name.capitalize()}")
    for (principal, topic), operations in by_topic.items():
        yield (
            f"kafka-acls.sh --bootstrap-server {addresses} --add --allow-principal '{principal}' "
            f"{' '.join(operations)} --topic {topic}"
        )
