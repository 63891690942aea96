"""What becomes of arriving revisions of one measurement: new, a repeat, or a conflict. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from schemas.events import MOST_REVISIONS
from schemas.problems import Problem

Outcome = Literal["new", "repeat", "conflict"]


class Revision(NamedTuple):
    """A revision of a measurement and the fingerprint of its content.

    `alike`: other fingerprints of the same content, if texts of it were erased.
    """

    number: int
    fingerprint: bytes
    alike: frozenset[bytes] = frozenset()

    @property
    def stored(self) -> tuple[int, bytes]:
        """What is kept of it."""
        return self.number, self.fingerprint


class Settled(NamedTuple):
    """What became of the arrivals of one measurement.

    `outcomes`: one for each arrival. `counted`: the revision that counts from now on. `winner`: the index of
    the arrival that it is, None when the one that counted before still does.
    """

    outcomes: list[Outcome]
    counted: Revision
    winner: int | None


def settle(known: Mapping[int, bytes], arriving: Sequence[Revision]) -> Settled:
    """Decide about arriving revisions in their order, beside those in the ledger (number to fingerprint).

    The highest revision counts. A revision that is there already is a repeat when its content is the same;
    otherwise the one in the ledger stands and the other is a conflict.
    """
    seen = dict(known)
    outcomes: list[Outcome] = []
    highest = max(seen, default=0)
    winner = None
    for index, revision in enumerate(arriving):
        there = seen.get(revision.number)
        if there is not None:
            same = there == revision.fingerprint or there in revision.alike
            outcomes.append("repeat" if same else "conflict")
            continue
        outcomes.append("new")
        seen[revision.number] = revision.fingerprint
        if revision.number > highest:
            highest, winner = revision.number, index
    return Settled(outcomes, Revision(highest, seen[highest]), winner)


def conflict_problem(revision: int, highest: int) -> Problem:
    """The reason of a conflict, which names the revision to send."""
    following = highest + 1
    allowed, hint = "a new id: this one has no revision left", "the one in the ledger stands"
    if following <= MOST_REVISIONS:
        allowed = f"revision {following}"
        hint = f"send it as {allowed} if it is a correction; the one in the ledger stands until then"
    problem = f"conflict: revision {revision} of this measurement is in the ledger with other content"
    return Problem("revision", problem, allowed, hint)
