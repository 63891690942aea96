"""What is said of topics by whose settings a measurement could be lost."""

import pytest

from services.topic_settings import TopicState, replicas_on, settings_of_new_topic, what_is_wrong

TOPIC = "measurements.waste"


def state(name: str = TOPIC, replicas: int = 3, **changes: str) -> TopicState:
    settings = settings_of_new_topic(replicas) | {
        setting.replace("_", "."): value for setting, value in changes.items()
    }
    return TopicState(name, replicas, settings)


@pytest.mark.parametrize("brokers", [2, 3, 5])
def test_nothing_is_wrong_with_topics_that_we_made_with_every_broker_there(brokers: int) -> None:
    replicas = replicas_on(brokers)
    wrong = what_is_wrong([state(replicas=replicas), state(f"{TOPIC}.lab", replicas)], brokers)

    assert wrong == [] if brokers >= 3 else ["min.insync.replicas is 1" in line for line in wrong]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"min_insync_replicas": "1"}, "set min.insync.replicas=2"),
        ({"unclean_leader_election_enable": "true"}, "set unclean.leader.election.enable=false"),
        ({"cleanup_policy": "compact,delete"}, "set cleanup.policy=delete"),
        ({"retention_ms": "3600000"}, "keeps records for 0.0 days only"),
        ({"retention_bytes": "1000000"}, "set retention.bytes=-1"),
        ({"max_message_bytes": "100000"}, "set max.message.bytes=1048588"),
    ],
)
def test_each_setting_by_which_something_could_be_lost_is_said(changes: dict[str, str], said: str) -> None:
    (line,) = what_is_wrong([state(**changes), state("measurements.energy")], brokers=3)

    assert line.startswith(f"{TOPIC}: ")
    assert said in line


def test_records_that_are_kept_for_ever_are_fine() -> None:
    assert what_is_wrong([state(retention_ms="-1")], brokers=3) == []


def test_only_an_integrators_topic_needs_the_brokers_clock() -> None:
    topics = [state(name, message_timestamp_type="CreateTime") for name in (TOPIC, f"{TOPIC}.lab")]

    (line,) = what_is_wrong(topics, brokers=3)

    assert line.startswith(f"{TOPIC}.lab: message.timestamp.type is not LogAppendTime")


def test_too_few_replicas_are_said_once_for_all_topics() -> None:
    topics = [state(name, replicas=1, min_insync_replicas="2") for name in ("a", "b", "c", "d")]
    topics = [TopicState(f"measurements.waste.{topic.name}", 1, topic.settings) for topic in topics]

    (line,) = what_is_wrong(topics, brokers=3)

    assert line.startswith(
        "measurements.waste.a, measurements.waste.b and 2 more topics: has 1 of 3 replicas"
    )


def test_one_broker_is_said_and_no_more() -> None:
    (line,) = what_is_wrong([state(replicas=1)], brokers=1)

    assert line.startswith("the cluster has one broker")


def test_a_broker_that_tells_no_settings_is_not_blamed_for_them() -> None:
    assert what_is_wrong([TopicState(TOPIC, 3, {})], brokers=3) == []
