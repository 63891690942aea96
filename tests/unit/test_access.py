"""Permissions as Kafka's own commands."""

from services.access import commands, permissions_of


def test_an_integrator_may_write_and_describe_its_topics() -> None:
    permissions = permissions_of("User:lab", ["measurements.waste.lab", "measurements.energy.lab"])

    assert list(commands(permissions, "kafka-1:9093,kafka-2:9093")) == [
        "kafka-acls.sh --bootstrap-server kafka-1:9093,kafka-2:9093 --add --allow-principal 'User:lab' "
        f"--operation Write --operation Describe --topic measurements.{kind}.lab"
        for kind in ("waste", "energy")
    ]
