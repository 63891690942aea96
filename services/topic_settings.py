"""How topics of ours are made on a cluster, and what is wrong with those that are there. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from schemas.topics import LARGEST_RECORD, Topic

PARTITIONS = 6
REPLICAS = 3
_DAY_MILLISECONDS = 24 * 3600 * 1000
_RETENTION_MILLISECONDS = 30 * _DAY_MILLISECONDS
_SHORTEST_RETENTION_MILLISECONDS = 7 * _DAY_MILLISECONDS
_LARGEST_MESSAGE = 1_048_588  # Kafka's own default, which has room for our largest record and its headers


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as a cluster describes it; `replicas` are those of its partition that has the fewest.

    `settings` is empty where the cluster tells none.
    """

    name: str
    replicas: int
    settings: Mapping[str, str]


def replicas_on(brokers: int) -> int:
    """How many copies of a record a new topic keeps on a cluster of so many brokers."""
    return max(1, min(REPLICAS, brokers))


def settings_of_new_topic(replicas: int) -> dict[str, str]:
    """The settings that a new topic gets, whatever the cluster's defaults are."""
    return {
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(_RETENTION_MILLISECONDS),
        "cleanup.policy": "delete",
        "min.insync.replicas": str(max(1, replicas - 1)),
        "unclean.leader.election.enable": "false",
        "max.message.bytes": str(_LARGEST_MESSAGE),
    }


def what_is_wrong(topics: Iterable[TopicState], brokers: int) -> list[str]:
    """A line for each thing by which a measurement could be lost, with the topics that it concerns."""
    concerned: defaultdict[str, list[str]] = defaultdict(list)
    for topic in sorted(topics, key=lambda topic: topic.name):
        for fault in _faults(topic, brokers):
            concerned[fault].append(topic.name)
    lines = [f"{_listed(names)}: {fault}" for fault, names in concerned.items()]
    if brokers == 1:
        lines.insert(
            0,
            "the cluster has one broker: what is accepted survives the end of its process, not the loss of "
            "its disk; three brokers with min.insync.replicas 2 survive that too",
        )
    return lines


def _faults(topic: TopicState, brokers: int) -> Iterator[str]:
    wanted = replicas_on(brokers)
    if topic.replicas < wanted:
        yield (
            f"has {topic.replicas} of {wanted} replicas: what is accepted can be lost with one disk; "
            "give it more with kafka-reassign-partitions.sh"
        )
    settings = topic.settings
    if brokers > 1 and settings.get("min.insync.replicas") == "1":
        yield (
            "min.insync.replicas is 1: what is accepted can be lost with one broker; "
            "set min.insync.replicas=2, with three replicas"
        )
    if settings.get("unclean.leader.election.enable") == "true":
        yield (
            "unclean.leader.election.enable is true: a broker that lags behind may take over and forget what "
            "was accepted; set unclean.leader.election.enable=false"
        )
    if "compact" in settings.get("cleanup.policy", ""):
        yield "cleanup.policy compacts: records of one key replace each other; set cleanup.policy=delete"
    retention = int(settings.get("retention.ms", "-1"))
    if 0 <= retention < _SHORTEST_RETENTION_MILLISECONDS:
        yield (
            f"retention.ms keeps records for {retention / _DAY_MILLISECONDS:.1f} days only: a processor that "
            f"stands still for longer misses them; set retention.ms={_RETENTION_MILLISECONDS}"
        )
    if settings.get("retention.bytes", "-1") != "-1":
        yield "retention.bytes drops records by size, counted or not; set retention.bytes=-1"
    if int(settings.get("max.message.bytes", _LARGEST_MESSAGE)) < LARGEST_RECORD + 50_000:
        yield f"max.message.bytes is too small for a large post; set max.message.bytes={_LARGEST_MESSAGE}"
    timestamps = settings.get("message.timestamp.type", "LogAppendTime")
    if Topic.of_name(topic.name).integrator and timestamps != "LogAppendTime":
        yield (
            "message.timestamp.type is not LogAppendTime: the moment of receipt is what the producer says; "
            "set message.timestamp.type=LogAppendTime"
        )


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more topics"
