"""Whatever happens while measurements are posted and produced: each of them counts exactly once.

`make faults SEED= FAULTS=300 KAFKA=3` is the long form; the short one has every kind of fault once.
"""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from services.fail_points import NAMES
from tests.faults.campaign import Campaign, campaign_of
from tests.faults.faults import FAIL_POINTS, FAULTS
from tests.faults.plan import Injector, draw
from tests.faults.report import table

SEED = os.environ.get("FAULTS_SEED") or str(time.time_ns())
NUMBER = int(os.environ.get("FAULTS") or 0)
KAFKA_NODES = int(os.environ.get("FAULTS_KAFKA") or 0)
COMPARED_AFTER = 60  # faults


@pytest.fixture(scope="module")
def campaign() -> Iterator[Campaign]:
    print(f"FAULTS_SEED={SEED}")
    with campaign_of(SEED, streams=20 if NUMBER else 5, kafka_nodes=KAFKA_NODES) as campaign:
        yield campaign


@pytest.fixture(scope="module")
def report(campaign: Campaign) -> Callable[[], str]:
    began = time.monotonic()
    return lambda: table(campaign, SEED, time.monotonic() - began)


def test_random_faults(
    campaign: Campaign, report: Callable[[], str], record_property: Callable[[str, object], None]
) -> None:
    kinds = [fault for fault in (*FAULTS, *FAIL_POINTS) if fault.can_be(campaign)]
    faults = draw(campaign.random, kinds, NUMBER or len(kinds))
    for first in range(0, len(faults), COMPARED_AFTER):
        with campaign.posting():
            Injector(campaign).run(faults[first : first + COMPARED_AFTER])
        print(report(), flush=True)
    record_property("report", report())

    assert len(FAIL_POINTS) == len(NAMES)
    assert sum(campaign.injected.values()) == len(faults) >= 20
    if not NUMBER:
        assert campaign.injected.keys() == {fault.kind for fault in kinds}
