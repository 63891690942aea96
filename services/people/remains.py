"""What of an erased text is not in our reach, and until when."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.intake.erasing_progress import erased_up_to
from services.local.stack import read_state
from services.settings import Settings
from services.store.connection import connect
from services.store.redactions import newest_number

TOPICS_KEEP = timedelta(days=30)
SPOOL_SECONDS = 10.0
_LOOK_SECONDS = 0.1


def remains(settings: Settings, dsn: str) -> list[str]:
    """A line for each place that may still hold what was erased; waits some seconds for the door's spool."""
    now = datetime.now(UTC)
    lines = [
        f"backups that were made before {now:%Y-%m-%d %H:%M} UTC, as long as you keep them; "
        "`groenmeter restore` erases it again",
        "the files of the database, where no query finds it but who reads them may: its tables until it "
        "writes over the place, its log (pg_wal, and what you archive of it) until it uses the file again; "
        "`CHECKPOINT` makes that sooner",
    ]
    if settings.broker is not None:
        until = now + TOPICS_KEEP  # the same may have been posted once more a moment ago
        lines.insert(
            0, f"the topics of the broker, until {until:%Y-%m-%d}; what is read again is erased again"
        )
        return lines
    lines.insert(
        0, "the memory of the embedded broker, until it begins a new log (`groenmeter down` and `up`)"
    )
    if not _spool_followed(settings.home, dsn):
        lines.insert(0, "the spool on this machine: the door erases it there when it runs")
    return lines


def _spool_followed(home: Path, dsn: str) -> bool:
    state = read_state(home)
    spool = home / "spool"
    if not spool.exists():
        return True
    with connect(dsn) as connection:
        newest = newest_number(connection)
    deadline = time.monotonic() + (SPOOL_SECONDS if state and state.is_running() else 0)
    while erased_up_to(spool) != newest and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return erased_up_to(spool) == newest
