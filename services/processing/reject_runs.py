"""When rejects become too many: counted for each partition as its records are judged. Pure.

Too many are `in_a_row` without one event that is accepted, or `share` of the events of a window, which begins
with a reject. Conflicts are no part of it: what is wrong there is one measurement, not what a machine sends.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """From when on rejects are too many."""

    in_a_row: int = 10_000
    share: float = 0.5
    window: int = 20_000


@dataclass
class RejectRun:
    """How the rejects of one partition add up."""

    limits: Limits
    in_a_row: int = 0
    window_events: int = 0
    window_rejects: int = 0

    def follow(self, rejected: Iterable[bool]) -> str | None:
        """Count events in their order; in words why the rejects are too many now, and then begin anew."""
        alarm = None
        for is_reject in rejected:
            self.in_a_row = self.in_a_row + 1 if is_reject else 0
            if is_reject or self.window_events:
                self.window_events += 1
                self.window_rejects += is_reject
            alarm = self._too_many()
            if alarm or self.window_events >= self.limits.window:
                self.window_events = self.window_rejects = 0
            if alarm:
                self.in_a_row = 0
                return alarm
        return alarm

    def _too_many(self) -> str | None:
        if self.in_a_row >= self.limits.in_a_row:
            return f"{self.in_a_row} rejects in a row"
        if self.window_rejects >= self.limits.share * self.limits.window:
            return f"{self.window_rejects} rejects among the last {self.window_events} events"
        return None
