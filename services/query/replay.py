"""`groenmeter rejects --replay`: what was refused is posted again and judged as of today.

A replay is a post like any other, with a moment and a receipt of its own. The first reject is kept beside
it, marked as replayed once the new post is counted or refused behind the door a second time (a reject of its
own, which can be replayed in its turn). What the door itself refuses stays as it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from schemas.json_text import Unreadable, read_json
from schemas.organisation import Integrator
from schemas.topics import Topic
from services.client import Door
from services.store.rejects import Replayable, mark_replayed


@dataclass
class Replay:
    """What became of replayed rejects: how many were posted, and what the receipts say of them.

    `refused`: the numbers of those that still cannot count, each with the reason.
    """

    posted: int
    new: int
    repeats: int
    rejected: int
    refused: dict[int, str]


def replay(
    connection: psycopg.Connection,
    door: Door,
    rejects: Sequence[Replayable],
    integrators: Mapping[str, Integrator],
) -> Replay:
    """Post every reject again that its first poster may post today; `connection` is the owner's."""
    result = Replay(0, 0, 0, 0, {})
    postable = list(_postable(rejects, integrators, result.refused))
    for batch, answer in door.post_all(postable, text=lambda reject: reject.payload.decode("utf-8-sig")):
        accepted = []
        for reject, entry in zip(batch, answer["events"], strict=True):
            if entry["outcome"] == "accepted":
                accepted.append(reject)
            else:
                result.refused[reject.reject_no] = _reasons(entry["errors"])
        if accepted:
            counted = door.wait(answer["receipt"])
            result.posted += len(accepted)
            result.new += counted["new"]
            result.repeats += counted["repeats"]
            result.rejected += counted["rejected"]
        for reject in accepted:
            mark_replayed(connection, reject.reject_no)
    return result


def _postable(
    rejects: Sequence[Replayable], integrators: Mapping[str, Integrator], refused: dict[int, str]
) -> Iterator[Replayable]:
    """Those that can be posted; the reason of every other goes to `refused`."""
    for reject in rejects:
        reason = _obstacle(reject, integrators)
        if reason is None:
            yield reject
        else:
            refused[reject.reject_no] = reason


def _obstacle(reject: Replayable, integrators: Mapping[str, Integrator]) -> str | None:
    """Why a reject cannot be posted again: the operator may speak for all teams, its poster perhaps not."""
    try:
        is_event = isinstance(read_json(reject.payload), dict)
    except Unreadable as error:
        return f"it cannot be read: {error}"
    if not is_event:
        return "it is not one event"
    integrator = Topic.of_name(reject.topic).integrator
    if integrator is None and not reject.from_the_door:
        return "nobody knows who wrote it: it came without the door's headers"
    if integrator is not None and integrator not in integrators:
        return f"integrator {integrator} is not known"
    teams = reject.teams if integrator is None else integrators[integrator].teams
    if teams is not None and reject.team not in teams:
        return f"whoever posted it may not speak for {reject.team}; allowed: {', '.join(teams) or 'none'}"
    return None


def _reasons(errors: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"{error['field']}: {error['problem']}" for error in errors)
