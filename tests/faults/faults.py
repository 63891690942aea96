"""The kinds of faults that there are."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from services.fail_points import NAMES, FailPoint
from tests.faults import disturbing, killing
from tests.faults.campaign import Campaign
from tests.faults.clocks import PROCESSES
from tests.faults.killing import PROCESSORS, kill

OF_THE_SPOOL: tuple[FailPoint, ...] = ("before-forward", "after-forward", "before-forget")


@dataclass(frozen=True)
class Fault:
    """What happens where its `with` begins, and is over at its end.

    `seconds`: how long it lasts, while others begin; two of one `place` never overlap, and nothing else goes
    on beside one that is `alone`. `waits`: its end waits for something that other faults may hold up.
    """

    kind: str
    inject: Callable[[Campaign], AbstractContextManager[None]]
    seconds: float = 0
    alone: bool = False
    place: str = ""
    waits: bool = False
    can_be: Callable[[Campaign], bool] = lambda _: True


def _die_at(place: FailPoint) -> Fault:
    return Fault(
        f"dies {place}",
        lambda campaign: disturbing.die_at(campaign, place),
        seconds=1,
        place="fail point",
        waits=True,
        can_be=lambda campaign: campaign.cluster is None or place not in OF_THE_SPOOL,
    )


def _embedded(campaign: Campaign) -> bool:
    return campaign.cluster is None


def _replicated(campaign: Campaign) -> bool:
    return campaign.cluster is not None


def _has_clocks(campaign: Campaign) -> bool:
    return campaign.clocks is not None


def _has_clock_of_database(campaign: Campaign) -> bool:
    return campaign.clocks is not None and campaign.clocks.has_database


_OTHERS = tuple(name for name in PROCESSES if name != "database")

KILLED = (
    Fault("kill -9 door", kill("door")),
    Fault("kill -9 one processor", kill("processor-1")),
    Fault("kill -9 both processors", kill(*PROCESSORS)),
    Fault("kill -9 tracker", kill("tracker")),
    Fault("kill -9 teller", kill("teller")),
    Fault("kill -9 broker", kill("broker"), can_be=_embedded),
    Fault("kill -9 database", kill("database")),
    Fault("kill -9 session of the database", killing.kill_session),
    Fault("kill -9 several at once", killing.kill_several),
    Fault("kill -9 supervisor", killing.kill_supervisor, alone=True),
    Fault("kill -9 everything at once", killing.kill_everything, alone=True),
    Fault("kill -9 a node", lambda c: disturbing.kill_nodes(c, 1), 5, place="broker", can_be=_replicated),
    Fault("kill -9 two nodes", lambda c: disturbing.kill_nodes(c, 2), 5, place="broker", can_be=_replicated),
)
DISTURBED = (
    Fault("database restarted", killing.restart_database),
    Fault("database refuses connections", disturbing.refuse_connections, 20, place="database"),
    Fault("database hangs", disturbing.hang("database"), 4, place="database"),
    Fault("processor hangs", disturbing.hang(*PROCESSORS), 9, place="processor"),  # longer than its session
    Fault("worker joins and leaves", disturbing.visitor, 9, place="worker"),
    Fault("broker is slow", disturbing.slow_broker, 8, place="broker"),
    Fault("broker hangs", disturbing.hang_broker, 8, place="broker"),
    Fault("disk of the spool is full", disturbing.full_spool, 2, alone=True, can_be=_embedded),
    Fault(
        "clock of a process jumps",
        lambda campaign: disturbing.clock_jumps(campaign, _OTHERS),
        seconds=4,
        place="clock",
        can_be=_has_clocks,
    ),
    Fault(
        "clock of the database jumps",
        lambda campaign: disturbing.clock_jumps(campaign, ("database",)),
        seconds=4,
        place="clock of the database",
        can_be=_has_clock_of_database,
    ),
)
FAULTS = KILLED + DISTURBED
FAIL_POINTS = tuple(_die_at(name) for name in NAMES)
