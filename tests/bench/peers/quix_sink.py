"""The peer: Quix Streams with its PostgreSQLSink, in an environment of its own. Not imported by our code.

`python quix_sink.py BROKER TOPIC HOST PORT DATABASE USER PASSWORD GROUP RECORDS` reads the topic from its
beginning, arrays as events, and prints a line for each flush: the moment and the rows. It flushes behind so
many records, or what there is twice a second: by default it would wait up to 5 s with the last. No
validation, no repeats, no totals.
"""

import sys
import time

from quixstreams import Application
from quixstreams.sinks.community.postgresql import PostgreSQLSink


class TimedSink(PostgreSQLSink):
    """Says when it wrote how many rows."""

    def write(self, batch):
        super().write(batch)
        print(time.time(), batch.size, flush=True)


def rows(value):
    return [row(event) for event in (value if isinstance(value, list) else [value])]


def row(event):
    data = event.pop("data")
    data["period_from"], data["period_to"] = data.pop("from"), data.pop("to")
    return event | data


def main(broker, topic, host, port, database, user, password, group, records):
    application = Application(
        broker_address=broker,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_every=int(records),
        commit_interval=0.5,
        loglevel="WARNING",
    )
    sink = TimedSink(host, int(port), database, user, password, table_name="readings")
    frame = application.dataframe(application.topic(topic, value_deserializer="json"))
    frame.apply(rows, expand=True).sink(sink)
    application.run()


main(*sys.argv[1:])
