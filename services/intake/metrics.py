"""What `/metrics` shows (Prometheus)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The door's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = Counter(
            "groenmeter_door_events", "Events posted, by outcome", ["outcome"], registry=self.registry
        )
        self.responses = Counter(
            "groenmeter_door_responses", "Answers to requests, by status", ["status"], registry=self.registry
        )
        self.seconds = Histogram(
            "groenmeter_door_post_seconds",
            "From a post to its answer, in seconds",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.spool_bytes = Gauge(
            "groenmeter_door_spool_bytes",
            "What the spool holds and is not counted, in bytes",
            registry=self.registry,
        )
        self.closed_spool_bytes = Gauge(
            "groenmeter_door_closed_spool_bytes",
            "What of it is counted, and kept some days for a restored database, in bytes",
            registry=self.registry,
        )
        self.lag = Gauge(
            "groenmeter_lag_events",
            "Accepted and not counted yet; NaN: cannot be told",
            registry=self.registry,
        )
        self.stopped_partitions = Gauge(
            "groenmeter_stopped_partitions",
            "Partitions that are not read; NaN: cannot be told",
            registry=self.registry,
        )
        self.freshness = Gauge(
            "groenmeter_freshness_seconds",
            "How long nothing was counted although there is a lag; NaN: cannot be told",
            registry=self.registry,
        )
