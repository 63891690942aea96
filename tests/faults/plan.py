"""Which faults happen in which order, and when: drawn from the seed."""

import random
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.faults.campaign import Campaign
from tests.faults.faults import Fault

LONGEST_PAUSE_SECONDS = 1.0
ACCEPTED = 4  # posts between two faults, if they come in time
PATIENCE_SECONDS = 12.0


def draw(chance: random.Random, faults: Sequence[Fault], number: int) -> list[Fault]:
    """So many faults in a random order, every kind as often as any other or once more."""
    drawn: list[Fault] = []
    while len(drawn) < number:
        drawn += chance.sample(faults, len(faults))
    return drawn[:number]


@dataclass
class _Lasting:
    fault: Fault
    due: float
    over: ExitStack

    def wait(self) -> None:
        """Until its time is over."""
        time.sleep(max(0.0, self.due - time.monotonic()))


@dataclass
class Injector:
    """Begins faults at random moments and ends those that last when their time is over."""

    campaign: Campaign
    _lasting: list[_Lasting] = field(default_factory=list)

    def run(self, faults: Iterable[Fault]) -> None:
        """Let all of them happen; nothing lasts when it returns."""
        try:
            for fault in faults:
                self._let_posts_through()
                self._pause(self.campaign.random.uniform(0, LONGEST_PAUSE_SECONDS))
                for lasting in list(self._lasting):
                    if lasting not in self._lasting:
                        continue  # ended before one that waits
                    if fault.alone or (fault.place and lasting.fault.place == fault.place):
                        self._end(lasting)
                self._begin(fault)
        finally:
            self._end_all()

    def _let_posts_through(self) -> None:
        """Faults that follow each other too closely meet nothing."""
        posters = self.campaign.posters
        wanted = ACCEPTED + sum(len(poster.receipts) for poster in posters)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while sum(len(poster.receipts) for poster in posters) < wanted and time.monotonic() < deadline:
            self._pause(0.05)

    def _begin(self, fault: Fault) -> None:
        print(f"{time.strftime('%H:%M:%S')} {fault.kind}", flush=True)
        over = ExitStack()
        over.enter_context(fault.inject(self.campaign))
        self.campaign.injected[fault.kind] += 1
        if fault.alone:
            time.sleep(fault.seconds)
            over.close()
        else:
            self._lasting.append(_Lasting(fault, time.monotonic() + fault.seconds, over))

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            while due := [lasting for lasting in self._lasting if lasting.due <= now]:
                self._end(due[0])
            if now >= until:
                return
            time.sleep(0.05)

    def _end_all(self) -> None:
        """Also those that are left when one cannot be ended; what waits for something last."""
        with ExitStack() as rest:
            for lasting in sorted(self._lasting, key=lambda lasting: not lasting.fault.waits):
                rest.push(lasting.over)
                rest.callback(lasting.wait)
            self._lasting.clear()

    def _end(self, lasting: _Lasting) -> None:
        """Wait until its time is over, and end it; before one that waits for something, all others."""
        self._lasting.remove(lasting)
        if lasting.fault.waits:
            for other in list(self._lasting):
                self._end(other)
        lasting.wait()
        lasting.over.close()
